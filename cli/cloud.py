"""`bellwether up | down | reset | status | logs`: the embedded cloud."""

import dataclasses
import json
from collections.abc import Callable
from typing import Annotated

import typer
from rich.status import Status
from rich.text import Text

from cli.terminal import console
from localcloud.control import Cloud, Progress
from localcloud.endpoints import Endpoints
from localcloud.status import CloudStatus

_COLOURS = {"up": "green", "not answering": "yellow", "down": "red"}


def up(
    deploy: Annotated[bool, typer.Option(help="Build and deploy the stack when its sources changed.")] = True,
) -> None:
    """Start the embedded cloud and deploy the stack. Can be repeated; state is kept."""
    with console.status("Starting") as spinner:
        endpoints = Cloud().up(_shown(spinner), deploy=deploy)
    _print_endpoints(endpoints)


def down() -> None:
    """Stop the embedded cloud. Its state is kept for the next `up`."""
    with console.status("Stopping") as spinner:
        Cloud().down(_shown(spinner))


def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Stop the embedded cloud and delete its state."""
    cloud = Cloud()
    if not yes:
        typer.confirm(f"Remove everything in {cloud.home.root}?", abort=True)
    with console.status("Resetting") as spinner:
        cloud.reset(_shown(spinner))


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show services, addresses and whether the stack is up to date. Exits with 1 unless all services are up."""
    seen = Cloud().status()
    if as_json:
        typer.echo(json.dumps({**dataclasses.asdict(seen), "healthy": seen.healthy}, indent=2))
    else:
        _print_status(seen)
    raise typer.Exit(0 if seen.healthy else 1)


def logs(
    name: Annotated[
        str,
        typer.Argument(
            help="emulator, sagemaker, replay, postgres, deploy; a SageMaker job or endpoint; a function or part of it."
        ),
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log until interrupted.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Number of lines.")] = 100,
) -> None:
    """Print the log of a service, a SageMaker job, or a Lambda function of the stack."""
    log = Cloud().logs(name)
    if not follow:
        for line in log.last(lines):
            typer.echo(line)
        return
    try:
        for line in log.follow(lines):
            typer.echo(line)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _shown(spinner: Status) -> Callable[[Progress], None]:
    """A line for each finished step, and a spinner for the one that runs."""

    def show(progress: Progress) -> None:
        if progress.seconds is None:
            spinner.update(progress.step)
            return
        line = Text.assemble(("✓", "green"), f" {progress.step:<22} {progress.seconds:5.1f} s")
        if progress.detail:
            line.append(f"  {progress.detail}", style="dim")
        console.print(line, soft_wrap=True)

    return show


def _print_endpoints(endpoints: Endpoints) -> None:
    for name, address, note in (
        ("AWS", endpoints.aws_url, f"region {endpoints.region}, account {endpoints.account}, key in access_key.json"),
        ("SageMaker", endpoints.sagemaker_url, "training jobs, registry, endpoints"),
        ("Replay", endpoints.replay_url, "invented news feeds and market-data API"),
        ("Postgres", endpoints.postgres.address, "password in secret ops-pipeline/db-local"),
    ):
        console.print(Text.assemble(f"{name:<10} {address}  ", (note, "dim")), soft_wrap=True)


def _print_status(seen: CloudStatus) -> None:
    for service in seen.services:
        state = (service.state, _COLOURS[service.state])
        process = f"process {service.pid}, " if service.pid else ""
        console.print(Text.assemble(f"{service.name:<10} ", state, f", {process}{service.address}"), soft_wrap=True)
    if seen.stack is None:
        console.print("stack      not found: run `bellwether up`")
    else:
        fresh = "up to date" if seen.stack.current else "out of date: run `bellwether up`"
        console.print(f"stack      {seen.stack.name} {seen.stack.status}, {fresh}", soft_wrap=True)
    console.print(f"home       {seen.home}", soft_wrap=True)
