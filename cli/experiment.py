"""Commands of champion and challenger: start, show, promote, stop."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bellwether.models.domain.experiment import Decider, Mode
from cli import challengers, deployments, executions, registry
from cli.models import WAIT_SECONDS, AsJson, Model, Yes
from cli.target import Target, current_target
from cli.terminal import console, spinner

experiment_app = typer.Typer(
    no_args_is_help=True, help="Experiments: compare a challenger with the champion in service."
)


@experiment_app.command()
def start(
    model: Model,
    version: Annotated[int | None, typer.Option(help="Version to test. Default: the newest pending version.")] = None,
    mode: Annotated[
        Mode,
        typer.Option(help="shadow: callers get the champion only; split: the challenger serves its share."),
    ] = Mode.SHADOW,
    share: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share of entities in the experiment.")] = 1.0,
    decide: Annotated[
        Decider,
        typer.Option(
            help="Who promotes or stops the challenger after the verdict. Guard rails always stop it automatically."
        ),
    ] = Decider.PERSON,
    days: Annotated[
        float, typer.Option(min=0.01, max=90, help="Days after which an undecided experiment stops.")
    ] = 14.0,
) -> None:
    """Deploy a challenger beside the champion and compare both on actuals."""
    target = current_target()
    if version is None:
        chosen = registry.pending_version(target, model, None)
    else:
        chosen = registry.numbered_version(target, model, version)
    arn = challengers.start(target, model, chosen, mode=mode, share=share, decider=decide, days=days)
    _follow(target, arn, f"Starting an experiment with {model} version {chosen.number}")


@experiment_app.command()
def show(
    model: Model,
    as_json: AsJson = False,
    png: Annotated[Path | None, typer.Option(help="Write a chart of the confidence sequence to this file.")] = None,
) -> None:
    """Show the state of a model's experiment, or of its version on probation."""
    target = current_target()
    rulings = challengers.judge(target, model)
    if as_json:
        typer.echo(json.dumps(rulings, indent=2))
    elif not rulings:
        console.print(f"{model}: no experiment is running and no version is on probation.")
    for ruling in () if as_json else rulings:
        console.print(challengers.ruling_table(ruling))
    if png is not None:
        drawn = challengers.draw_path(challengers.experiment_of(rulings) or challengers.running(target, model), png)
        console.print(f"Chart: {drawn}", style="dim")


@experiment_app.command()
def promote(model: Model, yes: Yes = False) -> None:
    """Deploy an approved challenger as the new champion; this ends its experiment."""
    target = current_target()
    ruling = challengers.running(target, model)
    number = ruling["standing"]["experiment"]["challenger_version"]
    console.print(challengers.ruling_table(ruling))
    if not yes:
        typer.confirm(f"Deploy {model} version {number} to the {target.where}?", abort=True)
    _follow(target, challengers.promote(target, ruling), f"Promoting {model} version {number}")


@experiment_app.command()
def stop(
    model: Model,
    reason: Annotated[str, typer.Option(help="Reason, recorded with the decision.")] = "stopped manually",
) -> None:
    """Stop the experiment and remove the challenger; the champion stays in service."""
    target = current_target()
    ruling = challengers.experiment_of(challengers.judge(target, model))
    _follow(target, challengers.stop(target, model, ruling, reason), f"Stopping the challenger of {model}")


def _follow(target: Target, arn: str, title: str) -> None:
    with spinner(title) as on_state:
        output = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    console.print(deployments.outcome_line(title, output))
