"""Commands of the model lifecycle: ingest, train, models, approve, reject, rollback, predict."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bellwether.models.domain.catalogue import CATALOGUE, FRED, model_spec
from bellwether.models.domain.specs import TrainedSpec, ValuationSpec
from cli import challengers, deployments, executions, ingestion, predictions, registry, sales, training
from cli.problems import CommandError
from cli.target import Target, current_target
from cli.terminal import console, spinner

Model = Annotated[str, typer.Argument(help=f"Name of the model in the catalogue: {', '.join(CATALOGUE)}.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
WAIT_SECONDS = 3600


def ingest(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="CSV files or folders. Default: fetch from the configured source.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Model that the data is for. Default: FRED series. A valuation model takes sales."),
    ] = None,
    start_over: Annotated[
        bool,
        typer.Option(
            "--start-over", help="Sales only: start a new dataset; the previous one is kept under another key."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ingest FRED series from files or from the configured source, or sales from files."""
    target = current_target()
    spec = None if model is None else model_spec(model)
    if isinstance(spec, ValuationSpec):
        _ingest_sales(target, spec, paths or [], start_over=start_over, as_json=as_json)
        return
    if start_over or not (spec is None or (isinstance(spec, TrainedSpec) and spec.dataset == FRED)):
        raise CommandError(
            f"{model or 'FRED series'}: --start-over is for sales only, and only trained models take data"
        )
    if paths:
        with console.status("Ingesting"):
            result = ingestion.ingest_pack(target, ingestion.csv_files(paths))
        summary, findings = result.as_json(), result.findings
        headline = f"{result.files} files, {result.new_vintages} new vintages, {len(findings)} findings in quarantine"
    else:
        with console.status("Fetching"):
            summary = ingestion.ingest(target, source=None)
        findings = summary["quarantined"]
        headline = (
            f"{len(summary['ingested'])} series, {len(summary['failed'])} not available, {len(findings)} findings"
        )
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    console.print(headline, ingestion.dataset_line(summary["dataset"]), sep="\n")
    if remarks := ingestion.dataset_remarks(summary["dataset"]):
        console.print(remarks, style="dim")
    if findings:
        console.print(ingestion.findings_table(findings))


def _ingest_sales(target: Target, spec: ValuationSpec, paths: list[Path], *, start_over: bool, as_json: bool) -> None:
    with console.status("Ingesting"):
        if paths:
            result = sales.ingest_files(target, spec, ingestion.csv_files(paths), start_over=start_over)
            summary, findings = result.as_json(), result.findings
            headline = f"{result.files} files, {result.new_sales} new sales, {len(findings)} files with findings"
        else:
            summary = sales.ingest_inbox(target, spec, start_over=start_over)
            findings = summary["quarantined"]
            headline = f"{len(summary['ingested'])} files from the inbox, {len(findings)} findings"
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    console.print(headline, sales.dataset_line(summary["dataset"]), sep="\n")
    if summary["earlier"]:
        console.print(f"The previous dataset is kept under {summary['earlier']}", style="dim")
    if findings:
        console.print(ingestion.findings_table(findings))


