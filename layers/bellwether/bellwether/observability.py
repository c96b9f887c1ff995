"""Logs, metrics and traces, the same for every function (Powertools)."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = ["MetricUnit", "logger", "metrics", "observed", "tracer"]

logger = Logger()
metrics = Metrics()
tracer = Tracer()

Handler = Callable[[dict[str, Any], LambdaContext], Any]


def observed(handler: Handler) -> Handler:
    """Give a handler structured logs with its request id, EMF metrics flushed at the end, and a trace segment."""
    traced = tracer.capture_lambda_handler(handler, capture_response=False)  # payloads don't belong into traces
    measured = metrics.log_metrics(traced)
    return logger.inject_lambda_context(measured, clear_state=True)
