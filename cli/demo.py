"""`bellwether demo`: the whole system, once through, on this machine."""

import csv
import io
import json
import os
import tarfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bellwether.models.domain.models import EvaluationReport
from cli import executions, lifecycle
from cli.chart import BacktestPoint, draw_backtest
from cli.demo_housing import begin_housing, run_housing
from cli.demo_news import run_news
from cli.lifecycle import Ingested
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
    """What training left behind: the registered version (None: the gate refused it), its evaluation, the backtest."""

    version: int | None
    evaluation: EvaluationReport
    backtest: list[BacktestPoint]


def demo(
    out: Annotated[Path, typer.Option(help="Folder for report.json and the pictures.")] = ROOT / "build" / "demo",
    trials: Annotated[int, typer.Option(min=1, max=500, help="Optuna trials.")] = 8,
) -> None:
    """Run the whole system on this machine: files to forecasts, versions that compete, drift, news to dispatch."""
    started = time.monotonic()
    packs = _packs()
    out.mkdir(parents=True, exist_ok=True)
    cloud = Cloud()
    with console.status("Starting the embedded cloud") as status:
        cloud.up(on_progress=lambda text: status.update(f"Embedded cloud: {text}"))
    target = local_target(cloud)
    _say(f"Embedded cloud is up, stack {target.stack} is deployed")
    begun = begin_housing(target)
    report = run_macro(target, packs, trials, out)
    report["housing"] = run_housing(target, begun, out)
    report["news"] = run_news(target, cloud, out)
    report["seconds"] = round(time.monotonic() - started, 1)
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    pictures = ", ".join(_shown(path) for path in sorted((*out.glob("*.png"), *out.glob("*.html"))))
    console.print(f"All of it in {report['seconds']:.0f} s. Pictures: {pictures}. Facts: {_shown(out / 'report.json')}")
    console.print("The cloud keeps running; 'make down' stops it.")
    if report["model"]["version"] is None and not os.environ.get(PACK_VARIABLE):
        raise CommandError("The gate refused the candidate that the sample packs made; it should have let it through")


def run_macro(target: Target, packs: list[Path], trials: int, out: Path) -> dict[str, Any]:
    """Take the packs to a served prediction, print what came of it, draw `forecast.png`; returns the facts.

    A candidate that the gate refuses is not deployed: what served before, if anything, answers then.
    """
    started = time.monotonic()
    ingested = [_ingest_pack(target, pack) for pack in packs]
    candidate = _train(target, trials)
    outcome = None if candidate.version is None else _approve(target, candidate.version)
    serves = bool(lifecycle.current(target, MODEL))
    prediction = lifecycle.predict(target, MODEL, lifecycle.latest_figures(target)) if serves else None
    draw_backtest(
        candidate.backtest,
        title=f"UNRATE {CHART_HORIZON_MONTHS} months ahead, as forecast at the time",
        path=out / "forecast.png",
    )
    report = _report(target, packs, ingested, candidate, outcome, prediction, seconds=time.monotonic() - started)
    console.print(_errors_table(candidate.evaluation), _facts_table(report))
    if prediction is not None:
        console.print(lifecycle.prediction_table(prediction))
    return report


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
    lifecycle.csv_files([folder])
    return [folder]


def _ingest_pack(target: Target, pack: Path) -> Ingested:
    files = lifecycle.csv_files([pack])
    with console.status(f"Ingesting {len(files)} files of {pack.name}"):
        result = lifecycle.ingest_pack(target, files)
    counts = f"{result.files} files, {result.new_vintages} new vintages, {len(result.findings)} findings in quarantine"
    _say(f"Pack {pack.name}: {counts}")
    if result.findings:
        console.print(lifecycle.findings_table(result.findings))
    if remarks := lifecycle.dataset_remarks(result.dataset):
        console.print(remarks, highlight=False, style="dim")
    return result


def _train(target: Target, trials: int) -> Candidate:
    arn = lifecycle.start_training(target, MODEL, {"trials": str(trials)})
    with console.status(f"Training {MODEL}") as status:
        output = executions.follow(
            target, arn, timeout_seconds=WAIT_SECONDS, on_state=lambda name: status.update(f"Training {MODEL}: {name}")
        )
    if output.get("outcome") == lifecycle.ALREADY_RUNNING:
        raise CommandError(lifecycle.training_message(output))
    version: int | None = output.get("version")
    if version is None:
        console.print("[yellow]✗[/yellow] Trained, and refused by the gate: nothing is deployed")
    else:
        _say(f"Trained, through the gate, registered as version {version}: PendingManualApproval")
    console.print(lifecycle.training_message(output), highlight=False, style="dim")
    evaluation, backtest = _job_output(target, output["job_name"])
    return Candidate(version=version, evaluation=evaluation, backtest=backtest)


