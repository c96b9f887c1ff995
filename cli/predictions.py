"""What `bellwether predict` asks a model, and how its answer is shown."""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from cli.problems import CommandError
from cli.target import Target

UNAVAILABLE = frozenset({429, 503})  # the API, or a serverless endpoint that is starting, is at its limit
RETRY_ATTEMPTS = 6
RETRY_SECONDS = 5.0  # what the API sends as Retry-After
NOT_SHOWN = frozenset({"model", "model_version", "unit", "request_id", "variant"})


def question(target: Target, model: str, pairs: Iterable[str], file: Path | None, **own: Any) -> dict[str, Any]:
    """The body of a request: a file's, a row of `NAME=VALUE` pairs, or what the model in service was tested with.

    `own` are further keys of the model, None for one that nobody has set.
    """
    figures = parse_pairs(pairs)
    if file is not None:
        body = _of_file(file)
        if figures:
            raise CommandError("Give either a file or NAME=VALUE pairs, not both")
    elif figures:
        known = _first_row(golden_request(target, model)).get("data", {})
        body = {"data": {name: _typed(value, known.get(name)) for name, value in figures.items()}}
    else:
        body = golden_request(target, model)
    return body | {name: value for name, value in own.items() if value is not None}


def golden_request(target: Target, model: str) -> dict[str, Any]:
    """The golden request of the version in service, as the API takes it; empty while there is none."""
    request = target.models.golden_request(model, target.objects)
    return {} if request is None else as_the_api_takes_it(request)


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
        raise CommandError(f"{file} does not contain a JSON object")
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
        return prediction_table(dict(answer))
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


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` pairs as a mapping; the endpoint judges the values."""
    figures: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not (name and sign and value):
            raise CommandError(f"Expected NAME=VALUE, for example bedrooms=3; got {pair!r}")
        figures[name] = value
    return figures


def predict(
    target: Target, model: str, figures: dict[str, str], *, month: str | None = None, horizon_months: int | None = None
) -> dict[str, Any]:
    """Ask a model about one row of figures."""
    own = {"month": month, "horizon_months": horizon_months}
    return ask(target, model, {"data": figures, **{name: value for name, value in own.items() if value is not None}})


def ask(target: Target, model: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST to the stack's API; a refusal becomes a CommandError with the field and the reason."""
    url = f"{target.api_base}/predict/{model}"
    for _ in range(RETRY_ATTEMPTS):
        status, answer = target.post(url, body)
        if status not in UNAVAILABLE:
            break
        time.sleep(RETRY_SECONDS)
    if status != 200:
        raise CommandError(
            f"{status}: {answer.get('field') or answer.get('error', 'refused')}: {answer.get('message', answer)}"
        )
    return answer


def prediction_table(answer: dict[str, Any]) -> Table:
    """One row a horizon, and the chance of a recession where the model gives one."""
    caption = "\n".join([f"unit: {answer['unit']}", *_recession_lines(answer)])
    table = Table(title=f"{answer['model']} ({answer['model_version']})", caption=caption)
    for column in ("months ahead", "prediction", "interval", "method"):
        table.add_column(column, justify="right")
    for row in answer["predictions"]:
        interval = row["interval"]
        table.add_row(
            str(row["horizon_months"]),
            f"{row['prediction']:.2f}",
            f"{interval['lower']:.2f} … {interval['upper']:.2f} ({interval['level']:.0%})",
            row.get("method", "model").replace("_", " "),
        )
    return table


def _recession_lines(answer: dict[str, Any]) -> list[str]:
    if found := answer.get("recession"):
        ahead, baseline = found["within_months"], found["baseline_probability"]
        return [f"recession within {ahead} months: {found['probability']:.0%} (term spread alone: {baseline:.0%})"]
    return [f"no recession probability: {reason}"] if (reason := answer.get("recession_left_out")) else []
