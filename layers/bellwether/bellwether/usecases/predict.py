"""Ask the model in service."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bellwether.domain.catalogue import forecast_spec
from bellwether.domain.errors import InvalidInputError, UpstreamError
from bellwether.domain.prediction import read_request
from bellwether.ports.models import Predictor


@dataclass(frozen=True)
class Prediction:
    """A model's answer, as its endpoint gave it."""

    model: str
    answer: Mapping[str, Any]
    latency_ms: float


def predict(model: str, body: bytes, *, predictor: Predictor) -> Prediction:
    """Pass a caller's figures on to the model's endpoint.

    Raises InvalidInputError with the field that can't be used, NotFoundError for an unknown model or one that was
    never deployed, TransientUpstreamError when it is busy or starting, UpstreamError when it failed.
    """
    spec = forecast_spec(model)
    request = read_request(body)
    if request.horizon_months is not None and request.horizon_months not in spec.horizons_months:
        known = ", ".join(str(horizon) for horizon in spec.horizons_months)
        raise InvalidInputError(f"has to be one of {known}", field="horizon_months")
    answer = predictor.invoke(spec.endpoint_name, request.as_json())
    try:
        content = json.loads(answer.body)
    except ValueError as error:
        raise UpstreamError(f"endpoint {spec.endpoint_name} answered without JSON") from error
    if not isinstance(content, dict):
        raise UpstreamError(f"endpoint {spec.endpoint_name} answered no JSON object")
    return Prediction(spec.name, content, answer.latency_ms)
