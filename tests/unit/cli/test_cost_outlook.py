"""What `bellwether costs forecast|budgets|anomalies|score` print, and what `budget` and `mute` send."""

from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import cost_outlook
from cli.main import app

LINE = {
    "known_at": "2026-06-20T07:00:00Z",
    "metric": "effective",
    "level": "cost_center",
    "cost_center": "retail[x]",
    "currency": "USD",
    "first_day": "2026-06-01",
    "last_day": "2026-06-30",
    "booked": "3000.00",
    "mean": "6100.5",
    "lower_80": "5900",
    "upper_80": "6300",
    "lower_95": "5800",
    "upper_95": "6500",
    "too_small": False,
    "method": "sum of 9 series",
}
BUDGET = {
    "cost_center": "",
    "month": "2026-06-01",
    "currency": "USD",
    "amount": "700",
    "spent": "400",
    "expected": "690",
    "chance_of_exceeding": 0.42,
    "burn_rate_a_day": "22",
    "affordable_a_day": "30",
    "breach_on": None,
}
ANOMALY = {
    "kind": "slow leak",
    "account": "012345678901",
    "service": "AmazonS3",
    "usage_type": "Storage",
    "first_day": "2026-05-25",
    "last_day": "2026-06-16",
    "extra": "105.46",
    "ongoing": True,
    "muted_until": "2026-07-01",
}
ROW = {
    "forecasts": 3,
    "weighted": 0.041,
    "median": 0.03,
    "bias": -0.01,
    "coverage_80": 1.0,
    "coverage_95": 1.0,
    "naive_weighted": None,
    "maturity": "run",
}
FOUND: dict[str, dict[str, Any]] = {
    "forecast": {"months": [LINE], "days": []},
    "budgets": {"budgets": [BUDGET]},
    "anomalies": {"anomalies": [ANOMALY]},
    "score": {
        "metric": "effective",
        "by_day": [{"day": 10, **ROW}],
        "by_cost_center": [{"cost_center": "", **ROW}],
        "too_small": ["lab"],
    },
}


class Answers:
    """A target that answers with what is stored of the subject, and repeats a control."""

    caller = "somebody"

    def __init__(self) -> None:
        self.sent: dict[str, Any] = {}

    def output(self, key: str) -> str:
        return key

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        if function == "ShowOutlookFunctionName":
            return FOUND[event["subject"]]
        self.sent = event["request"]
        return self.sent


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Answers:
    answers = Answers()
    monkeypatch.setattr(cost_outlook, "current_target", lambda: answers)
    return answers


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["costs", *arguments], env={"COLUMNS": "200"})


@pytest.mark.parametrize(
    ("subject", "texts"),
    [
        (
            "forecast",
            ["retail[x]", "6,100.50 USD", "5,900.00 - 6,300.00", "effective cost (amortised)"],
        ),
        ("budgets", ["(untagged)", "42%", "700.00 USD"]),
        ("anomalies", ["slow leak", "+105.46", "goes on, muted until 2026-07-01"]),
        ("score", ["run 12%", "4.1%", "(untagged)", "Too small to score: lab"]),
    ],
)
@pytest.mark.usefixtures("target")
def test_each_subject_is_shown(subject: str, texts: list[str]) -> None:
    shown = _run(subject)
    assert shown.exit_code == 0, shown.output
    assert [text for text in texts if text not in shown.output] == []
    assert '"' in _run(subject, "--json").output


def test_a_budget_of_one_month_is_sent(target: Answers) -> None:
    assert _run("budget", "retail", "4000", "--month", "2026-06").exit_code == 0
    assert target.sent["amount"] == "4000"
    assert (target.sent["cost_center"], target.sent["month"], target.sent["requested_by"]) == (
        "retail",
        "2026-06",
        "somebody",
    )


def test_a_mute_needs_a_day(target: Answers) -> None:
    assert _run("mute", "--reason", "known", "--until", "soon").exit_code != 0
    assert _run("mute", "--reason", "known", "--until", "2026-12-31", "--service", "AmazonS3").exit_code == 0
    assert (target.sent["service"], target.sent["kind"]) == ("AmazonS3", None)


def test_a_known_at_without_a_run_is_refused() -> None:
    assert "--known-at belongs to --run" in _run("forecast", "--known-at", "2026-06-20T07:00:00Z").output
