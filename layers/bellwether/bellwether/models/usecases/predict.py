"""Predict with the current version, and with the challenger of a running experiment."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from bellwether.models.domain.capture import CaptureRecord, Point, Status, Variant
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.golden import VERSION_FIELD
from bellwether.models.domain.prediction import RESULTS, PredictionRequest, read_request
from bellwether.models.domain.routing import Plan, Traffic, is_sampled, plan
from bellwether.models.domain.specs import ModelSpec
from bellwether.models.ports.experiments import TrafficControl
from bellwether.models.ports.predictor import Predictor
from bellwether.models.usecases.invoke_endpoint import EndpointInvoker, InvocationResult
from bellwether.shared.domain.errors import BellwetherError, InvalidInputError, NotFoundError, TransientUpstreamError
from bellwether.shared.ports.clock import Clock

LONGEST_ERROR = 500
CHALLENGERS_PART = 0.5  # of the time there is: the rest is the champion's, should the challenger fail


@dataclass(frozen=True)
class TimeoutPolicy:
    """Total time of a request, extra time for a shadow's response, and the first retry delay."""

    seconds: float
    shadow_seconds: float = 1.0
    first_wait_seconds: float = 0.2


@dataclass(frozen=True)
class Prediction:
    """What became of a request: the answer for the caller, or the error that it ended in, and what to remember of it.

    `traffic_error` says why nobody could tell whether there is an experiment, `challenger_error` why the challenger,
    who was only `shadowed` or not, gave no answer; the caller got the champion's all the same.
    """

    answer: Mapping[str, Any]
    error: Exception | None
    latency_ms: float
    records: tuple[CaptureRecord, ...]
    traffic_error: BellwetherError | None
    challenger_error: Exception | None
    shadowed: bool


@dataclass(frozen=True)
class _Reply:
    """What one version said, and whether that is what the caller gets."""

    variant: Variant
    asked: InvocationResult
    returned: bool = True


def predict(
    model: str,
    body: bytes,
    *,
    request_id: str,
    predictor: Predictor,
    traffic: TrafficControl,
    clock: Clock,
    timeouts: TimeoutPolicy,
) -> Prediction:
    """Pass a caller's rows on to the model's endpoint, and to its challenger's as the experiment has it.

    Raises NotFoundError for an unknown model and InvalidInputError with the field that no model has to be asked about.
    What a model that was asked ended in comes with the prediction: InvalidInputError with the field that it refused,
    NotFoundError when it was never deployed, TransientUpstreamError when it was busy or starting until the time was
    over, UpstreamError when it failed. A challenger's error is never the caller's: the champion answers in its place.
    """
    received_at, started = clock.now(), time.perf_counter()
    spec = model_spec(model)
    request = read_request(body, spec)
    serving, traffic_error = _serving(spec, traffic)
    whose = plan(serving.experiment, [row.entity_id for row in request.rows], request_id, now=received_at)
    invoker = EndpointInvoker(request, predictor, timeouts.first_wait_seconds)
    replies = _ask(spec, whose, invoker, timeouts, started)
    error = _first_error(replies, Variant.CHAMPION)
    unknown = isinstance(error, NotFoundError)  # nobody was there to be remembered
    wanted = not unknown and (whose.experiment is not None or is_sampled(request_id, spec.capture.sample_share))
    recorder = _Recorder(spec, request, serving, whose, request_id, received_at)
    return Prediction(
        answer={} if error is not None else _answer(spec, request, replies),
        error=error,
        latency_ms=(time.perf_counter() - started) * 1000,
        records=tuple(record for reply in replies for record in recorder.records(reply)) if wanted else (),
        traffic_error=traffic_error,
        challenger_error=_first_error(replies, Variant.CHALLENGER),
        shadowed=bool(whose.shadow),
    )


def _serving(spec: ModelSpec, traffic: TrafficControl) -> tuple[Traffic, BellwetherError | None]:
    """What is in service; where that can't be told, the champion is: an answer matters more than an experiment."""
    try:
        return traffic.get(spec.name), None
    except BellwetherError as error:
        return Traffic(), error


