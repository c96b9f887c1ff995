"""Invoke endpoints in parallel, each with its own deadline."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Any

from bellwether.models.domain.capture import LATE
from bellwether.models.domain.prediction import PredictionRequest
from bellwether.models.ports.predictor import Predictor
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError, TransientUpstreamError, UpstreamError

ATTEMPT_SECONDS = 0.5  # with less than this left, another attempt is not worth a wait
LONGEST_WAIT_SECONDS = 2.0


@dataclass(frozen=True)
class InvocationResult:
    """Result for some rows of a request at one endpoint: one answer for each row, or an error."""

    rows: tuple[int, ...]
    answers: tuple[dict[str, Any], ...]
    error: Exception | None
    latency_ms: float


class PendingInvocation:
    """A running invocation in its own thread."""

    def __init__(self, rows: tuple[int, ...], ask: Callable[[], tuple[dict[str, Any], ...]]) -> None:
        self._rows = rows
        self._ask = ask
        self._started = time.perf_counter()
        self._outcome: InvocationResult | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def outcome(self, *, until: float) -> InvocationResult:
        """What became of it, waited for until an instant of `time.perf_counter`; being late is a transient error."""
        self._thread.join(max(0.0, until - time.perf_counter()))
        if self._outcome is not None:
            return self._outcome
        late = TransientUpstreamError(LATE)
        return InvocationResult(self._rows, (), late, self._elapsed_ms())

    def _run(self) -> None:
        answers: tuple[dict[str, Any], ...] = ()
        error: Exception | None = None
        try:
            answers = self._ask()
        except Exception as raised:  # noqa: BLE001 - it is raised, or recorded, where the outcome is looked at
            error = raised
        self._outcome = InvocationResult(self._rows, answers, error, self._elapsed_ms())

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000


@dataclass(frozen=True)
class EndpointInvoker:
    """Invokes endpoints with rows of one request."""

    request: PredictionRequest
    predictor: Predictor
    first_wait_seconds: float

    def start(self, endpoint_name: str, rows: Sequence[int], *, until: float) -> PendingInvocation | None:
        """Start an invocation with these rows; None without rows."""
        chosen = tuple(rows)
        return PendingInvocation(chosen, lambda: self._ask(endpoint_name, chosen, until)) if chosen else None

    def _ask(self, endpoint_name: str, rows: tuple[int, ...], until: float) -> tuple[dict[str, Any], ...]:
        body = self.request.question(rows)
        wait = self.first_wait_seconds
        while True:
            try:
                return self._answers(endpoint_name, rows, self.predictor.invoke(endpoint_name, body).body)
            except TransientUpstreamError:
                pause = wait * random.uniform(0.5, 1.5)  # noqa: S311 - spreads callers, hides nothing
                if time.perf_counter() + pause + ATTEMPT_SECONDS > until:
                    raise
                time.sleep(pause)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            except NotFoundError:
                raise
            except InvalidInputError as refusal:
                raise InvalidInputError(refusal.reason, field=self.request.place(rows, refusal.field)) from refusal

    def _answers(self, endpoint_name: str, rows: tuple[int, ...], body: bytes) -> tuple[dict[str, Any], ...]:
        try:
            return self.request.answers(rows, body)
        except (ValueError, KeyError, RecursionError) as error:
            raise UpstreamError(f"endpoint {endpoint_name} returned an unexpected response") from error
