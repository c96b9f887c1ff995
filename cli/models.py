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
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
WAIT_SECONDS = 3600


def ingest(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="CSV files, or folders of them; none: fetch the configured source.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Whose data the files are; none: FRED series. A model that values takes sales.")
    ] = None,
    start_over: Annotated[
        bool, typer.Option("--start-over", help="Sales only: put the dataset before out of the way first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring data into the bucket: FRED series from files or from the configured source, sales from files."""
    target = current_target()
    spec = None if model is None else model_spec(model)
    if isinstance(spec, ValuationSpec):
        _ingest_sales(target, spec, paths or [], start_over=start_over, as_json=as_json)
        return
    if start_over or not (spec is None or (isinstance(spec, TrainedSpec) and spec.dataset == FRED)):
        raise CommandError(f"{model or 'FRED series'}: only sales can start over, and only trained models take data")
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
            headline = f"{result.files} files, {result.new_sales} sales more, {len(findings)} files with findings"
        else:
            summary = sales.ingest_inbox(target, spec, start_over=start_over)
            findings = summary["quarantined"]
            headline = f"{len(summary['ingested'])} files of the inbox, {len(findings)} findings"
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    console.print(headline, sales.dataset_line(summary["dataset"]), sep="\n")
    if summary["earlier"]:
        console.print(f"The dataset before is kept under {summary['earlier']}", style="dim")
    if findings:
        console.print(ingestion.findings_table(findings))


def train(
    model: Model,
    trials: Annotated[
        int | None, typer.Option(min=1, max=500, help="Optuna trials; the job's default otherwise.")
    ] = None,
    parameters: Annotated[
        list[str] | None, typer.Option("--set", help="A hyperparameter of the job, such as seed=8; repeat.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a candidate, put it through the gate, and register it for approval when it passes."""
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
    model: Annotated[str | None, typer.Argument(help="Name of a model in the catalogue; none: all of them.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show every model, or the versions of one: status, figures from the gate, traffic, archive, endpoint."""
    views = registry.model_views(current_target(), model)
    if as_json:
        found = [view.model_dump(mode="json") for view in views]
        typer.echo(json.dumps(found if model is None else found[0], indent=2))
    else:
        console.print(registry.summary_table(views) if model is None else registry.versions_table(views[0]))


def approve(
    model: Model,
    version: Annotated[int | None, typer.Option(help="Version to approve; the newest pending one otherwise.")] = None,
    for_experiment: Annotated[
        bool, typer.Option("--for-experiment", help="Let it answer a share of the callers, and don't deploy it yet.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Approve a registered version; its deployment starts by itself, and this waits for it."""
    target = current_target()
    chosen = registry.pending_version(target, model, version)
    console.print(registry.version_table(chosen))
    if for_experiment:
        challengers.approve_for_experiment(target, chosen)
        console.print(f"{model} version {chosen.number} may be tried: 'bellwether experiment start {model}' starts it.")
        return
    if not yes:
        typer.confirm(f"Deploy {model} version {chosen.number} to the {target.where}?", abort=True)
    title = f"Deploying {model} version {chosen.number}"
    with spinner(title) as on_state:
        output = deployments.approve_and_wait(target, model, chosen, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    console.print(deployments.outcome_line(title, output))


def reject(
    model: Model,
    version: Annotated[int | None, typer.Option(help="Version to reject; the newest pending one otherwise.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the version.")] = "rejected by hand",
    yes: Yes = False,
) -> None:
    """Reject a registered version; it is recorded as a decision and never deployed."""
    target = current_target()
    chosen = registry.pending_version(target, model, version)
    console.print(registry.version_table(chosen))
    if chosen.role == "champion":
        console.print(
            f"It serves now, and goes on until 'bellwether rollback {model}' or a newer version.", style="bold"
        )
    if not yes:
        typer.confirm(f"Reject {model} version {chosen.number} in the {target.where}?", abort=True)
    registry.reject(target, chosen, reason)
    console.print(f"{model} version {chosen.number} is rejected.")


def rollback(
    model: Model,
    to: Annotated[int | None, typer.Option(help="Version to go back to; the one that served before otherwise.")] = None,
    yes: Yes = False,
) -> None:
    """Put an earlier approved version back into service."""
    target = current_target()
    chosen = registry.rollback_version(target, model, to)
    if not yes:
        typer.confirm(f"Put {model} version {chosen.number} back into service in the {target.where}?", abort=True)
    title = f"Rolling {model} back to version {chosen.number}"
    arn = deployments.start_rollback(target, model, chosen)
    with spinner(title) as on_state:
        output = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    console.print(deployments.outcome_line(title, output))


def predict(
    model: Model,
    row: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="The row; none: the one it was tested with.")
    ] = None,
    figures: Annotated[list[str] | None, typer.Option("--set", help="The same as NAME=VALUE; repeat.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="JSON file with a row, or with a whole request: data or instances.")
    ] = None,
    month: Annotated[
        str | None, typer.Option(help="Month of the figures, YYYY-MM; the last month of the model's data otherwise.")
    ] = None,
    horizon: Annotated[int | None, typer.Option(help="Months ahead; the model's first horizon otherwise.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Day of a valuation, YYYY-MM-DD; the last day of the model's data otherwise.")
    ] = None,
    entity: Annotated[
        str | None, typer.Option(help="Name of what the row is about: it decides which of two versions answers.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the deployed model for a prediction."""
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
