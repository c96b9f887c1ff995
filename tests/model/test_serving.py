"""The endpoint: current figures in, a forecast for each horizon out, and nonsense refused by name."""

import importlib.util
import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jobs.training.learning.errors import RefusedInputError
from jobs.training.learning.macro import serving
from jobs.training.learning.macro.baselines import Autoregression
from jobs.training.learning.macro.features import build
from jobs.training.learning.macro.known import view
from jobs.training.learning.macro.methods import AR, MEAN, METHODS, MODEL, RANDOM_WALK
from jobs.training.learning.macro.recession.head import Head, build_head_features
from jobs.training.learning.macro.splits import make_pairs
from jobs.training.learning.months import format_month, parse_month
from tests.model.builders import Economy
from tests.model.conftest import TRAINING, JobRun

LAST = "2009-12"


@pytest.fixture(scope="module")
def model(trained: JobRun) -> serving.Model:
    return serving.load(trained.model)


@pytest.fixture(scope="module")
def golden(trained: JobRun) -> dict[str, Any]:
    manifest = json.loads((trained.model / "bundle.json").read_text(encoding="utf-8"))
    content: dict[str, Any] = manifest["golden"]
    return content


def ask(model: serving.Model, **request: Any) -> dict[str, Any]:
    return dict(serving.answer(model, serving.parse_request(json.dumps(request))))


def refused(model: serving.Model, body: str | bytes) -> RefusedInputError:
    with pytest.raises(RefusedInputError) as caught:
        serving.answer(model, serving.parse_request(body))
    said = json.loads(str(caught.value))
    assert said == {"field": caught.value.field, "reason": caught.value.reason}
    return caught.value


def test_the_golden_request_has_its_golden_answer(model: serving.Model, golden: dict[str, Any]) -> None:
    # Given a loaded bundle, when asked its golden request, then it says what it said when it was trained
    answer = ask(model, **golden["request"])
    assert answer.pop("model_version") == model.version
    assert answer == golden["response"]


def test_the_answer_holds_each_horizon_with_its_interval(model: serving.Model, golden: dict[str, Any]) -> None:
    # Given a request for three months ahead
    answer = ask(model, data=golden["request"]["data"], month=LAST, horizon_months="3")
    # When answered, then that horizon is the main one and all are there
    assert (answer["horizon_months"], answer["target_month"], answer["unit"]) == (3, "2010-03", "percent")
    assert [one["horizon_months"] for one in answer["predictions"]] == [1, 3]
    for one in answer["predictions"]:
        narrow, wide = one["intervals"]
        assert one["interval"] == narrow
        assert wide["lower"] <= narrow["lower"] < one["prediction"] < narrow["upper"] <= wide["upper"]


def test_serving_sees_what_training_saw(model: serving.Model, made: Economy, golden: dict[str, Any]) -> None:
    # Given the training's own features of the last month
    table = build(view(made.panel, made.series, "UNRATE"), "UNRATE")
    # When the endpoint answers for that month's figures
    answer = ask(model, **golden["request"])
    # Then its forecast is the forecaster's on the training's row, to the digits shown
    expected = table.level[-1] + model.forecasters[1].predict(table.values[-1:])[0]
    assert answer["prediction"] == pytest.approx(expected, abs=1e-4)


def test_what_is_left_out_is_filled_from_the_history(model: serving.Model, golden: dict[str, Any]) -> None:
    # Given the target alone, when asked for the history's last month, then the answer is that of the whole row
    answer = ask(model, data={"UNRATE": golden["request"]["data"]["UNRATE"]})
    assert answer["prediction"] == golden["response"]["prediction"]
    assert answer["month"] == LAST
    assert "ICSA" in answer["filled"]
    assert "UNRATE" not in answer["filled"]


