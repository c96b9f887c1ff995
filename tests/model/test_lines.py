"""JSON lines, as a batch transform sends them: each answered in its place, bit by bit as the endpoint answers it."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.model.conftest import JobRun
from tests.model.town import Town

JSON, LINES = "application/json", "application/jsonlines"
BAD = (
    b'{"data": oh dear',
    b"[]",
    b'{"data": {"UNRATE": "\xff"}}',
    b'{"data": {"UNRATE": "banana"}}',
    b"null",
    b'"\xff"',
)


def entry_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """inference.py as a bundle carries it, imported as the endpoint's worker does."""
    monkeypatch.syspath_prepend(str(folder / "code"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in [name for name in sys.modules if name.split(".")[0] == "learning"]:
        monkeypatch.delitem(sys.modules, name)
    spec = importlib.util.spec_from_file_location("inference_under_test", folder / "code" / "inference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(entry: ModuleType, model: Any, body: bytes, content_type: str) -> str:
    text, answered = entry.output_fn(entry.predict_fn(entry.input_fn(body, content_type), model), content_type)
    assert answered == content_type
    return str(text)


def answers(entry: ModuleType, model: Any, lines: list[bytes]) -> list[str]:
    return [line for line in call(entry, model, b"\n".join(lines), LINES).split("\n") if line]


def assert_lines_are_the_endpoint_s(folder: Path, requests: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole batches, halves and single lines say what the endpoint says to one request, character by character."""
    entry = entry_of(folder, monkeypatch)
    model = entry.model_fn(str(folder))
    online = [call(entry, model, each, JSON) for each in requests]
    assert answers(entry, model, requests) == online
    assert [*answers(entry, model, requests[:7]), *answers(entry, model, requests[7:])] == online
    assert [answers(entry, model, [each]) for each in requests] == [[each] for each in online]


@pytest.fixture(scope="module")
def macro_requests(trained: JobRun) -> list[bytes]:
    """The golden request in several months, horizons and figures."""
    golden = json.loads((trained.model / "bundle.json").read_text(encoding="utf-8"))["golden"]["request"]
    rates = ({"data": golden["data"] | {"UNRATE": 3.0 + step / 7}} for step in range(4))
    sparse = ({"data": {"UNRATE": 4.0 + step / 3, "GS10": None}, "horizon_months": 3} for step in range(4))
    months = ({"data": golden["data"], "month": month} for month in ("2009-10", "2009-12", "2010-02"))
    return [json.dumps(each).encode() for each in (golden, *rates, *sparse, *months)]


def test_macro_says_the_same_by_line_and_by_request(
    trained: JobRun, macro_requests: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_lines_are_the_endpoint_s(trained.model, macro_requests, monkeypatch)


def test_a_bad_line_is_answered_in_its_place_and_spoils_no_other(
    trained: JobRun, macro_requests: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given good lines around bad ones, blank lines between them
    entry = entry_of(trained.model, monkeypatch)
    model = entry.model_fn(str(trained.model))
    first, last = macro_requests[0], macro_requests[-1]
    found = answers(entry, model, [first, b"", *BAD, b"  ", last])
    # When answered, then the good ones are as they would be alone, and each bad one says why
    assert found[0] == call(entry, model, first, JSON)
    assert found[-1] == call(entry, model, last, JSON)
    refusals = [json.loads(each) for each in found[1:-1]]
    assert len(refusals) == len(BAD)
    assert {each["error"] for each in refusals} == {"invalid_input"}
    assert all(each["field"] and each["message"] for each in refusals)


# --- housing ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def house_requests(sold: Town) -> list[bytes]:
    """Houses of every kind: known, partly unknown, of a place without sales, on several days."""
    rows = [
        {name: value or None for name, value in row.items() if name not in {"house", "sold", "price"}}
        for row in sold.rows[::200]
    ]
    asked: list[dict[str, Any]] = [{"data": row} for row in rows]
    asked += [{"data": {**row, "lot": None, "kind": None}} for row in rows[:3]]
    asked += [{"data": {**row, "district": "moon"}, "as_of": "2021-06-01"} for row in rows[:3]]
    asked += [{"data": {**row, "living": str(row["living"])}, "as_of": "2020-02-29"} for row in rows[:3]]
    return [json.dumps(each).encode() for each in asked]


def test_housing_says_the_same_by_line_and_by_request(
    housing: JobRun, house_requests: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_lines_are_the_endpoint_s(housing.model, house_requests, monkeypatch)


def test_a_house_that_can_t_be_valued_spoils_no_other(
    housing: JobRun, house_requests: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given lines of which the second lacks its area, the third knows a column that nobody knows
    entry = entry_of(housing.model, monkeypatch)
    model = entry.model_fn(str(housing.model))
    first, last = house_requests[0], house_requests[-1]
    data = json.loads(first)["data"]
    bad = [{"data": {**data, "living": None}}, {"data": {**data, "vibes": 3}}, {"data": data, "as_of": "soon"}]
    found = answers(entry, model, [first, *(json.dumps(each).encode() for each in bad), last])
    # When answered, then each says why in its place
    assert [found[0], found[-1]] == [call(entry, model, each, JSON) for each in (first, last)]
    assert [json.loads(each)["field"] for each in found[1:-1]] == ["living", "vibes", "as_of"]
