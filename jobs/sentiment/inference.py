"""Entry point of endpoint and batch transform: the four functions that SageMaker's containers call.

Travels in a bundle, as `code/inference.py`.

In SageMaker's own containers whatever these functions raise ends as status 500 without a word. So there a refused
request travels on as a value, and `output_fn` answers it with status 400; elsewhere it is raised as RefusedInputError.
"""

import sys
from pathlib import Path
from typing import Any

if (beside := str(Path(__file__).resolve().parent)) not in sys.path:
    sys.path.insert(0, beside)

from classifying import loading, requests  # type: ignore[import-not-found]
from classifying.errors import RefusedInputError  # type: ignore[import-not-found]

CONTAINER = "sagemaker_containers"


def model_fn(model_dir: str) -> Any:
    """Load the bundle; raises BundleTamperedError when a part differs from its hash."""
    return loading.load(Path(model_dir))


def input_fn(body: bytes | str, content_type: str = "application/json") -> Any:
    """Read JSON lines, an object with `instances`, or one object."""
    try:
        return requests.parse(body, content_type)
    except RefusedInputError as refusal:
        return _pass_on(refusal)


def predict_fn(request: Any, model: Any) -> Any:
    """Classify."""
    return request if isinstance(request, RefusedInputError) else model.answer(request)


def output_fn(prediction: Any, accept: str = "application/json") -> Any:  # noqa: ARG001 - the form follows the request
    """Write the answer in the form of the request, with its content type."""
    if isinstance(prediction, RefusedInputError):
        from sagemaker_containers.beta.framework import worker  # type: ignore[import-not-found]

        return worker.Response(response=str(prediction), status=400, mimetype=requests.JSON)
    return requests.render(prediction)


def _pass_on(refusal: Any) -> Any:
    if CONTAINER in sys.modules:
        return refusal
    raise refusal
