"""`bellwether monitor`: the report on the terminal, the page on disk."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner

from bellwether.models.domain.bundle import VersionFacts
from bellwether.models.domain.catalogue import model_spec
from bellwether.monitoring.domain.monitor_report import MonitorReport
from bellwether.monitoring.domain.report_builder import ReportBuilder, Window
from cli import monitor
from cli.main import app
from cli.target import Target
from tests.builders import capture
from tests.fakes.objects import InMemoryObjectStore

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:monitor"
OUTCOME = {
    "model": "macro",
    "measured": True,
    "found": True,
    "trigger": "drift",
    "report_key": "monitoring/macro/report.json",
    "page_key": "monitoring/macro/report.html",
    "message": "m",
}
UNMEASURED = {
    **OUTCOME,
    "model": "sentiment",
    "measured": False,
    "found": False,
    "message": "nothing of it is in service",
}


def report() -> MonitorReport:
    """Sixty requests with a figure that was never learned from."""
    facts = VersionFacts.model_validate(
        {
            "drift_reference": {
                "features": {"UNRATE": {"kind": "numeric", "edges": [5.0], "counts": [5000, 5000]}},
                "prediction": {"prediction": {"kind": "numeric", "edges": [5.0], "counts": [5000, 5000]}},
            },
            "metrics": {"n": 9, "rmse": 0.1},
        }
    )
    recorded = ReportBuilder(model_spec("macro"), Window(now=NOON, since=NOON, accuracy_since=NOON), "macro-0badcafe")
    recorded.take(
        capture(f"r-{at}", received_at=NOON, input={"UNRATE": 9.0 + at / 100}, output={"label": "no figure"})
        for at in range(60)
    )
    return recorded.report(facts, {}, 4)


class _Cloud:
    """S3 with a report and a page, and Step Functions with one execution that has ended."""

    def __init__(self) -> None:
        self.objects = InMemoryObjectStore(
            {
                str(OUTCOME["report_key"]): report().model_dump_json().encode(),
                str(OUTCOME["page_key"]): b"<!doctype html>",
            }
        )
        self.started: list[dict[str, Any]] = []
        self.target = Target(where="test", stack="s", client=lambda _: self, region="us-east-1")

    def start_execution(self, **given: Any) -> dict[str, str]:
        self.started.append(given)
        return {"executionArn": f"{MACHINE}:run"}

    def describe_execution(self, **_: Any) -> dict[str, Any]:
        output = json.dumps({"results": [OUTCOME, UNMEASURED]})
        return {"status": "SUCCEEDED", "output": output, "executionArn": f"{MACHINE}:run"}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"events": []}]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> _Cloud:
    made = _Cloud()
    monkeypatch.setattr(Target, "outputs", {"MonitorModelsStateMachineArn": MACHINE})
    monkeypatch.setattr(Target, "objects", made.objects)
    monkeypatch.setattr(monitor, "current_target", lambda: made.target)
    monkeypatch.chdir(tmp_path)
    return made


def shown(table: Table) -> str:
    console = Console(width=160, file=io.StringIO())
    console.print(table)
    written: str = console.file.getvalue()  # type: ignore[attr-defined]
    return written


def test_every_model_is_monitored_at_and_its_page_lies_here(cloud: _Cloud, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["monitor", "--json"])
    assert result.exit_code == 0, result.output
    first, second = json.loads(result.stdout)
    assert (first["model"], first["page"], first["report"]["version"]) == ("macro", "build/monitor/macro.html", 4)
    assert (second["measured"], second["page"], second["report"]) == (False, None, None)
    assert (tmp_path / "build/monitor/macro.html").read_bytes() == b"<!doctype html>"
    assert json.loads(cloud.started[0]["input"]) == {}


def test_one_model_is_monitored_at_by_name(cloud: _Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("typer.launch", opened.append)
    result = CliRunner().invoke(app, ["monitor", "macro", "--open"])
    assert result.exit_code == 0, result.output
    assert json.loads(cloud.started[0]["input"]) == {"models": ["macro"]}
    assert [Path(each).name for each in opened] == ["macro.html"]
    assert "Retraining requested (trigger drift)." in result.output
    assert "sentiment: nothing of it is in service" in result.output


def test_an_unknown_model_starts_nothing(cloud: _Cloud) -> None:
    assert CliRunner().invoke(app, ["monitor", "weather"]).exit_code == 1
    assert cloud.started == []


def test_columns_are_shown_with_what_is_missing() -> None:
    text = shown(monitor.columns_table(report()))
    assert "UNRATE" in text
    assert "not enough data: 50 more rows needed" in text  # of the prediction, which nobody saw


def test_truths_are_shown_with_what_is_missing() -> None:
    assert "not enough data: 12 more actuals needed" in shown(monitor.accuracy_table(report()))
