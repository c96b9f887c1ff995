"""`bellwether demo`: the whole system, once through, on this machine."""

import csv
import io
import json
import os
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli import executions, lifecycle
from cli.chart import BacktestPoint, draw_backtest
from cli.problems import CommandError
from cli.target import Target, local_target
from localcloud.control import Cloud

PACK_VARIABLE = "BELLWETHER_FRED_PACK"
ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples" / "fred"
MODEL = "macro"
CHART_HORIZON_MONTHS = 3
WAIT_SECONDS = 900

console = Console()


@dataclass(frozen=True)
class Candidate:
    """What training left behind: the gate's evidence and the backtest's path."""

    version: int
    evidence: dict[str, Any]
    backtest: list[BacktestPoint]


def demo(
    out: Annotated[Path, typer.Option(help="Folder for report.json and the picture.")] = ROOT / "build" / "demo",
    trials: Annotated[int, typer.Option(min=1, max=500, help="Optuna trials.")] = 8,
) -> None:
    """Run the whole system on this machine: FRED files in, an approved model's prediction out."""
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    cloud = Cloud()
    with console.status("Starting the embedded cloud") as status:
        cloud.up(on_progress=lambda text: status.update(f"Embedded cloud: {text}"))
    target = local_target(cloud)
    _say(f"Embedded cloud is up, stack {target.stack} is deployed")

    packs = _packs()
    summaries = [_ingest_pack(target, pack) for pack in packs]
    candidate = _train(target, trials)
    outcome = _approve(target, candidate.version)
    prediction = lifecycle.predict(target, MODEL, {})
    picture = draw_backtest(
        candidate.backtest, title=f"UNRATE {CHART_HORIZON_MONTHS} months ahead, as forecast at the time", path=out / "forecast.png"
    )
    report = _report(target, packs, summaries, candidate, outcome, prediction, seconds=time.monotonic() - started)
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    console.print(_errors_table(candidate.evidence), _facts_table(report), lifecycle.prediction_table(prediction))
    console.print(f"Picture: {_shown(picture)}\nFacts:   {_shown(out / 'report.json')}\nThe cloud keeps running: 'make down' stops it.")


def _say(text: str) -> None:
    console.print(f"[green]✓[/green] {text}", highlight=False)


def _packs() -> list[Path]:
    """The user's own pack, or the two sample vintages, oldest first."""
    own = os.environ.get(PACK_VARIABLE)
    if not own:
        return sorted(path for path in SAMPLES.iterdir() if path.is_dir())
    folder = Path(own).expanduser()
    if not folder.is_dir():
        raise CommandError(f"{PACK_VARIABLE}={own} is not a folder")
    return [folder]


def _ingest_pack(target: Target, pack: Path) -> dict[str, Any]:
    files = lifecycle.csv_files([pack])
    with console.status(f"Ingesting {len(files)} files of {pack.name}"):
        lifecycle.upload_pack(target, files, folder=f"{pack.name}/")
        summary = lifecycle.ingest(target, source="pack")
    fresh = sum(entry["new"] for entry in summary["ingested"])
    _say(f"Pack {pack.name}: {len(files)} files, {fresh} new vintages, {len(summary['quarantined'])} findings in quarantine")
    return summary


def _train(target: Target, trials: int) -> Candidate:
    arn = lifecycle.start_training(target, MODEL, {"trials": str(trials)})
    with console.status(f"Training {MODEL}") as status:
        output = executions.follow(
            target, arn, timeout_seconds=WAIT_SECONDS, on_state=lambda name: status.update(f"Training {MODEL}: {name}")
        )
    if output.get("outcome") != "registered":
        raise CommandError(f"The gate let no candidate through:\n{lifecycle.training_message(output)}")
    _say(f"Trained, through the gate, registered as version {output['version']}: PendingManualApproval")
    console.print(lifecycle.training_message(output), highlight=False, style="dim")
    return Candidate(version=output["version"], evidence=_evidence(target, output), backtest=_backtest(target, output))


def _approve(target: Target, number: int) -> str:
    known = lifecycle.deployments(target)
    lifecycle.approve(target, lifecycle.pending_version(target, MODEL, number))
    _say(f"Approved version {number}")
    with console.status("Deploying") as status:
        arn = lifecycle.next_deployment(target, known)
        output = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=lambda name: status.update(f"Deploying: {name}"))
    _say(f"Deployment {output['outcome']}: smoke test passed, version {number} is current")
    return str(output["outcome"])


def _shown(path: Path) -> str:
    return os.path.relpath(path)
