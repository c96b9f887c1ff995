"""How the demo goes on when the gate refuses what a user's own files made."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bellwether.datasets.domain.fred_layout import MERGED_CSV
from bellwether.models.domain.forecast_evaluation import EvaluationReport
from cli import ingestion, predictions, training
from cli.demo import macro
from cli.target import Target
from tests.builders import evaluation
from tests.fakes.objects import InMemoryObjectStore

TARGET = Target(where="test", stack="bellwether-local", client=lambda service: None, region="us-east-1")


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack that comes in, and a candidate made of it that the gate refuses."""
    dataset = {"first_month": "1990-01", "last_month": "2020-01", "series": 1, "vintages": 1, "rows": 361}
    ingested = ingestion.Ingested(files=1, new_vintages=1, findings=[], dataset=dataset)
    report = EvaluationReport.model_validate(evaluation("a" * 64))
    monkeypatch.setattr(macro, "_ingest_pack", lambda *_: ingested)
    monkeypatch.setattr(macro, "_job_output", lambda *_: (report, []))
    monkeypatch.setattr(macro, "draw_backtest", lambda *_, **__: None)
    monkeypatch.setattr(training, "start", lambda *_: "arn")
    output = {"outcome": "refused", "job_name": "macro-1", "version": 2, "message": "The macro candidate is refused."}
    monkeypatch.setattr("cli.executions.follow", lambda *_, **__: output)
    monkeypatch.setattr(macro, "_endpoint", lambda *_: {"name": "E", "status": "InService", "config": "macro-v1"})


def run(tmp_path: Path) -> dict[str, Any]:
    return macro.run_macro(TARGET, [tmp_path], 1, tmp_path)


@pytest.mark.usefixtures("refused")
def test_a_refused_candidate_ends_in_a_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a stack in which nothing serves yet
    monkeypatch.setattr(Target, "models", SimpleNamespace(current=lambda _: None))
    # When the demo runs, then it tells errors and reasons, and that nothing was deployed
    report = run(tmp_path)
    assert report["model"]["version"] == 2
    assert report["model"]["status"] == "Rejected"
    assert report["prediction"] is report["endpoint"] is None
    said = capsys.readouterr().out
    assert "The macro candidate is refused." in said
    assert "RMSE" in said
    assert "no version is deployed" in said


@pytest.mark.usefixtures("refused")
def test_what_served_before_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given a version that serves from an earlier run
    monkeypatch.setattr(Target, "models", SimpleNamespace(current=lambda _: "version 1"))
    monkeypatch.setattr(Target, "objects", InMemoryObjectStore({MERGED_CSV: b"month,UNRATE\n2020-01-31,4.9\n"}))
    answer = {"model": "macro", "model_version": "macro-1", "unit": "percent", "predictions": []}
    monkeypatch.setattr(predictions, "predict", lambda *_: answer)
    # When the demo runs, then it is that version that predicts
    report = run(tmp_path)
    assert report["model"]["status"] == "Rejected"
    assert report["prediction"] == answer
    assert report["endpoint"]["config"] == "macro-v1"
