"""Sentiment of stories: model input and output, and the policy that chooses endpoint or batch."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

MODEL = "sentiment"
BATCHES = "news/batches/"
LISTINGS_KEY = "news/tickers.csv"  # replaces the packaged list of companies
SUMMARY_CHARACTERS = 600  # characters of a summary that are used
PROBE_TEXT = "The company will publish its interim report on Friday"  # every model can classify it

EventUid = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Label = Literal["positive", "neutral", "negative"]
Share = Annotated[float, Field(ge=0, le=1)]


class Mode(StrEnum):
    """How claimed stories are classified."""

    NONE = "none"  # no stories
    ENDPOINT = "endpoint"
    BATCH = "batch"


@dataclass(frozen=True)
class Story:
    """A story's current text; `content_sha256` detects a change before its label is stored."""

    event_uid: str
    title: str
    summary: str
    content_sha256: str


@dataclass(frozen=True)
class Backlog:
    """Numbers of waiting stories. `doubtful` ones have failed more than once."""

    fresh: int
    doubtful: int

    @property
    def waiting(self) -> int:
        """Total."""
        return self.fresh + self.doubtful


@dataclass(frozen=True)
class ClaimPolicy:
    """Claim sizes, leases and attempts.

    A batch job succeeds or fails as a whole, so doubtful stories go to the endpoint only, where a failing story can be
    isolated. A lease is longer than the process that holds it, so no story is processed twice at a time.
    """

    endpoint_most: int = 300
    batch_most: int = 20_000
    endpoint_lease_seconds: int = 1_800
    batch_lease_seconds: int = 9_000
    doubtful_after: int = 2  # attempts
    attempts_most: int = 5

    def mode(self, backlog: Backlog) -> Mode:
        """Mode of the next claim: endpoint for few stories, batch for many."""
        if backlog.fresh > self.endpoint_most:
            return Mode.BATCH
        return Mode.ENDPOINT if backlog.waiting else Mode.NONE

    def mode_of(self, claimed: int) -> Mode:
        """Mode of a claim of this size."""
        if claimed > self.endpoint_most:
            return Mode.BATCH
        return Mode.ENDPOINT if claimed else Mode.NONE

    def most(self, mode: Mode) -> int:
        """Maximum size of a claim."""
        return self.batch_most if mode is Mode.BATCH else self.endpoint_most

    def lease_seconds(self, mode: Mode) -> int:
        """Lease of a claim."""
        return self.batch_lease_seconds if mode is Mode.BATCH else self.endpoint_lease_seconds


POLICY = ClaimPolicy()


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StoryLine(_Record):
    """A line of batch input. The model reads `id` and `text`; the other fields are for us.

    `text` is the title, because the model was evaluated on titles; the summary replaces a missing title.
    """

    id: EventUid
    text: str
    summary: str = ""
    content_sha256: Sha256

    @classmethod
    def of(cls, story: Story) -> Self:
        """Make the line of a story."""
        summary = story.summary.strip()[:SUMMARY_CHARACTERS]
        return cls(
            id=story.event_uid,
            text=story.title.strip() or summary,
            summary=summary,
            content_sha256=story.content_sha256,
        )

    @property
    def instance(self) -> dict[str, str]:
        """The instance in a request to the endpoint."""
        return {"id": self.id, "text": self.text}


class Scores(_Record):
    """Probability of each label; the sum is 1 except for rounding."""

    positive: Share
    neutral: Share
    negative: Share

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(self.positive + self.neutral + self.negative - 1) > 0.01:
            raise ValueError("scores don't add up to 1")
        return self


class Answer(_Record):
    """Prediction of a model for one text."""

    id: EventUid
    label: Label
    scores: Scores
    model_version: Annotated[str, Field(min_length=1, max_length=200)]


class Classification(_Record):
    """Label of a story and the companies that it mentions."""

    event_uid: EventUid
    content_sha256: Sha256
    label: Label
    scores: Scores
    model_version: str
    tickers: tuple[str, ...]


class Failure(_Record):
    """A story without a prediction, and the reason."""

    event_uid: EventUid
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class Results(_Record):
    """Results of a claim, passed on through S3."""

    claim_token: UUID
    classified: tuple[Classification, ...]
    failed: tuple[Failure, ...]


@dataclass(frozen=True)
class Settled:
    """Number of stories by outcome. `late`: claimed again or changed meanwhile."""

    stored: int = 0
    released: int = 0
    set_aside: int = 0
    late: int = 0


def read_answer(line: StoryLine, content: Any) -> Answer | Failure:
    """Parse the model's answer for one story; an unusable answer is a failure of this story only."""
    if content is None:
        return failure(line, "the model returned no answer")
    if isinstance(content, dict) and isinstance(error := content.get("error"), dict):
        return failure(line, f"the model refused it: {error.get('field')}: {error.get('reason')}")
    try:
        answer = Answer.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return failure(line, f"unusable answer: {'.'.join(map(str, first['loc']))}: {first['msg']}")
    return answer if answer.id == line.id else failure(line, f"the answer has the id {answer.id}")


def failure(line: StoryLine, reason: str) -> Failure:
    """Make a failure with a reason of at most 500 characters."""
    return Failure(event_uid=line.id, reason=reason[:500])


def batch_key(claim_token: UUID) -> str:
    """Key of the model input of a claim, JSON lines."""
    return f"{BATCHES}{claim_token}/input.jsonl"


def answers_key(claim_token: UUID) -> str:
    """Key of the output of the batch transform."""
    return f"{batch_key(claim_token)}.out"


def results_key(claim_token: UUID) -> str:
    """Key of the results of a claim."""
    return f"{BATCHES}{claim_token}/results.json"