def test_text_and_extra_columns_are_taken(model: serving.Model, golden: dict[str, Any]) -> None:
    # Given numbers as text, one null, and columns nobody knows, numbers or not
    data: dict[str, Any] = {name: f" {value!r} " for name, value in golden["request"]["data"].items()}
    data["INDPRO"] = None
    extra = {"VIBES": 3, "note": "good", "tags": ["a"], "seen": True}
    answer = ask(model, data={**data, **extra}, month=LAST)
    # When asked, then they count as numbers, the null as left out, the extra not at all
    assert answer["prediction"] == golden["response"]["prediction"]
    assert answer["filled"] == ["INDPRO"]


def test_a_figure_moves_the_forecast(model: serving.Model, golden: dict[str, Any]) -> None:
    # Given claims that jump by half, when asked, then unemployment is expected higher
    data = golden["request"]["data"]
    answer = ask(model, data={**data, "ICSA": 1.5 * data["ICSA"]}, month=LAST)
    assert answer["predictions"][1]["prediction"] > golden["response"]["predictions"][1]["prediction"]


def test_a_later_month_continues_the_history(model: serving.Model, golden: dict[str, Any]) -> None:
    # Given the month after the history and figures of that month, when asked, then the target month moves on
    rate = golden["request"]["data"]["UNRATE"] + 0.3
    answer = ask(model, data={"UNRATE": rate}, month="2010-01")
    assert (answer["month"], answer["target_month"]) == ("2010-01", "2010-02")
    assert abs(answer["prediction"] - rate) < 0.5


def test_months_in_between_are_bridged(model: serving.Model, golden: dict[str, Any]) -> None:
    # Given a request two months past the history, when the target rose by .4, then its last change counts as .2
    rate = golden["request"]["data"]["UNRATE"]
    table = serving._features(model, serving._known(model, {"UNRATE": rate + 0.4}, parse_month("2010-02")))
    changes = dict(zip(model.feature_names, table.values[-1], strict=True))
    assert table.level[-1] == pytest.approx(rate + 0.4)
    assert changes["target.change1.lag0"] == pytest.approx(0.2, abs=0.06)


def test_each_method_gives_its_own_forecast(model: serving.Model, made: Economy, golden: dict[str, Any]) -> None:
    # Given the newest month, and the baselines of the backtest at that month
    data, level = golden["request"]["data"], build(view(made.panel, made.series, "UNRATE"), "UNRATE").level
    published = made.panel.column("UNRATE")
    rows = np.arange(len(level))
    pairs = make_pairs(level, published, 3, None, made.panel.first_month)
    expected = level[-1] + Autoregression(level).forecast(pairs, int(rows[-1]))
    # When each method serves three months ahead, then its forecast is that of the backtest, and the answer names it
    answers = {
        method: ask(replace(model, methods={1: "model", 3: method}), data=data, month=LAST)["predictions"][1]
        for method in METHODS
    }
    assert {method: each["method"] for method, each in answers.items()} == {method: method for method in METHODS}
    forecasts = {method: each["prediction"] for method, each in answers.items()}
    assert forecasts[AR] == pytest.approx(expected, abs=1e-4)
    assert forecasts[RANDOM_WALK] == pytest.approx(published[-1], abs=1e-4)
    assert forecasts[MEAN] == pytest.approx((forecasts[MODEL] + forecasts[AR]) / 2, abs=2e-4)
    assert len(set(forecasts.values())) == 4