def train(
    model: Model,
    trials: Annotated[
        int | None, typer.Option(min=1, max=500, help="Number of Optuna trials. Default: the job's own.")
    ] = None,
    parameters: Annotated[
        list[str] | None, typer.Option("--set", help="Hyperparameter of the job, for example seed=8. Repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a candidate and register it for approval if it passes the quality gate."""
    target = current_target()
    wanted = predictions.parse_pairs(parameters or []) | ({} if trials is None else {"trials": str(trials)})
    arn = training.start(target, model, wanted)
    with spinner(f"Training {model}") as on_state:
        output = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    if as_json:
        typer.echo(json.dumps(output, indent=2))
    else:
        console.print(training.outcome_text(output))


def models(
    model: Annotated[str | None, typer.Argument(help="Name of a model in the catalogue. Default: all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show all models, or the versions of one: status, evaluation, role, traffic, endpoint."""
    views = registry.model_views(current_target(), model)
    if as_json:
        found = [view.model_dump(mode="json") for view in views]
        typer.echo(json.dumps(found if model is None else found[0], indent=2))
    else:
        console.print(registry.summary_table(views) if model is None else registry.versions_table(views[0]))


def approve(
    model: Model,
    version: Annotated[
        int | None, typer.Option(help="Version to approve. Default: the newest pending version.")
    ] = None,
    for_experiment: Annotated[
        bool, typer.Option("--for-experiment", help="Approve for an experiment only; do not deploy.")
    ] = False,
    despite_gate: Annotated[
        str | None,
        typer.Option(
            "--despite-gate", metavar="REASON", help="Approve a version that its gate refused; the reason is kept."
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Approve a registered version and wait for its deployment."""
    target = current_target()
    if despite_gate is None:
        chosen = registry.pending_version(target, model, version)
        registry.refuse_without_reason(chosen)
    else:
        chosen = registry.refused_version(target, model, version, despite_gate, for_experiment=for_experiment)
    console.print(registry.version_table(chosen))
    if for_experiment:
        challengers.approve_for_experiment(target, chosen)
        console.print(f"{model} version {chosen.number} is approved for an experiment.")
        console.print(f"Start it with 'bellwether experiment start {model}'.")
        return
    if not yes:
        typer.confirm(f"Deploy {model} version {chosen.number} to the {target.where}?", abort=True)
    title = f"Deploying {model} version {chosen.number}"
    with spinner(title) as on_state:
        output = deployments.approve_and_wait(
            target, model, chosen, timeout_seconds=WAIT_SECONDS, despite_gate=despite_gate, on_state=on_state
        )
    console.print(deployments.outcome_line(title, output))


def reject(
    model: Model,
    version: Annotated[int | None, typer.Option(help="Version to reject. Default: the newest pending version.")] = None,
    reason: Annotated[str, typer.Option(help="Reason, recorded with the version.")] = "rejected manually",
    yes: Yes = False,
) -> None:
    """Reject a registered version. The rejection is recorded as a decision."""
    target = current_target()
    chosen = registry.pending_version(target, model, version)
    console.print(registry.version_table(chosen))
    if chosen.role == "champion":
        console.print(
            f"This version stays in service until 'bellwether rollback {model}'.",
            style="bold",
        )
    if not yes:
        typer.confirm(f"Reject {model} version {chosen.number} in the {target.where}?", abort=True)
    registry.reject(target, chosen, reason)
    console.print(f"{model} version {chosen.number} is rejected.")


def rollback(
    model: Model,
    to: Annotated[
        int | None, typer.Option(help="Version to roll back to. Default: the previously deployed version.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Deploy an earlier approved version again."""
    target = current_target()
    chosen = registry.rollback_version(target, model, to)
    if not yes:
        typer.confirm(f"Deploy {model} version {chosen.number} again to the {target.where}?", abort=True)
    title = f"Rolling {model} back to version {chosen.number}"
    arn = deployments.start_rollback(target, model, chosen)
    with spinner(title) as on_state:
        output = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    console.print(deployments.outcome_line(title, output))


def predict(
    model: Model,
    row: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=VALUE]...",
            help="Features of one row. Default: the golden request of the version in service.",
        ),
    ] = None,
    figures: Annotated[list[str] | None, typer.Option("--set", help="Same as NAME=VALUE. Repeatable.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="JSON file with one row, or with a request (data or instances).")
    ] = None,
    month: Annotated[
        str | None, typer.Option(help="Month of the features, YYYY-MM. Default: the last month of the training data.")
    ] = None,
    horizon: Annotated[int | None, typer.Option(help="Months ahead. Default: the model's first horizon.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Date of a valuation, YYYY-MM-DD. Default: the last day of the training data.")
    ] = None,
    entity: Annotated[
        str | None, typer.Option(help="Entity id of the row; it selects champion or challenger in an experiment.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Request a prediction from the deployed model."""
    target = current_target()
    model_spec(model)
    body = predictions.question(
        target,
        model,
        [*(row or []), *(figures or [])],
        file,
        month=month,
        horizon_months=horizon,
        as_of=as_of,
        entity_id=entity,
    )
    answer = predictions.ask(target, model, body)
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        console.print(predictions.answer_table(answer))