def _ask(
    spec: ModelSpec, whose: Plan, invoker: EndpointInvoker, timeouts: TimeoutPolicy, started: float
) -> list[_Reply]:
    """Champion and challenger side by side. Where the challenger has to answer and does not, the champion does."""
    until = started + timeouts.seconds
    challengers_until = started + timeouts.seconds * (1 if whose.shadow else CHALLENGERS_PART)
    champion = invoker.start(spec.endpoint_name, whose.champion, until=until)
    rival = None
    if whose.experiment is not None:
        rows = whose.shadow or whose.challenger
        rival = invoker.start(whose.experiment.challenger_endpoint_name, rows, until=challengers_until)
    replies = []
    if rival is not None and not whose.shadow:
        said = rival.outcome(until=challengers_until)
        replies.append(_Reply(Variant.CHALLENGER, said, returned=said.error is None))
        instead = invoker.start(spec.endpoint_name, whose.challenger, until=until) if said.error is not None else None
        if instead is not None:
            replies.append(_Reply(Variant.CHAMPION, instead.outcome(until=until)))
    if champion is not None:
        replies.append(_Reply(Variant.CHAMPION, champion.outcome(until=until)))
    if rival is not None and whose.shadow:
        said = rival.outcome(until=min(until, time.perf_counter() + timeouts.shadow_seconds))
        replies.append(_Reply(Variant.CHALLENGER, said, returned=False))
    return replies


def _first_error(replies: Sequence[_Reply], variant: Variant) -> Exception | None:
    errors = (reply.asked.error for reply in replies if reply.variant is variant)
    return next((error for error in errors if error is not None), None)


def _answer(spec: ModelSpec, request: PredictionRequest, replies: Sequence[_Reply]) -> dict[str, Any]:
    """The answers in the order of the rows, each with the variant that gave it."""
    by_row = {
        row: {**answer, "variant": reply.variant.value}
        for reply in replies
        if reply.returned
        for row, answer in zip(reply.asked.rows, reply.asked.answers, strict=True)
    }
    answers = [by_row[number] for number in range(len(request.rows))]
    return {**({RESULTS: answers} if request.many else answers[0]), "model": spec.name}


@dataclass(frozen=True)
class _Recorder:
    """Makes the records of one request."""

    spec: ModelSpec
    request: PredictionRequest
    serving: Traffic
    plan: Plan
    request_id: str
    received_at: datetime

    def records(self, reply: _Reply) -> list[CaptureRecord]:
        """One for each row that was asked about."""
        asked = reply.asked
        answers = asked.answers or (None,) * len(asked.rows)
        return [self._record(reply, row, answer) for row, answer in zip(asked.rows, answers, strict=True)]

    def _record(self, reply: _Reply, number: int, answer: dict[str, Any] | None) -> CaptureRecord:
        row, error = self.request.rows[number], reply.asked.error
        redacted = self.spec.capture.redacted
        experiment = self.plan.experiment
        return CaptureRecord(
            request_id=self.request_id,
            instance=number,
            model=self.spec.name,
            variant=reply.variant,
            returned=reply.returned,
            experiment_id=experiment.experiment_id if experiment is not None else None,
            model_version=self._version(reply.variant, answer),
            entity_id=row.entity_id,
            received_at=self.received_at,
            latency_ms=round(reply.asked.latency_ms, 3),
            status=_status(error),
            error=_words(error, quoting=not redacted),
            input={name: value for name, value in row.data.items() if name not in redacted},
            output=answer,
            points=self._points(number, answer),
        )

    def _version(self, variant: Variant, answer: Mapping[str, Any] | None) -> str | None:
        """What the endpoint calls itself; of one that did not answer, what should have."""
        said = (answer or {}).get(VERSION_FIELD)
        if isinstance(said, str):
            return said
        if variant is Variant.CHALLENGER and self.plan.experiment is not None:
            return self.spec.model_version(self.plan.experiment.challenger_bundle_sha256)
        current = self.serving.current
        return self.spec.model_version(current.bundle_sha256) if current is not None else None

    def _points(self, number: int, answer: Mapping[str, Any] | None) -> tuple[Point, ...]:
        """Figures that can come true; an answer in a form of its own has none that anybody could find."""
        try:
            return self.request.rows[number].points(self.spec, answer) if answer is not None else ()
        except (AttributeError, KeyError, TypeError, ValidationError):
            return ()


def _status(error: Exception | None) -> Status:
    if error is None:
        return Status.ANSWERED
    refused = isinstance(error, InvalidInputError) and not isinstance(error, NotFoundError)
    return Status.REFUSED if refused else Status.FAILED


def _words(error: Exception | None, *, quoting: bool) -> str | None:
    """What an error says; only what it is called where its words may quote what must not be kept."""
    if error is None:
        return None
    harmless = quoting or isinstance(error, TransientUpstreamError)  # says how an endpoint was out of reach
    return f"{type(error).__name__}: {error}"[:LONGEST_ERROR] if harmless else type(error).__name__
