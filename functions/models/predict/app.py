"""`POST /predict/{model}`: a caller's rows in, the model's predictions out, and a record of them on its way."""

import base64
import binascii
import json
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoSuchRouteError
from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.sagemaker_runtime import SageMakerPredictor
from bellwether.models.adapters.ssm import SsmTraffic
from bellwether.models.domain.catalogue import CATALOGUE
from bellwether.models.usecases.predict import Prediction, TimeoutPolicy, predict
from bellwether.monitoring.adapters.capture_queue import SqsCaptureQueue
from bellwether.monitoring.usecases.send_captures import send_captures
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError, TransientUpstreamError
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.per_process import once_per_process
from bellwether.shared.settings import EnvironmentSettings, load

RETRY_AFTER_SECONDS = 5
RESERVE_SECONDS = 4.0  # for a cold start, which API Gateway's 29 s include and ours don't, and for the queue
app = APIGatewayRestResolver()


class Settings(EnvironmentSettings):
    """Where predictions are remembered, and where it says who answers."""

    capture_queue_url: str


@once_per_process
def traffic() -> SsmTraffic:
    """One for each process: it remembers what it read for some seconds."""
    return SsmTraffic(load(Settings).environment)


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return app.resolve(event, context)


@app.post("/predict/<model>")
def post_prediction(model: str) -> Response[str]:
    """The endpoint's own answer, with the request's id, the model's name and the variant that gave it."""
    metrics.add_dimension("model", model if model in CATALOGUE else "unknown")
    prediction = predict(
        model,
        _body(),
        request_id=app.current_event.request_context.request_id or app.lambda_context.aws_request_id,
        predictor=SageMakerPredictor(),
        traffic=traffic(),
        clock=SystemClock(),
        timeouts=TimeoutPolicy(max(1.0, app.lambda_context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS)),
    )
    _log_challenger(prediction)
    kept = send_captures(prediction.records, queue=SqsCaptureQueue(load(Settings).capture_queue_url))
    if not kept.sent:
        metrics.add_metric("CapturesLost", MetricUnit.Count, len(prediction.records))
        logger.error("captures lost", extra={"records": len(prediction.records), "reason": kept.reason})
    if prediction.error is not None:
        raise prediction.error
    metrics.add_metric("PredictionLatency", MetricUnit.Milliseconds, prediction.latency_ms)
    return _answer(HTTPStatus.OK, dict(prediction.answer))


def refuse(error: InvalidInputError) -> Response[str]:
    """The caller's fault, by field."""
    metrics.add_metric("PredictionsRefused", MetricUnit.Count, 1)
    logger.info("prediction refused", extra={"field": error.field, "reason": error.reason})
    return _answer(
        HTTPStatus.BAD_REQUEST, {"error": "invalid_input", "field": error.field or "body", "message": error.reason}
    )


def respond_not_found(error: NotFoundError) -> Response[str]:
    """A model that the catalogue does not know, or that nobody has deployed yet."""
    metrics.add_metric("PredictionsRefused", MetricUnit.Count, 1)
    logger.info("model not found", extra={"field": error.field, "reason": error.reason})
    message = error.reason if error.field == "model" else "the model is not deployed"
    return _answer(HTTPStatus.NOT_FOUND, {"error": "not_found", "field": "model", "message": message})


def respond_unavailable(error: TransientUpstreamError) -> Response[str]:
    """Throttled, cold or starting until the time was over."""
    metrics.add_metric("PredictionErrors", MetricUnit.Count, 1)
    logger.warning("model unavailable", extra={"reason": str(error)})
    return _answer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"error": "unavailable", "message": "the model is busy or starting; retry later"},
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def respond_failed(error: Exception) -> Response[str]:
    """Everything else is ours to look into; the caller gets the request's id to ask about."""
    metrics.add_metric("PredictionErrors", MetricUnit.Count, 1)
    logger.error("prediction failed", exc_info=error)
    return _answer(HTTPStatus.BAD_GATEWAY, {"error": "failed", "message": "the model could not answer"})


@app.not_found
def tell_no_route(_error: NoSuchRouteError) -> Response[str]:
    """A path or method that there is not."""
    return _answer(HTTPStatus.NOT_FOUND, {"error": "not_found", "message": "use POST /predict/{model}"})


app.exception_handler(InvalidInputError)(refuse)
app.exception_handler(NotFoundError)(respond_not_found)
app.exception_handler(TransientUpstreamError)(respond_unavailable)
app.exception_handler(Exception)(respond_failed)


def _log_challenger(prediction: Prediction) -> None:
    """What callers don't notice: the champion answers."""
    if prediction.traffic_error is not None:
        metrics.add_metric("TrafficUnknown", MetricUnit.Count, 1)
        logger.warning("experiment unknown", extra={"reason": str(prediction.traffic_error)})
    if prediction.challenger_error is not None:
        name = "ShadowFailures" if prediction.shadowed else "ChallengerFallbacks"
        metrics.add_metric(name, MetricUnit.Count, 1)
        logger.warning("challenger did not respond", extra={"reason": str(prediction.challenger_error)})


def _body() -> bytes:
    """The request's body as it came: what is no text is refused with the field's name."""
    event = app.current_event
    try:
        return base64.b64decode(event.body or "") if event.is_base64_encoded else (event.body or "").encode()
    except (binascii.Error, UnicodeEncodeError) as error:
        raise InvalidInputError("is not text", field="body") from error


def _answer(status: HTTPStatus, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response[str]:
    request_id = app.current_event.request_context.request_id
    return Response(
        status_code=status.value,
        content_type=content_types.APPLICATION_JSON,
        body=json.dumps({**content, "request_id": request_id}),
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
