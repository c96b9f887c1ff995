"""JSON lines, as a batch transform sends them: each answered in its place, bit by bit as the endpoint answers it."""

import csv
import hashlib
import importlib.util
import io
import json
import random
import sys
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.model.conftest import JobRun, start_job

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
    rates = ({"data": golden["data"] | {"UNRATE": 3.0 + step / 7}} for step in range(12))
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

COLUMNS: tuple[dict[str, Any], ...] = (
    {"name": "house", "role": "id"},
    {"name": "sold_on", "role": "date"},
    {"name": "price", "role": "price", "unit": "USD"},
    {"name": "living_area", "role": "number", "unit": "square feet", "minimum": 100, "maximum": 20_000, "monotone": 1},
    {"name": "year_built", "role": "number", "unit": "year", "fill": "unknown"},
    {"name": "place", "role": "category", "fill": "unknown"},
    {"name": "kind", "role": "category", "fill": "unknown"},
    {"name": "latitude", "role": "latitude", "unit": "degrees"},
    {"name": "longitude", "role": "longitude", "unit": "degrees"},
)
PLACES = {"north": 1.3, "south": 0.8, "east": 1.0, "west": 1.1}


def sales(count: int = 700) -> list[dict[str, Any]]:
    """Made-up sales of five years, dearer by the year, by the place and by the area."""
    chance, first = random.Random(7), date(2010, 1, 4)  # noqa: S311 - made-up sales need no secrecy
    found = []
    for number in range(count):
        place, area = chance.choice(list(PLACES)), chance.randint(600, 4000)
        price = 90_000 + 140 * area * PLACES[place] * (1 + number / count / 4) * chance.lognormvariate(0, 0.1)
        found.append(
            {
                "house": f"h{number}",
                "sold_on": (first + timedelta(days=number * 1800 // count)).isoformat(),
                "price": round(price),
                "living_area": area,
                "year_built": chance.randint(1900, 2009) if chance.random() > 0.1 else "",
                "place": place,
                "kind": chance.choice(["detached", "flat"]),
                "latitude": round(42 + 0.1 * PLACES[place] + chance.gauss(0, 0.01), 5),
                "longitude": round(-93 + chance.gauss(0, 0.02), 5),
            }
        )
    return found


def write_channel(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Sales as the training channel would hold them."""
    folder.mkdir()
    text = io.StringIO()
    writer = csv.DictWriter(text, [column["name"] for column in COLUMNS], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode()
    (folder / "sales.csv").write_bytes(content)
    manifest = {
        "schema_version": 1,
        "dataset": "housing",
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": len(rows),
        "first_day": rows[0]["sold_on"],
        "last_day": rows[-1]["sold_on"],
        "columns": [
            {"unit": "", "minimum": None, "maximum": None, "fill": "refuse", "monotone": 0} | column
            for column in COLUMNS
        ],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def housing(tmp_path_factory: pytest.TempPathFactory) -> JobRun:
    """A finished training of the housing model."""
    root = tmp_path_factory.mktemp("housing")
    channel = write_channel(root / "channel", sales())
    run = start_job(root / "job", channel, {"model": "housing", "trials": "1"}).wait()
    assert run.status == 0, run.log
    return run


@pytest.fixture(scope="module")
def house_requests() -> list[bytes]:
    """Houses of every kind: known, partly unknown, of a place that nobody has sold in, on several days."""
    known = {"living_area", "year_built", "place", "kind", "latitude", "longitude"}
    rows = [{name: row[name] or None for name in row if name in known} for row in sales()[::50]]
    asked: list[dict[str, Any]] = [{"data": row} for row in rows]
    asked += [{"data": {**row, "year_built": None, "kind": None}} for row in rows[:3]]
    asked += [{"data": {**row, "place": "moon"}, "as_of": "2014-06-01"} for row in rows[:3]]
    asked += [{"data": {**row, "living_area": str(row["living_area"])}, "as_of": "2012-02-29"} for row in rows[:3]]
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
    bad = [{"data": {**data, "living_area": None}}, {"data": {**data, "vibes": 3}}, {"data": data, "as_of": "soon"}]
    found = answers(entry, model, [first, *(json.dumps(each).encode() for each in bad), last])
    # When answered, then each says why in its place
    assert [found[0], found[-1]] == [call(entry, model, each, JSON) for each in (first, last)]
    assert [json.loads(each)["field"] for each in found[1:-1]] == ["living_area", "vibes", "as_of"]
