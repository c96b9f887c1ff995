"""`POST /predict/{model}`: a caller's current figures in, the model's prediction out."""

import json
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoSuchRouteError
from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.adapters.sagemaker_runtime import SageMakerPredictor
from bellwether.domain.catalogue import CATALOGUE
from bellwether.domain.errors import InvalidInputError, NotFoundError, TransientUpstreamError
from bellwether.observability import MetricUnit, logger, metrics, observed
from bellwether.usecases.predict import predict

RETRY_AFTER_SECONDS = 5
app = APIGatewayRestResolver()


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an API Gateway proxy event."""
    return app.resolve(event, context)


@app.post("/predict/<model>")
def post_prediction(model: str) -> Response[str]:
    """The endpoint's own answer, with the request's id and the model's name."""
    metrics.add_dimension("model", model if model in CATALOGUE else "unknown")
    prediction = predict(model, _body(), predictor=SageMakerPredictor())
    metrics.add_metric("PredictionLatency", MetricUnit.Milliseconds, prediction.latency_ms)
    return _answer(HTTPStatus.OK, {**prediction.answer, "model": prediction.model})


def refuse(error: InvalidInputError) -> Response[str]:
    """The caller's fault, by field."""
    metrics.add_metric("PredictionsRefused", MetricUnit.Count, 1)
    logger.info("prediction refused", extra={"field": error.field, "reason": error.reason})
    return _answer(
        HTTPStatus.BAD_REQUEST, {"error": "invalid_input", "field": error.field or "body", "message": error.reason}
    )


def tell_unknown(error: NotFoundError) -> Response[str]:
    """A model that the catalogue does not know, or that nobody has deployed yet."""
    metrics.add_metric("PredictionsRefused", MetricUnit.Count, 1)
    logger.info("model not found", extra={"field": error.field, "reason": error.reason})
    message = error.reason if error.field == "model" else "the model is not deployed"
    return _answer(HTTPStatus.NOT_FOUND, {"error": "not_found", "field": "model", "message": message})


def ask_for_patience(error: TransientUpstreamError) -> Response[str]:
    """Throttled, cold or starting."""
    metrics.add_metric("PredictionErrors", MetricUnit.Count, 1)
    logger.warning("model unavailable", extra={"reason": str(error)})
    return _answer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"error": "unavailable", "message": "the model is busy or starting; ask again"},
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def apologise(error: Exception) -> Response[str]:
    """Everything else is ours to look into; the caller gets the request's id to ask about."""
    metrics.add_metric("PredictionErrors", MetricUnit.Count, 1)
    logger.error("prediction failed", exc_info=error)
    return _answer(HTTPStatus.BAD_GATEWAY, {"error": "failed", "message": "the model could not answer"})


@app.not_found
def tell_no_route(_error: NoSuchRouteError) -> Response[str]:
    """A path or method that there is not."""
    return _answer(HTTPStatus.NOT_FOUND, {"error": "not_found", "message": "use POST /predict/{model}"})


app.exception_handler(InvalidInputError)(refuse)
app.exception_handler(NotFoundError)(tell_unknown)
app.exception_handler(TransientUpstreamError)(ask_for_patience)
app.exception_handler(Exception)(apologise)


def _body() -> bytes:
    try:
        return (app.current_event.decoded_body or "").encode()
    except ValueError as error:
        raise InvalidInputError("is no text", field="body") from error


def _answer(status: HTTPStatus, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response[str]:
    request_id = app.current_event.request_context.request_id
    return Response(
        status_code=status.value,
        content_type=content_types.APPLICATION_JSON,
        body=json.dumps({**content, "request_id": request_id}),
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
