"""Entry point of the endpoint: the four functions that SageMaker's XGBoost container calls. Travels in a bundle.

In the container whatever these functions raise ends as status 500 without a word. So there a refused request travels on
as a value, and `output_fn` answers it with status 400; elsewhere it is raised as RefusedInputError.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if (beside := str(Path(__file__).resolve().parent)) not in sys.path:
    sys.path.insert(0, beside)

from learning.errors import RefusedInputError  # type: ignore[import-not-found]
from learning.macro import serving  # type: ignore[import-not-found]

JSON = "application/json"
CONTAINER = "sagemaker_containers"


def model_fn(model_dir: str) -> Any:
    """Load the bundle; raises BundleTamperedError when a part differs from its hash."""
    return serving.load(Path(model_dir))


def input_fn(body: bytes | str, content_type: str = JSON) -> Any:
    """Read a request; refuses what is no JSON or holds no figures."""
    try:
        if content_type.split(";")[0].strip().lower() != JSON:
            raise RefusedInputError("content_type", f"has to be {JSON}, is {content_type[:60]}")
        return serving.parse_request(body)
    except RefusedInputError as refusal:
        return _pass_on(refusal)


def predict_fn(request: Any, model: Any) -> Any:
    """Forecast every horizon."""
    if isinstance(request, RefusedInputError):
        return request
    try:
        return serving.answer(model, request)
    except RefusedInputError as refusal:
        return _pass_on(refusal)


def output_fn(prediction: Any, accept: str = JSON) -> Any:  # noqa: ARG001 - there is one format
    """Write the answer as JSON, with its content type."""
    if isinstance(prediction, RefusedInputError):
        from sagemaker_containers.beta.framework import worker  # type: ignore[import-not-found]

        return worker.Response(response=str(prediction), status=400, mimetype=JSON)
    return json.dumps(prediction, ensure_ascii=False), JSON


def _pass_on(refusal: Any) -> Any:
    if CONTAINER in sys.modules:
        return refusal
    raise refusal