def _job_output(target: Target, job_name: str) -> tuple[EvaluationReport, list[BacktestPoint]]:
    """The evaluation and the backtest that the training job wrote beside its bundle."""
    job = target.client("sagemaker").describe_training_job(TrainingJobName=job_name)
    bucket, prefix = job["OutputDataConfig"]["S3OutputPath"].removeprefix("s3://").split("/", 1)
    body = (
        target.client("s3")
        .get_object(Bucket=bucket, Key=f"{prefix.rstrip('/')}/{job_name}/output/output.tar.gz")["Body"]
        .read()
    )
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        files = {member.name.removeprefix("./"): tar.extractfile(member) for member in tar if member.isfile()}
        evaluation = EvaluationReport.model_validate_json(_read(files["evaluation.json"]))
        rows = list(csv.DictReader(io.StringIO(_read(files["backtest.csv"]).decode())))
    return evaluation, [_point(row) for row in rows if int(row["horizon_months"]) == CHART_HORIZON_MONTHS]


def _read(file: IO[bytes] | None) -> bytes:
    return b"" if file is None else file.read()


def _point(row: dict[str, str]) -> BacktestPoint:
    return BacktestPoint(
        target_month=date.fromisoformat(f"{row['target_month'][:7]}-01"),
        actual=float(row["actual"]),
        prediction=float(row["model"]),
        lower=float(row["lower_0.8"] or "nan"),
        upper=float(row["upper_0.8"] or "nan"),
    )


def _approve(target: Target, number: int) -> str:
    known = lifecycle.deployments(target)
    lifecycle.approve(target, lifecycle.pending_version(target, MODEL, number))
    _say(f"Approved version {number}")
    with console.status("Deploying") as status:
        arn = lifecycle.next_deployment(target, known, name=lifecycle.approval_of(MODEL, number))
        output = executions.follow(
            target, arn, timeout_seconds=WAIT_SECONDS, on_state=lambda name: status.update(f"Deploying: {name}")
        )
    _say(f"Deployed: smoke test passed, version {number} is current")
    return str(output["outcome"])


def _report(
    target: Target,
    packs: list[Path],
    ingested: list[Ingested],
    candidate: Candidate,
    outcome: str | None,
    prediction: dict[str, Any] | None,
    *,
    seconds: float,
) -> dict[str, Any]:
    spec = lifecycle.spec_of(MODEL)
    return {
        "packs": [
            {
                "pack": pack.name,
                "files": result.files,
                "new_vintages": result.new_vintages,
                "findings": result.findings,
            }
            for pack, result in zip(packs, ingested, strict=True)
        ],
        "dataset": ingested[-1].dataset,
        "evaluation": candidate.evaluation.model_dump(mode="json"),
        "model": {
            "name": MODEL,
            "group": spec.package_group,
            "version": candidate.version,
            "status": "Refused" if candidate.version is None else "Approved",
            "deployment": outcome,
        },
        "endpoint": None if prediction is None else _endpoint(target, spec.endpoint_name),
        "prediction": prediction,
        "seconds": round(seconds, 1),
    }


def _endpoint(target: Target, name: str) -> dict[str, str]:
    endpoint = target.client("sagemaker").describe_endpoint(EndpointName=name)
    return {
        "name": endpoint["EndpointName"],
        "status": endpoint["EndpointStatus"],
        "config": endpoint["EndpointConfigName"],
    }


def _errors_table(evaluation: EvaluationReport) -> Table:
    table = Table(
        title=f"Backtest of {evaluation.target}: RMSE in {evaluation.unit}",
        caption="p: Diebold–Mariano, one-sided, against AR",
    )
    for column in ("months ahead", "n", "model", "random walk", "AR", "p", "80% interval held"):
        table.add_column(column, justify="right")
    for horizon in evaluation.horizons:
        coverage = next((each.coverage for each in horizon.intervals if each.level == 0.8), None)
        table.add_row(
            str(horizon.horizon_months),
            str(horizon.n),
            *(f"{horizon.rmse[name]:.3f}" for name in ("model", "random_walk", "ar")),
            f"{horizon.versus['ar'].p_value:.3f}",
            "" if coverage is None else f"{coverage:.0%}",
        )
    return table


def _facts_table(report: dict[str, Any]) -> Table:
    table = Table(title=f"What happened, in {report['seconds']:.0f} s", show_header=False)
    for pack in report["packs"]:
        table.add_row(
            f"pack {pack['pack']}",
            f"{pack['files']} files, {pack['new_vintages']} new vintages, {len(pack['findings'])} findings",
        )
    dataset, model, endpoint = report["dataset"], report["model"], report["endpoint"]
    table.add_row("merged data", lifecycle.dataset_line(dataset))
    table.add_row("model", _model_line(model))
    if endpoint is None:
        table.add_row("endpoint", "none: no version serves")
    else:
        table.add_row("endpoint", f"{endpoint['name']}: {endpoint['status']} ({endpoint['config']})")
    return table


def _model_line(model: dict[str, Any]) -> str:
    if model["version"] is None:
        return f"refused by the gate, not registered in {model['group']}"
    return f"{model['group']} version {model['version']}, {model['status']}, {model['deployment']}"


def _shown(path: Path) -> str:
    return os.path.relpath(path)
