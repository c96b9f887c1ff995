"""The macro model: FRED files in, an approved model's prediction out."""

import csv
import io
import tarfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

from rich.table import Table

from bellwether.datasets.views import DatasetViews
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.forecast_evaluation import EvaluationReport
from cli import deployments, executions, ingestion, predictions, registry, training
from cli.demo.charts import BacktestPoint, draw_backtest
from cli.ingestion import Ingested
from cli.problems import CommandError
from cli.target import Target
from cli.terminal import console, done, spinner

MODEL = "macro"
CHART_HORIZON_MONTHS = 3
WAIT_SECONDS = 900
REBASED = "PCEC96"  # in samples/forms on another base


@dataclass(frozen=True)
class Candidate:
    """What training left behind: the registered version, whether its gate accepted it, its evaluation, the backtest."""

    version: int
    accepted: bool
    evaluation: EvaluationReport
    backtest: list[BacktestPoint]


def run_macro(
    target: Target, packs: list[Path], trials: int, out: Path, *, forms: Path | None = None
) -> dict[str, Any]:
    """Take the packs to a served prediction, print what came of it, draw `forecast.png`; returns the facts.

    `forms`: a folder with series of the packs in other forms. A candidate that the gate refuses is not deployed: what
    served before, if anything, answers then.
    """
    started = time.monotonic()
    ingested = [_ingest_pack(target, pack) for pack in packs]
    if forms is not None:
        ingest_forms(target, forms)
    candidate = _train(target, trials)
    outcome = _approve(target, candidate.version) if candidate.accepted else None
    serves = target.models.current(MODEL) is not None
    prediction = predictions.predict(target, MODEL, DatasetViews(target.objects).latest_figures()) if serves else None
    draw_backtest(
        candidate.backtest,
        title=f"UNRATE: forecast {CHART_HORIZON_MONTHS} months ahead (backtest)",
        path=out / "forecast.png",
    )
    report = _report(target, packs, ingested, candidate, outcome, prediction, seconds=time.monotonic() - started)
    console.print(_errors_table(candidate.evaluation), _facts_table(report))
    if prediction is not None:
        console.print(predictions.prediction_table(prediction))
    return report


def _ingest_pack(target: Target, pack: Path) -> Ingested:
    files = ingestion.csv_files([pack])
    with console.status(f"Ingesting {len(files)} files of {pack.name}"):
        result = ingestion.ingest_pack(target, files)
    counts = f"{result.files} files, {result.new_vintages} new vintages, {len(result.findings)} findings in quarantine"
    done(f"Pack {pack.name}: {counts}")
    if result.findings:
        console.print(ingestion.findings_table(result.findings))
    if remarks := ingestion.dataset_remarks(result.dataset):
        console.print(remarks, style="dim")
    return result


def ingest_forms(target: Target, folder: Path) -> None:
    """Ingest series that are known in other forms. Raises CommandError unless they bring nothing new, and the part on
    another base is refused."""
    with console.status("Ingesting the same series in other forms"):
        result = ingestion.ingest_pack(target, ingestion.csv_files([folder]))
    refused = [finding["field"] for finding in result.findings if "another base or unit" in finding["reason"]]
    if result.new_vintages or refused != [REBASED] or len(result.findings) > 1:
        reasons = "; ".join(f"{finding['file']}: {finding['reason']}" for finding in result.findings)
        raise CommandError(f"Series in other forms were read otherwise: {result.new_vintages} new vintages; {reasons}")
    done(f"Other forms: {result.files - 1} files hold the same figures; {REBASED} on another base is refused")


def _train(target: Target, trials: int) -> Candidate:
    arn = training.start(target, MODEL, {"trials": str(trials)})
    with spinner(f"Training {MODEL}") as on_state:
        output = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    if output.get("outcome") == training.ALREADY_RUNNING:
        raise CommandError(training.outcome_text(output))
    version, accepted = int(output["version"]), output["outcome"] == training.REGISTERED
    if not accepted:
        console.print(
            f"[yellow]✗[/yellow] Trained; the quality gate refused version {version} (Rejected): it is not deployed"
        )
    else:
        done(f"Trained; passed the quality gate; registered as version {version} (PendingManualApproval)")
    console.print(training.outcome_text(output), style="dim")
    evaluation, backtest = _job_output(target, output["job_name"])
    return Candidate(version=version, accepted=accepted, evaluation=evaluation, backtest=backtest)


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
        prediction=float(row["served"]),
        lower=float(row["lower_0.8"] or "nan"),
        upper=float(row["upper_0.8"] or "nan"),
    )


def _approve(target: Target, number: int) -> str:
    version = registry.numbered_version(target, MODEL, number)
    with spinner(f"Deploying version {number}") as on_state:
        output = deployments.approve_and_wait(target, MODEL, version, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    done(f"Approved and deployed: version {number} passed the smoke test and is current")
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
    spec = model_spec(MODEL)
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
            "status": "Approved" if candidate.accepted else "Rejected",
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
        caption="p: one-sided Diebold–Mariano test against AR",
    )
    for column in ("months ahead", "n", "model", "random walk", "AR", "p", "80% interval coverage", "serves"):
        table.add_column(column, justify="right")
    for horizon in evaluation.horizons:
        coverage = next((each.coverage for each in horizon.intervals if each.level == 0.8), None)
        table.add_row(
            str(horizon.horizon_months),
            str(horizon.n),
            *(f"{horizon.rmse[name]:.3f}" for name in ("model", "random_walk", "ar")),
            f"{horizon.versus['ar'].p_value:.3f}",
            "" if coverage is None else f"{coverage:.0%}",
            horizon.method.replace("_", " "),
        )
    return table


def _facts_table(report: dict[str, Any]) -> Table:
    table = Table(title=f"Macro model: summary ({report['seconds']:.0f} s)", show_header=False)
    for pack in report["packs"]:
        table.add_row(
            f"pack {pack['pack']}",
            f"{pack['files']} files, {pack['new_vintages']} new vintages, {len(pack['findings'])} findings",
        )
    dataset, model, endpoint = report["dataset"], report["model"], report["endpoint"]
    table.add_row("merged dataset", ingestion.dataset_line(dataset))
    table.add_row("model", _model_line(model))
    if endpoint is None:
        table.add_row("endpoint", "none: no version is deployed")
    else:
        table.add_row("endpoint", f"{endpoint['name']}: {endpoint['status']} ({endpoint['config']})")
    return table


def _model_line(model: dict[str, Any]) -> str:
    if model["deployment"] is None:
        return f"{model['group']} version {model['version']}, refused by the quality gate"
    return f"{model['group']} version {model['version']}, {model['status']}, {model['deployment']}"
