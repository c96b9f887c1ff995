"""What many feeds cost: the arithmetic of `make bench-feeds`, and the page that shows it."""

import json
import re
from decimal import Decimal

import pytest

from bench.feeds import (
    FEEDS_A_RUN,
    LOG_LINE_BYTES,
    MEMORY_MB,
    RUNS_A_MONTH,
    TRANSITIONS,
    Run,
    Step,
    minutes_between_polls,
    monthly_cost,
)
from tests.places import ROOT

HALF_A_SECOND = Step(wall_seconds=0.5, processor_seconds=0)


def test_processor_time_is_stretched_by_the_share_of_a_processor_and_waiting_is_not() -> None:
    step = Step(wall_seconds=3, processor_seconds=1)
    assert step.billed_seconds(1769) == 3
    assert step.billed_seconds(3538) == 3
    assert step.billed_seconds(884) == pytest.approx(2 + 1769 / 884)


def test_more_processor_time_than_wall_time_counts_as_no_waiting() -> None:
    assert Step(wall_seconds=1, processor_seconds=1.5).billed_seconds(1769) == 1.5


def test_cost_of_a_month_follows_the_prices() -> None:
    # Given three functions that wait for half a second each: 0.25 + 0.5 + 0.25 GB-seconds
    run = Run(dict.fromkeys(MEMORY_MB, HALF_A_SECOND), feeds=100, stored=10, in_bucket=True)
    assert run.gb_seconds == pytest.approx(1.0)

    cost = monthly_cost(run, row_bytes=2000)

    # Then 43,800 runs cost by hand
    assert RUNS_A_MONTH == 43_800
    assert cost.functions == pytest.approx(0.7300 + 0.0263, abs=1e-4)
    assert cost.state_machine == pytest.approx(0.0438 + 43_800 * 1.5 * 0.0625 * 0.00001667, abs=1e-4)
    assert cost.objects == pytest.approx(43_800 * 0.0000054)
    assert cost.logs == pytest.approx(43_800 * 100 * LOG_LINE_BYTES / 1e9 * 0.5)
    assert cost.storage == pytest.approx(10 * 1440 * 180 * 2000 / 1e9 * 0.115)
    assert cost.total == pytest.approx(cost.functions + cost.state_machine + cost.objects + cost.logs + cost.storage)


def test_results_that_fit_into_the_payload_cost_no_object() -> None:
    run = Run(dict.fromkeys(MEMORY_MB, HALF_A_SECOND), feeds=1, stored=0, in_bucket=False)
    assert monthly_cost(run, row_bytes=2000).objects == 0


@pytest.mark.parametrize(("feeds", "minutes"), [(1, 1), (100, 1), (101, 2), (200, 2), (1500, 15), (5000, 50)])
def test_a_stack_polls_100_feeds_a_minute(feeds: int, minutes: int) -> None:
    assert minutes_between_polls(feeds) == minutes


def test_rare_publishers_are_polled_at_their_own_interval() -> None:
    assert minutes_between_polls(200, interval_minutes=15) == 15


def test_measurement_uses_the_settings_of_the_stack() -> None:
    source = (ROOT / "functions/news/list_due_feeds/app.py").read_text(encoding="utf-8")
    assert re.search(rf"feeds_at_once: .* = {FEEDS_A_RUN}\n", source)
    template = (ROOT / "stacks/news.yaml").read_text(encoding="utf-8")
    functions = {"claim": "ListDueFeedsFunction", "fetch": "FetchFeedsFunction", "store": "StoreEntriesFunction"}
    default = re.search(r"MemorySize: (\d+)", template.partition("Resources:")[0])
    assert default is not None
    for step, name in functions.items():
        body = re.split(r"\n  \w+:", template.partition(f"\n  {name}:")[2])[0]
        own = re.search(r"MemorySize: (\d+)", body) or default
        assert int(own[1]) == MEMORY_MB[step]


def test_transitions_are_the_states_of_a_run_in_which_feeds_are_due() -> None:
    machine = json.loads((ROOT / "statemachines/ingest_news.asl.json").read_text(encoding="utf-8"))
    path, state = [], machine["StartAt"]
    while state:
        path.append(state)
        body = machine["States"][state]
        state = body["Choices"][0]["Next"] if body["Type"] == "Choice" else body.get("Next")
    assert len(path) == TRANSITIONS


def test_page_adds_up() -> None:
    section = (ROOT / "docs/costs.md").read_text(encoding="utf-8").partition("## Many feeds")[2].partition("\n## ")[0]
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line]
    priced = {row[0]: row[1:] for row in rows if len(row) == 4 and re.match(r"[\d.]+$", row[3])}
    total = Decimal(priced.pop("sum")[2])
    assert sum(Decimal(row[2]) for row in priced.values()) == total
    for name, (count, price, month) in priced.items():
        amount = float(count.split()[0]) * float(price)
        assert float(month) == pytest.approx(amount if "storage" in name else amount * RUNS_A_MONTH, abs=0.006)
