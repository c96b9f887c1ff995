"""`bellwether local-template`: a template for `sam local invoke`, with the variables of the deployed functions."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.problems import CommandError
from cli.target import Target, current_target
from localcloud.flat_template import TemplateError, flatten

ROOT = Path(__file__).resolve().parents[1]
FUNCTION = "AWS::Lambda::Function"
STACK = "AWS::CloudFormation::Stack"

console = Console()


def local_template(
    out: Annotated[Path, typer.Option(help="File to write.")] = ROOT / "build" / "local.json",
    build: Annotated[Path, typer.Option(help="Build folder of 'make build'.")] = ROOT / ".aws-sam" / "build",
) -> None:
    """Write one flat template of the built functions, wired to the deployed stack, for `sam local invoke`.

    `sam local invoke` does not resolve layers across nested stacks, so the flat template holds functions and layers.
    """
    target = current_target()
    deployed = {name: _variables(target, physical) for name, physical in _functions(target, target.stack)}
    known = {variable: value for variables in deployed.values() for variable, value in variables.items()}
    try:
        flat = flatten(build, known, {})
    except TemplateError as error:
        raise CommandError(str(error)) from error
    for name, variables in deployed.items():
        if name in flat["Resources"]:
            properties = flat["Resources"][name]["Properties"]
            properties["Environment"] = {"Variables": variables | target.function_endpoints}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(flat, indent=1))
    console.print(
        f".venvs/sam/bin/sam local invoke PredictFunction --template {os.path.relpath(out)}"
        " --event events/models/predict/current_figures.json",
        soft_wrap=True,
        highlight=False,
    )
    if target.function_endpoints:
        console.print("The embedded cloud listens on loopback only, where containers don't reach it.", style="dim")


def _functions(target: Target, stack: str) -> list[tuple[str, str]]:
    """Logical and physical names of the functions in a stack and the stacks nested in it."""
    pages = target.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    found: list[tuple[str, str]] = []
    for resource in (each for page in pages for each in page["StackResourceSummaries"]):
        if resource["ResourceType"] == STACK:
            found.extend(_functions(target, resource["PhysicalResourceId"]))
        elif resource["ResourceType"] == FUNCTION:
            found.append((resource["LogicalResourceId"], resource["PhysicalResourceId"]))
    return found


def _variables(target: Target, function_name: str) -> dict[str, Any]:
    configuration = target.client("lambda").get_function_configuration(FunctionName=function_name)
    return dict(configuration.get("Environment", {}).get("Variables", {}))
