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
    no_args_is_help=True, help="Champion and challenger: try a version beside the one in service."
)


@experiment_app.command()
def start(
    model: Model,
    version: Annotated[int | None, typer.Option(help="Version to try; the newest pending one otherwise.")] = None,
    mode: Annotated[
        Mode, typer.Option(help="shadow: it is asked too, and nobody sees its answer; split: it answers its share.")
    ] = Mode.SHADOW,
    share: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share of the callers' entities.")] = 1.0,
    decide: Annotated[
        Decider, typer.Option(help="Who promotes or stops it once the test has spoken; guards stop it by themselves.")
    ] = Decider.PERSON,
    days: Annotated[float, typer.Option(min=0.01, max=90, help="After which time it is stopped undecided.")] = 14.0,
) -> None:
    """Bring a version into service beside the current one, and let both be judged by what comes true."""
    target = current_target()
    if version is None:
        chosen = registry.pending_version(target, model, None)
    else:
        chosen = registry.numbered_version(target, model, version)
    arn = challengers.start(target, model, chosen, mode=mode, share=share, decider=decide, days=days)
    _follow(target, arn, f"Trying {model} version {chosen.number}")


@experiment_app.command()
def show(
    model: Model,
    as_json: AsJson = False,
    png: Annotated[Path | None, typer.Option(help="Draw the confidence sequence into this file.")] = None,
) -> None:
    """Show how a model's experiment, or its version on probation, stands now."""
    target = current_target()
    rulings = challengers.look(target, model)
    if as_json:
        typer.echo(json.dumps(rulings, indent=2))
    elif not rulings:
        console.print(f"{model}: no experiment is under way, and no version is on probation.")
    for ruling in () if as_json else rulings:
        console.print(challengers.ruling_table(ruling))
    if png is not None:
        drawn = challengers.draw_path(challengers.experiment_of(rulings) or challengers.running(target, model), png)
        console.print(f"Drawn into {drawn}", style="dim")


@experiment_app.command()
def promote(model: Model, yes: Yes = False) -> None:
    """Put an approved challenger into service in the champion's place; its experiment ends with that."""
    target = current_target()
    ruling = challengers.running(target, model)
    number = ruling["standing"]["experiment"]["challenger_version"]
    console.print(challengers.ruling_table(ruling))
    if not yes:
        typer.confirm(f"Put {model} version {number} into service in the {target.where}?", abort=True)
    _follow(target, challengers.promote(target, ruling), f"Promoting {model} version {number}")


@experiment_app.command()
def stop(
    model: Model,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the decision.")] = "stopped by hand",
) -> None:
    """Take the challenger out of service; the champion goes on."""
    target = current_target()
    ruling = challengers.experiment_of(challengers.look(target, model))
    _follow(target, challengers.stop(target, model, ruling, reason), f"Stopping the challenger of {model}")


def _follow(target: Target, arn: str, title: str) -> None:
    with spinner(title) as on_state:
        output = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    console.print(deployments.outcome_line(title, output))
