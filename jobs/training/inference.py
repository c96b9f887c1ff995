"""Entry point of the endpoint: the four functions that SageMaker's XGBoost container calls. Travels in a bundle.

The bundle's manifest names the family of the model, whose `serving` module loads it and answers one row. Around it:
many rows in one request (`instances`), and JSON lines, as a batch transform sends them, each answered as if it had
come alone. Every row is answered by itself: sums over a batch would be other bits.

In the container whatever these functions raise ends as status 500 without a word. So there a refused request travels on
as a value, and `output_fn` answers it with status 400; elsewhere it is raised as RefusedInputError.
"""

import importlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if (beside := str(Path(__file__).resolve().parent)) not in sys.path:
    sys.path.insert(0, beside)

from learning.bundle import read_registered  # type: ignore[import-not-found]
from learning.errors import RefusedInputError  # type: ignore[import-not-found]
from learning.requests import INSTANCES, instances_of, parse_object  # type: ignore[import-not-found]

JSON, LINES = "application/json", "application/jsonlines"
CONTAINER = "sagemaker_containers"


@dataclass(frozen=True)
class Served:
    """A loaded model, and the module that answers for its family."""

    family: Any
    model: Any


@dataclass(frozen=True)
class Lines:
    """Requests of a batch, or their answers, in order."""

    lines: tuple[Any, ...]


def model_fn(model_dir: str) -> Served:
    """Load the bundle; raises BundleTamperedError when it is not the registered one."""
    manifest, digest, parts = read_registered(Path(model_dir))
    family = importlib.import_module(f"learning.{manifest['model']}.serving")
    return Served(family, family.from_manifest(manifest, parts, f"{manifest['model']}-{digest[:8]}"))


def input_fn(body: bytes | str, content_type: str = JSON) -> Any:
    """Read a request, or split a batch into its lines; refuses what is not a JSON object."""
    try:
        kind = content_type.split(";")[0].strip().lower()
        if kind == LINES:
            end = "\n" if isinstance(body, str) else b"\n"
            return Lines(tuple(line for line in body.split(end) if line.strip()))  # type: ignore[arg-type]
        if kind != JSON:
            raise RefusedInputError("content_type", f"has to be {JSON} or {LINES}, is {content_type[:60]}")
        return parse_object(body)
    except RefusedInputError as refusal:
        return _pass_on(refusal)


def predict_fn(request: Any, model: Served) -> Any:
    """Answer one row, many rows, or each line of a batch."""
    if isinstance(request, RefusedInputError):
        return request
    if isinstance(request, Lines):
        return Lines(tuple(_answer_line(line, model) for line in request.lines))
    try:
        return _answer(request, model)
    except RefusedInputError as refusal:
        return _pass_on(refusal)


def output_fn(prediction: Any, accept: str = JSON) -> Any:  # noqa: ARG001 - a request's form decides on its answer's
    """Write the answer as JSON, a batch's as JSON lines, with its content type."""
    if isinstance(prediction, RefusedInputError):
        from sagemaker_containers.beta.framework import worker  # type: ignore[import-not-found]

        return worker.Response(response=str(prediction), status=400, mimetype=JSON)
    if isinstance(prediction, Lines):
        return "\n".join(_write(line) for line in prediction.lines), LINES
    return _write(prediction), JSON


def _answer(content: Any, served: Served) -> Any:
    rows = instances_of(content)
    if rows is None:
        return served.family.answer(served.model, served.family.read_request(content))
    results = []
    for number, row in enumerate(rows):
        try:
            results.append(served.family.answer(served.model, served.family.read_request(row)))
        except RefusedInputError as refusal:
            raise RefusedInputError(f"{INSTANCES}.{number}.{refusal.field}", refusal.reason) from refusal
    return {"results": results}


def _answer_line(line: bytes | str, served: Served) -> Any:
    try:
        return _answer(parse_object(line), served)
    except RefusedInputError as refusal:
        return {"error": "invalid_input", "field": refusal.field, "message": refusal.reason}


def _write(answer: Any) -> str:
    return json.dumps(answer, ensure_ascii=False)


def _pass_on(refusal: Any) -> Any:
    if CONTAINER in sys.modules:
        return refusal
    raise refusal
