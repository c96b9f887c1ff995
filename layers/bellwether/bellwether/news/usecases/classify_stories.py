"""Classify the sentiment of claimed stories, and of each for the companies that it mentions."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from bellwether.models.domain.catalogue import model_spec
from bellwether.models.ports.predictor import Predictor
from bellwether.news.domain.sentiment import (
    MODEL,
    PROBE_TEXT,
    Answer,
    Classification,
    Failure,
    Mode,
    Results,
    StoryLine,
    answers_key,
    batch_key,
    failure,
    read_answer,
    results_key,
)
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError, UpstreamError
from bellwether.shared.ports.objects import ObjectStore

INSTANCES_PER_REQUEST = 64
_PROBE = StoryLine(id="0" * 32, text=PROBE_TEXT, content_sha256="0" * 64)


class ClassificationRequest(BaseModel):
    """A claim and its mode; in batch mode the transform job has finished."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    claim_token: UUID
    mode: Literal[Mode.ENDPOINT, Mode.BATCH]


class ClassificationReport(BaseModel):
    """Counts and location of the results."""

    model_config = ConfigDict(frozen=True)

    claim_token: UUID
    results_key: str
    classified: int
    failed: int
    model_versions: tuple[str, ...]


def classify_stories(
    request: ClassificationRequest, *, objects: ObjectStore, predictor: Predictor
) -> ClassificationReport:
    """Collect a prediction for each story of the claim, or the reason why there is none.

    A story that the model refuses does not affect the others. Raises TransientUpstreamError and UpstreamError when the
    model itself fails, NotFoundError when it is not deployed or the claim has no input object.
    """
    lines = _lines(objects, batch_key(request.claim_token))
    if request.mode is Mode.BATCH:
        outcomes = _from_batch(lines, objects.get(answers_key(request.claim_token)).content)
    else:
        outcomes = _EndpointClassifier(predictor, model_spec(MODEL).endpoint_name).classify(lines)
    results = _results(request.claim_token, lines, outcomes)
    key = results_key(request.claim_token)
    objects.put(key, results.model_dump_json().encode(), content_type="application/json")
    return ClassificationReport(
        claim_token=request.claim_token,
        results_key=key,
        classified=len(results.classified),
        failed=len(results.failed),
        model_versions=tuple(sorted({each.model_version for each in results.classified})),
    )


def _lines(objects: ObjectStore, key: str) -> list[StoryLine]:
    content = objects.get(key).content.decode()
    try:
        return [StoryLine.model_validate_json(line) for line in content.split("\n") if line]
    except ValidationError as error:
        raise InvalidInputError("contains a line that is not a story", field=key) from error


def _results(claim_token: UUID, lines: Sequence[StoryLine], outcomes: Sequence[Answer | Failure]) -> Results:
    pairs = list(zip(lines, outcomes, strict=True))
    return Results(
        claim_token=claim_token,
        classified=tuple(
            Classification(
                event_uid=line.id,
                content_sha256=line.content_sha256,
                label=outcome.label,
                scores=outcome.scores,
                model_version=outcome.model_version,
                tickers=tuple(line.companies),
                tones={company: outcome.tone_of(company) for company in line.companies},
            )
            for line, outcome in pairs
            if isinstance(outcome, Answer)
        ),
        failed=tuple(outcome for _, outcome in pairs if isinstance(outcome, Failure)),
    )


# --- from an endpoint ------------------------------------------------------------------------------------------------


@dataclass
class _EndpointClassifier:
    """Sends many stories per request; if a request fails, splits it in halves until the failing story is found."""

    predictor: Predictor
    endpoint_name: str
    probed: bool = field(default=False, init=False)

    def classify(self, lines: Sequence[StoryLine]) -> list[Answer | Failure]:
        """Return one outcome for each story, in order. Without any usable answer, probe the endpoint."""
        outcomes = [
            each for some in batched(lines, INSTANCES_PER_REQUEST, strict=False) for each in self._outcomes(some)
        ]
        if outcomes and not any(isinstance(each, Answer) for each in outcomes):
            self._probe_endpoint()
        return outcomes

    def _outcomes(self, lines: Sequence[StoryLine]) -> Iterator[Answer | Failure]:
        try:
            answers = self._answers([line.instance for line in lines])
        except NotFoundError:
            raise
        except (InvalidInputError, UpstreamError) as error:
            self._probe_endpoint()
            if len(lines) == 1:
                yield failure(lines[0], str(error) or type(error).__name__)
                return
            middle = len(lines) // 2
            yield from self._outcomes(lines[:middle])
            yield from self._outcomes(lines[middle:])
        else:
            by_id = {str(each.get("id")): each for each in answers if isinstance(each, dict)}
            yield from (read_answer(line, by_id.get(line.id)) for line in lines)

    def _answers(self, instances: Sequence[dict[str, Any]]) -> list[Any]:
        body = json.dumps({"instances": instances}).encode()
        answer = self.predictor.invoke(self.endpoint_name, body)
        try:
            content = json.loads(answer.body)
        except ValueError as error:
            raise UpstreamError(f"endpoint {self.endpoint_name} did not return JSON") from error
        answers = content.get("predictions") if isinstance(content, dict) else None
        if not isinstance(answers, list) or len(answers) != len(instances):
            raise UpstreamError(f"endpoint {self.endpoint_name} did not return {len(instances)} predictions")
        return answers

    def _probe_endpoint(self) -> None:
        """Send a plain sentence, once: if it fails, the model is at fault and not a story."""
        if not self.probed:
            self.probed = True
            try:
                (content,) = self._answers([_PROBE.instance])
            except InvalidInputError as error:
                raise UpstreamError(f"endpoint {self.endpoint_name} refuses a plain sentence: {error}") from error
            answer = read_answer(_PROBE, content)
            if isinstance(answer, Failure):
                raise UpstreamError(
                    f"endpoint {self.endpoint_name} gives no prediction for a plain sentence: {answer.reason}"
                )


# --- from a batch ----------------------------------------------------------------------------------------------------


def _from_batch(lines: Sequence[StoryLine], content: bytes) -> list[Answer | Failure]:
    answers = {str(each.get("id")): each for each in _objects(content)}
    return [read_answer(line, answers.get(line.id)) for line in lines]


def _objects(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.decode(errors="replace").split("\n"):
        try:
            value = json.loads(line)
        except ValueError:
            continue  # the story without an answer is a failure
        if isinstance(value, dict):
            yield value
