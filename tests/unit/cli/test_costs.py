"""What `bellwether costs` prints."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from bellwether.finops.usecases.summarize_costs import summarize_costs
from cli import costs
from cli.main import app
from tests.fakes.charges import InMemoryCharges
from tests.fakes.charges_suite import at
from tests.fakes.cost_exports import FOCUS_ROW, CostWorld
from tests.unit.finops.test_cost_summary import FixedClock


class Answers:
    """A target that answers with one summary."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found, self.asked = found, dict[str, Any]()

    def output(self, key: str) -> str:
        return key

    def invoke(self, _function: str, event: dict[str, Any]) -> dict[str, Any]:
        self.asked = event
        return self.found


@pytest.fixture
def world() -> CostWorld:
    made = CostWorld(InMemoryCharges())
    made.deliver([FOCUS_ROW, FOCUS_ROW | {"Tags": "", "EffectiveCost": "3.00"}])
    made.refresh(at(6))
    return made


@pytest.fixture
def target(world: CostWorld, monkeypatch: pytest.MonkeyPatch) -> Answers:
    found = summarize_costs(world.charges, FixedClock(), month=None, known_at=None)
    answers = Answers(found.model_dump(mode="json"))
    monkeypatch.setattr(costs, "current_target", lambda: answers)
    return answers


def test_a_month_is_shown_with_its_metric_and_its_reconciliation(target: Answers) -> None:
    shown = CliRunner().invoke(app, ["costs", "--month", "2026-05"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    assert target.asked == {"month": "2026-05"}
    for text in (
        "2026-05 to 2026-05-04, USD: usage 4.00 (100% provisional)",
        "(untagged)",
        "75.0%",
        "Cost centers are known since 2026-05-04",
        "Metric: effective cost (amortised) of usage",
        "billed 2.20 USD agrees with the files' total",
    ):
        assert text in shown.output


def test_json_is_the_answer_itself(target: Answers) -> None:
    shown = CliRunner().invoke(app, ["costs", "--json"])
    assert json.loads(shown.output) == target.found


def test_an_invoice_belongs_to_one_month(target: Answers) -> None:
    refused = CliRunner().invoke(app, ["costs", "refresh", "--invoice", "9.00"])
    assert refused.exit_code == 1
    assert "one --month" in refused.output


def test_cost_explorer_is_asked_only_after_its_price_was_told(target: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def run(_target: Any, request: dict[str, Any]) -> list[dict[str, Any]]:
        asked.append(request)
        return []

    monkeypatch.setattr(costs, "run_refresh", run)
    monkeypatch.setattr(costs, "cost_explorer_total", lambda _target, month: {"USD": f"total of {month}"})
    arguments = ["costs", "refresh", "--month", "2026-05", "--cost-explorer"]
    refused = CliRunner().invoke(app, arguments, input="n\n")
    assert (refused.exit_code, asked) == (1, [])
    assert "0.01 USD a request" in refused.output
    assert CliRunner().invoke(app, [*arguments, "--yes"]).exit_code == 0
    assert asked[0]["invoice_totals"] == {"2026-05": {"USD": "total of 2026-05"}}


def test_a_refresh_is_told_with_what_it_moved(
    target: Answers, world: CostWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deliver([FOCUS_ROW | {"BilledCost": "-1.00"}, FOCUS_ROW], refresh="2")
    (stored,) = world.refresh(at(7))
    asked: list[Any] = []

    def run(_target: Any, request: dict[str, Any]) -> list[dict[str, Any]]:
        asked.append(request)
        return [stored.model_dump(mode="json")]

    monkeypatch.setattr(costs, "run_refresh", run)
    shown = CliRunner().invoke(
        app, ["costs", "refresh", "--month", "2026-05", "--invoice", "1.10"], env={"COLUMNS": "200"}
    )
    assert asked == [{"periods": ["2026-05"], "invoice_totals": {"2026-05": {"USD": "1.10"}}}]
    assert "2026-05: loaded, 1 daily charges (0 new, 0 changed, 1 gone)" in shown.output
    assert "1 line items in quarantine" in shown.output
