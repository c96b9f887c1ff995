"""What `bellwether predict` asks a model, and how its answer is shown."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from cli import lifecycle
from cli.problems import CommandError
from cli.target import Target

NOT_SHOWN = frozenset({"model", "model_version", "unit", "request_id", "variant"})


def question(target: Target, model: str, pairs: Iterable[str], file: Path | None, **own: Any) -> dict[str, Any]:
    """The body of a request: a file's, a row of `NAME=VALUE` pairs, or what the model in service was tested with.

    `own` are further keys of the model, None for one that nobody has set.
    """
    figures = lifecycle.parse_figures(pairs)
    if file is not None:
        body = _of_file(file)
        if figures:
            raise CommandError("either a file or NAME=VALUE pairs, not both")
    elif figures:
        known = _first_row(golden_request(target, model)).get("data", {})
        body = {"data": {name: _typed(value, known.get(name)) for name, value in figures.items()}}
    else:
        body = golden_request(target, model)
    return body | {name: value for name, value in own.items() if value is not None}


def golden_request(target: Target, model: str) -> dict[str, Any]:
    """The request that is kept with the version in service, as the API takes it; empty while there is none."""
    pointer = lifecycle.current(target, model)
    if not pointer:
        return {}
    key = f"models/{lifecycle.spec_of(model).name}/golden/{pointer['bundle_sha256']}.json"
    s3 = target.client("s3")
    try:
        found = s3.get_object(Bucket=target.output("DataBucketName"), Key=key)
    except s3.exceptions.NoSuchKey:
        return {}
    return as_the_api_takes_it(json.loads(found["Body"].read())["request"])


def as_the_api_takes_it(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request to an endpoint; one that classifies takes its text bare, the API as a column like any other."""
    if "instances" in request:
        return {**request, "instances": [as_the_api_takes_it(each) for each in request["instances"]]}
    return {"data": {"text": request["text"]}} if "text" in request else dict(request)


def _first_row(request: Mapping[str, Any]) -> Mapping[str, Any]:
    row: Mapping[str, Any] = request["instances"][0] if "instances" in request else request
    return row


def _of_file(file: Path) -> dict[str, Any]:
    """A whole request, or one row as a plain object of columns."""
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"{file}: {error}") from error
    if not isinstance(content, dict):
        raise CommandError(f"{file} holds no JSON object")
    return content if {"data", "instances"} & content.keys() else {"data": content}


def _typed(value: str, known: Any) -> Any:
    """A figure as a number where the model knows one by this name; a category stays the text it is."""
    if isinstance(known, str | bool):
        return value
    try:
        return float(value) if not value.lstrip("+-").isdecimal() else int(value)
    except ValueError:
        return value


def answer_table(answer: Mapping[str, Any]) -> Table:
    """One row a horizon for forecasts, one a line for many answers, one a fact for everything else."""
    if "predictions" in answer:
        return lifecycle.prediction_table(dict(answer))
    title = f"{answer['model']} ({answer.get('model_version', 'several versions')})"
    many = [each for each in answer.get("results", ()) if isinstance(each, Mapping)]
    if many:
        table = Table(title=title)
        for column in ("row", "prediction", "interval"):
            table.add_column(column, justify="right")
        for number, each in enumerate(many):
            table.add_row(str(number), _text(each.get("prediction", each.get("label"))), _text(each.get("interval")))
        return table
    table = Table(title=title, show_header=False, caption=f"unit: {answer['unit']}" if "unit" in answer else None)
    for name, value in answer.items():
        if name not in NOT_SHOWN:
            table.add_row(name.replace("_", " "), _text(value))
    return table


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, Mapping) and {"level", "lower", "upper"} <= value.keys():
        return f"{value['lower']:,.2f} … {value['upper']:,.2f} ({value['level']:.0%})"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    return "" if value is None else str(value)