def test_an_earlier_month_knows_nothing_later(model: serving.Model, made: Economy) -> None:
    # Given a month within the history, when asked with its own figures, then the answer has its features
    row = 230
    known = view(made.panel, made.series, "UNRATE")
    figures = {entry.name: float(known.values[row, at]) for at, entry in enumerate(made.series)}
    month = made.panel.first_month + row
    table = serving._features(model, serving._known(model, figures, month))
    np.testing.assert_array_equal(table.values[-1], build(known, "UNRATE").values[row])
    assert ask(model, data=figures, month=format_month(month))["month"] == format_month(month)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", "body"),
        ("{", "body"),
        ("[" * 100_000, "body"),
        ("[]", "body"),
        ("{}", "data"),
        ('{"data": []}', "data"),
        ('{"data": [{"UNRATE": 4}]}', "data"),
        ('{"data": {}}', "UNRATE"),
        ('{"data": {"UNRATE": null}}', "UNRATE"),
        ('{"data": {"UNRATE": "four"}}', "UNRATE"),
        ('{"data": {"UNRATE": ""}}', "UNRATE"),
        ('{"data": {"UNRATE": "4,1"}}', "UNRATE"),
        ('{"data": {"UNRATE": "1_0"}}', "UNRATE"),
        ('{"data": {"UNRATE": "nan"}}', "UNRATE"),
        ('{"data": {"UNRATE": NaN}}', "UNRATE"),
        ('{"data": {"UNRATE": Infinity}}', "UNRATE"),
        ('{"data": {"UNRATE": 1e999}}', "UNRATE"),
        ('{"data": {"UNRATE": true}}', "UNRATE"),
        ('{"data": {"UNRATE": [4]}}', "UNRATE"),
        ('{"data": {"UNRATE": {"value": 4}}}', "UNRATE"),
        ('{"data": {"UNRATE": -1}}', "UNRATE"),
        ('{"data": {"UNRATE": 410}}', "UNRATE"),
        ('{"data": {"UNRATE": 4, "ICSA": 0}}', "ICSA"),
        ('{"data": {"UNRATE": 4, "ICSA": 1e12}}', "ICSA"),
        ('{"data": {"UNRATE": 4, "ICSA": "lots"}}', "ICSA"),
        (r'{"data": {"UNRATE": "\ud800"}}', "UNRATE"),
        ('{"data": {"UNRATE": 4}, "month": "2010"}', "month"),
        ('{"data": {"UNRATE": 4}, "month": "2010-13"}', "month"),
        ('{"data": {"UNRATE": 4}, "month": 201001}', "month"),
        ('{"data": {"UNRATE": 4}, "month": "2010-04"}', "month"),
        ('{"data": {"UNRATE": 4}, "month": "1990-01"}', "month"),
        ('{"data": {"UNRATE": 4}, "horizon_months": 2}', "horizon_months"),
        ('{"data": {"UNRATE": 4}, "horizon_months": 1.5}', "horizon_months"),
        ('{"data": {"UNRATE": 4}, "horizon_months": true}', "horizon_months"),
        ('{"data": {"UNRATE": 4}, "horizon_months": "soon"}', "horizon_months"),
        (b'\xff\xfe{"data": {}}', "body"),
    ],
)
def test_nonsense_is_refused_by_name(model: serving.Model, body: str | bytes, field: str) -> None:
    refusal = refused(model, body)
    assert refusal.field == field
    assert json.loads(str(refusal).encode())["field"] == field  # it has to travel as UTF-8


def test_a_forecast_is_never_below_what_the_target_can_be(model: serving.Model) -> None:
    # Given a rate of nearly nothing, when asked, then forecast and interval stop at zero
    answer = ask(model, data={"UNRATE": 0.05})
    assert min(answer["prediction"], answer["interval"]["lower"]) >= 0.0
    assert math.isfinite(answer["interval"]["upper"])


# --- the recession head ----------------------------------------------------------------------------------------------


def test_the_answer_holds_the_chance_of_a_recession(model: serving.Model, golden: dict[str, Any]) -> None:
    # Given the golden request, when answered, then head and baseline give a probability for its month
    recession = ask(model, **golden["request"])["recession"]
    assert recession == golden["response"]["recession"]
    assert (recession["within_months"], recession["month"]) == (12, LAST)
    assert 0.0 < recession["probability"] < 1.0
    assert 0.0 < recession["baseline_probability"] < 1.0


def test_an_inverted_curve_makes_a_recession_likelier(model: serving.Model, golden: dict[str, Any]) -> None:
    data = golden["request"]["data"]
    inverted = ask(model, data={**data, "FEDFUNDS": data["GS10"] + 1.0}, month=LAST)["recession"]
    steep = ask(model, data={**data, "FEDFUNDS": max(0.1, data["GS10"] - 4.0)}, month=LAST)["recession"]
    assert inverted["probability"] > steep["probability"]
    assert inverted["baseline_probability"] > steep["baseline_probability"]


