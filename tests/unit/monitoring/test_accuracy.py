"""Errors compared with expected errors, and estimates before actuals are known."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from bellwether.models.domain.capture import Actual
from bellwether.models.domain.specs import MonitorPolicy
from bellwether.monitoring.domain.accuracy import (
    AccuracyState,
    ExpectedErrors,
    estimate,
    excess_p,
    expected_errors,
    figures_of,
    kinds_of,
    measure,
    rmse_by_week,
)
from bellwether.monitoring.domain.evaluated_predictions import EvaluatedPrediction, join_actuals
from tests.builders import actual, capture

POLICY = MonitorPolicy()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MACRO_METRICS = {
    "1": {"n": 240, "rmse": {"model": 0.12, "random_walk": 0.15}, "bias": 0.001},
    "12": {"n": 240, "rmse": {"model": 0.8, "random_walk": 0.9}},
}


def valued(errors: list[float], *, price: float = 100.0, width: float = 20.0) -> list[EvaluatedPrediction]:
    """One valuation a truth, off by these errors."""
    records = [
        capture(
            f"r-{at}",
            model="housing",
            output={"prediction": price + error},
            points=[
                {
                    "join_key": f"e-{at}",
                    "prediction": price + error,
                    "lower": price + error - width,
                    "upper": price + error + width,
                }
            ],
        )
        for at, error in enumerate(errors)
    ]
    actuals = {f"e-{at}": actual(f"e-{at}", price, model="housing") for at in range(len(errors))}
    return list(join_actuals(records, actuals))


def forecast(request_id: str, months: dict[int, float], **changes: Any) -> Any:
    """A forecast of some horizons, made in March 2026."""
    return capture(
        request_id,
        output={"prediction": 0.0, "predictions": [{"horizon_months": h, "prediction": p} for h, p in months.items()]},
        points=[{"join_key": f"UNRATE:h{h}", "prediction": p} for h, p in months.items()],
        **changes,
    )


# --- expected errors and figures of a response -----------------------------------------------------------------------


def test_promises_are_read_from_either_kind_of_bundle() -> None:
    assert expected_errors(MACRO_METRICS) == {
        "h1": ExpectedErrors(0.12, {"random_walk": 0.15}, None, 0.001),
        "h12": ExpectedErrors(0.8, {"random_walk": 0.9}),
    }
    valuation = {"n": 900, "rmse": 61_000.0, "mape": {"model": 0.11, "median_by_place": 0.3}, "bias": -0.004}
    assert (
        expected_errors(valuation)
        == expected_errors({"holdout": valuation})
        == {"prediction": ExpectedErrors(61_000.0, {}, 0.11, -0.004)}
    )
    assert (
        expected_errors({"rmse": math.inf})
        == expected_errors({"rmse": 1e-300})
        == expected_errors({"rmse": -1.0})
        == {}
    )
    assert expected_errors({}) == expected_errors({"rmse": None}) == expected_errors({"accuracy": 0.8}) == {}


def test_figures_and_points_go_by_their_kind() -> None:
    record = forecast("r", {1: 4.1, 12: 4.4})
    assert figures_of(record.output) == {"h1": 4.1, "h12": 4.4}
    assert [(kind, point.prediction) for kind, point in kinds_of(record)] == [("h1", 4.1), ("h12", 4.4)]
    assert figures_of({"prediction": 5}) == {"prediction": 5.0}
    assert figures_of({"label": "neutral"}) == figures_of(None) == {}
    # Given an answer that was too large to be recorded; Then nobody guesses
    assert list(kinds_of(record.model_copy(update={"output": None}))) == []


# --- what came true ---------------------------------------------------------------------------------------------------


def test_errors_as_promised_are_no_finding() -> None:
    rng = np.random.default_rng(1)
    found = measure(valued(rng.normal(0, 10, 200).tolist()), {"prediction": ExpectedErrors(10.0)}, POLICY)
    (kind,) = found.kinds
    assert found.state is AccuracyState.AS_EXPECTED
    assert found.rmse_ratio == pytest.approx(1, abs=0.15)
    assert kind.coverage == pytest.approx(0.954, abs=0.05)
    assert kind.mape == pytest.approx(0.08, abs=0.02)


def test_errors_surely_above_the_limit_are_a_finding() -> None:
    rng = np.random.default_rng(2)
    found = measure(valued(rng.normal(0, 25, 100).tolist()), {"prediction": ExpectedErrors(10.0)}, POLICY)
    assert (found.state, found.kinds[0].state) == (AccuracyState.INACCURATE, AccuracyState.INACCURATE)


def test_a_bad_figure_of_few_truths_is_not_sure_enough() -> None:
    # Given twelve actuals, one of them far off
    found = measure(valued([1.0] * 11 + [60.0]), {"prediction": ExpectedErrors(10.0)}, POLICY)
    assert found.rmse_ratio == pytest.approx(1.73, abs=0.01)
    assert found.state is AccuracyState.AS_EXPECTED


def test_too_few_truths_say_nothing_but_how_many_are_missing() -> None:
    found = measure(valued([90.0] * 5), {"prediction": ExpectedErrors(10.0)}, POLICY)
    assert (found.state, found.kinds[0].actuals_missing, found.rmse_ratio) == (AccuracyState.NOT_ENOUGH_DATA, 7, None)
    none = measure([], {"h1": ExpectedErrors(0.1), "h12": ExpectedErrors(0.8)}, POLICY)
    assert [(each.kind, each.actuals_missing) for each in none.kinds] == [("h1", 12), ("h12", 12)]
    assert measure([], {}, POLICY).state is AccuracyState.NOT_MEASURED


def test_many_predictions_of_one_truth_count_for_one() -> None:
    # Given a thousand forecasts of the same month
    records = [forecast(f"r-{at}", {1: 9.0}) for at in range(1000)]
    found = measure(
        join_actuals(records, {"UNRATE:h1": actual("UNRATE:h1", 4.0)}), expected_errors(MACRO_METRICS), POLICY
    )
    assert (found.kinds[0].actuals, found.kinds[0].state) == (1, AccuracyState.NOT_ENOUGH_DATA)


def test_overlapping_horizons_count_for_fewer() -> None:
    assert excess_p(1.5, 24) < excess_p(1.5, 2) < 1
    assert excess_p(1.5, 24, kurtosis=9.0) > excess_p(1.5, 24)


@pytest.mark.parametrize("tails", ["normal", "heavy"])
def test_false_alarms_stay_rare_at_the_limit_itself(tails: str) -> None:
    # Given errors exactly as large as is tolerated; heavy tails with a kurtosis of 9
    rng, alarms, looks = np.random.default_rng(4), 0, 400
    for _ in range(looks):
        errors = rng.normal(0, 1, 40) if tails == "normal" else rng.standard_t(5, 40) / math.sqrt(5 / 3)
        expected = {"prediction": ExpectedErrors(1 / POLICY.rmse_ratio_max)}
        alarms += measure(valued(errors.tolist()), expected, POLICY).state is AccuracyState.INACCURATE
    # Then about one in a hundred is told
    assert alarms / looks <= 0.025


def test_truths_of_nought_leave_shares_out() -> None:
    record = capture("r", output={"prediction": 1.0}, points=[{"join_key": "k", "prediction": 1.0}])
    (kind,) = measure(join_actuals([record], {"k": actual("k", 0.0)}), {}, POLICY).kinds
    assert (kind.mape, kind.coverage, kind.rmse_ratio, kind.rmse) == (None, None, None, 1.0)


def test_errors_by_week() -> None:
    records = [forecast(f"r-{day}", {1: 5.0}, received_at=NOON + timedelta(days=day)) for day in (0, 1, 9)]
    actuals: dict[str, Actual] = {"UNRATE:h1": actual("UNRATE:h1", 4.0)}
    assert rmse_by_week(join_actuals(records, actuals)) == {
        "2026-W09": (1, 1.0),
        "2026-W10": (1, 1.0),
        "2026-W11": (1, 1.0),
    }


# --- before anything has come true ------------------------------------------------------------------------------------


def test_errors_are_estimated_from_intervals() -> None:
    # Given 80% intervals of normal errors with sigma 10
    half = 10 * 1.2815515655446004
    outputs = [{"prediction": 100, "interval": {"level": 0.8, "lower": 100 - half, "upper": 100 + half}}] * 3
    found = estimate(outputs)
    assert found is not None
    assert found.answers == 3
    assert found.mean_absolute_error == pytest.approx(10 * math.sqrt(2 / math.pi))


def test_right_labels_are_estimated_from_probabilities() -> None:
    found = estimate([{"label": "neutral", "scores": {"neutral": 0.7, "positive": 0.2, "negative": 0.1}}])
    assert found is not None
    assert (found.mean_confidence, found.mean_absolute_error) == (0.7, None)


@pytest.mark.parametrize(
    "output",
    [
        {},
        {"prediction": 1},
        {"prediction": 1, "interval": {"level": 1.5, "lower": 0, "upper": 2}},
        {"label": "neutral", "scores": {}},
    ],
)
def test_what_can_t_be_estimated_is_not(output: dict[str, Any]) -> None:
    assert estimate([output]) is None
