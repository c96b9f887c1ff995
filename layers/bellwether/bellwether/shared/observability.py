"""Logs, metrics and traces, the same for every function (Powertools)."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = ["MetricUnit", "gauge", "logger", "metrics", "observed", "tracer"]


def _line(entry: dict[str, Any]) -> str:
    """An entry as JSON that can be written whatever a caller sent: half a pair of UTF-16 stays escaped."""
    text = json.dumps(entry, default=str, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()


logger = Logger(json_serializer=_line)
metrics = Metrics()
tracer = Tracer(patch_modules=("botocore",))  # patching all would import psycopg where no SQL is used

Handler = Callable[[dict[str, Any], LambdaContext], Any]


def observed(handler: Handler) -> Handler:
    """Give a handler structured logs with its request id, EMF metrics flushed at the end, and a trace segment."""
    traced = tracer.capture_lambda_handler(handler, capture_response=False)  # payloads don't belong into traces
    return logger.inject_lambda_context(_flushing_metrics(traced), clear_state=True)


def gauge(name: str, unit: MetricUnit, value: float, **dimensions: str) -> None:
    """Measure something under dimensions of its own, which the function's other metrics don't have."""
    namespace = metrics.provider.namespace
    with single_metric(name=name, unit=unit, value=value, namespace=namespace, default_dimensions=dimensions):
        pass


def _flushing_metrics(handler: Handler) -> Handler:
    """Publish what the handler measured, also when it raises; Powertools' own decorator warns when that was nothing."""

    @wraps(handler)
    def measured(event: dict[str, Any], context: LambdaContext) -> Any:
        try:
            return handler(event, context)
        finally:
            if metrics.provider.metric_set:
                metrics.flush_metrics()

    return measured