def test_serving_s_head_sees_what_training_saw(model: serving.Model, made: Economy, golden: dict[str, Any]) -> None:
    # Given the head's features as training made them, when the endpoint answers, then it is the head's own answer
    features = build_head_features(view(made.panel, made.series, "UNRATE"))
    assert features is not None
    assert isinstance(model.recession, Head)
    expected = model.recession.probability(features.values[-1:])[0]
    assert ask(model, **golden["request"])["recession"]["probability"] == pytest.approx(expected, abs=1e-4)


def test_without_a_head_the_answer_says_why(model: serving.Model, golden: dict[str, Any]) -> None:
    answer = ask(replace(model, recession="the dataset has no USREC"), **golden["request"])
    assert answer["recession"] is None
    assert answer["recession_left_out"] == "the dataset has no USREC"
    assert answer["prediction"] == golden["response"]["prediction"]


def test_without_a_spread_the_answer_says_so(model: serving.Model, golden: dict[str, Any]) -> None:
    # Given a history that lost its long rate, when asked without one, then the forecast stands and the head is silent
    values = model.history.values.copy()
    values[:, model.history.names.index("GS10")] = np.nan
    lost = replace(model, history=replace(model.history, values=values))
    answer = ask(lost, data={"UNRATE": golden["request"]["data"]["UNRATE"]})
    assert answer["recession"] is None
    assert answer["recession_left_out"] == f"GS10-FEDFUNDS is unknown for {LAST}"


# --- the entry point's four functions --------------------------------------------------------------------------------


@pytest.fixture
def entry(trained: JobRun, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """inference.py as the bundle carries it, imported as the endpoint's worker does."""
    code = trained.model / "code"
    assert (code / "inference.py").read_bytes() == (TRAINING / "inference.py").read_bytes()
    monkeypatch.syspath_prepend(str(code))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in [name for name in sys.modules if name.split(".")[0] == "learning"]:
        monkeypatch.delitem(sys.modules, name)
    spec = importlib.util.spec_from_file_location("inference_under_test", code / "inference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(entry: ModuleType, folder: Path, body: str, content_type: str = "application/json") -> Any:
    model = entry.model_fn(str(folder))
    return entry.output_fn(entry.predict_fn(entry.input_fn(body, content_type), model), "application/json")


def test_the_four_functions_answer_in_json(entry: ModuleType, trained: JobRun, golden: dict[str, Any]) -> None:
    text, content_type = call(entry, trained.model, json.dumps(golden["request"]), "application/json; charset=utf-8")
    assert content_type == "application/json"
    assert json.loads(text)["prediction"] == golden["response"]["prediction"]


@pytest.mark.parametrize(
    ("body", "content_type", "field"),
    [
        ('{"data": {}}', "application/json", "UNRATE"),
        ("no", "application/json", "body"),
        ("1,2", "text/csv", "content_type"),
    ],
)
def test_a_refusal_is_raised_as_json(
    entry: ModuleType, trained: JobRun, body: str, content_type: str, field: str
) -> None:
    with pytest.raises(ValueError, match=f'"field": "{field}"'):
        call(entry, trained.model, body, content_type)


@pytest.mark.parametrize("body", ['{"data": {}}', "no"])
def test_in_the_container_a_refusal_is_a_response_with_status_400(
    entry: ModuleType, trained: JobRun, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    # Given the container's own library, whose wrapper would make a 500 of any exception
    worker = SimpleNamespace(Response=lambda **fields: fields)
    framework = SimpleNamespace(worker=worker)
    for name, module in (
        ("sagemaker_containers", SimpleNamespace()),
        ("sagemaker_containers.beta", SimpleNamespace()),
        ("sagemaker_containers.beta.framework", framework),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    # When a bad request comes, then it is answered with 400 and the field
    answer = call(entry, trained.model, body)
    assert answer["status"] == 400
    assert set(json.loads(answer["response"])) == {"field", "reason"}
