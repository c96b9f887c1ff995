"""Stories and their tone: what is asked of a model, what it answers, and which way a backlog goes to it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

MODEL = "sentiment"
BATCHES = "news/batches/"
LISTINGS_KEY = "news/tickers.csv"  # a list of companies that takes the place of the one that ships with the code
SUMMARY_CHARACTERS = 600  # as far as a summary is looked at
CONTROL_TEXT = "The company will publish its interim report on Friday"  # what every model can answer

EventUid = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Label = Literal["positive", "neutral", "negative"]
Share = Annotated[float, Field(ge=0, le=1)]


class Mode(StrEnum):
    """How claimed stories get to the model."""

    NONE = "none"  # there are none
    ENDPOINT = "endpoint"
    BATCH = "batch"


@dataclass(frozen=True)
class Story:
    """A story as it is now; `content_sha256` tells whether it is still the same when its label comes back."""

    event_uid: str
    title: str
    summary: str
    content_sha256: str


@dataclass(frozen=True)
class Backlog:
    """Stories that wait. `doubtful` ones have come back without an answer more than once."""

    fresh: int
    doubtful: int

    @property
    def waiting(self) -> int:
        """All of them."""
        return self.fresh + self.doubtful


@dataclass(frozen=True)
class ClaimPolicy:
    """How many stories go which way, how long a claim holds, and when a story is given up.

    A batch job answers for all of its stories or for none: doubtful ones go to the endpoint only, where a bad one can
    be told from the others. A lease outlasts the process that holds it: what it covers is not worked on twice.
    """

    endpoint_most: int = 300
    batch_most: int = 20_000
    endpoint_lease_seconds: int = 1_800
    batch_lease_seconds: int = 9_000
    doubtful_after: int = 2  # attempts
    attempts_most: int = 5

    def mode(self, backlog: Backlog) -> Mode:
        """The way of the next claim: few to the endpoint, many into a batch."""
        if backlog.fresh > self.endpoint_most:
            return Mode.BATCH
        return Mode.ENDPOINT if backlog.waiting else Mode.NONE

    def mode_of(self, claimed: int) -> Mode:
        """The way that so many claimed stories go."""
        if claimed > self.endpoint_most:
            return Mode.BATCH
        return Mode.ENDPOINT if claimed else Mode.NONE

    def most(self, mode: Mode) -> int:
        """How many stories one claim takes."""
        return self.batch_most if mode is Mode.BATCH else self.endpoint_most

    def lease_seconds(self, mode: Mode) -> int:
        """How long a claim holds."""
        return self.batch_lease_seconds if mode is Mode.BATCH else self.endpoint_lease_seconds


POLICY = ClaimPolicy()


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StoryLine(_Record):
    """A line of a batch's input; a model reads `id` and `text`, the rest comes back to us.

    The tone is that of the title: there it was measured. A summary stands in where there is no title.
    """

    id: EventUid
    text: str
    summary: str = ""
    content_sha256: Sha256

    @classmethod
    def of(cls, story: Story) -> Self:
        """The line of a story."""
        summary = story.summary.strip()[:SUMMARY_CHARACTERS]
        return cls(
            id=story.event_uid,
            text=story.title.strip() or summary,
            summary=summary,
            content_sha256=story.content_sha256,
        )

    @property
    def question(self) -> dict[str, str]:
        """What an endpoint is asked."""
        return {"id": self.id, "text": self.text}


class Scores(_Record):
    """Probability of each label; they add up to 1, but for rounding."""

    positive: Share
    neutral: Share
    negative: Share

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(self.positive + self.neutral + self.negative - 1) > 0.01:
            raise ValueError("scores don't add up to 1")
        return self


class Answer(_Record):
    """What a model says of one text."""

    id: EventUid
    label: Label
    scores: Scores
    model_version: Annotated[str, Field(min_length=1, max_length=200)]


class Classification(_Record):
    """A story's label, and the companies that it speaks of."""

    event_uid: EventUid
    content_sha256: Sha256
    label: Label
    scores: Scores
    model_version: str
    tickers: tuple[str, ...]


class Failure(_Record):
    """A story without an answer, and why."""

    event_uid: EventUid
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class Results(_Record):
    """What came of a claim; handed over through S3."""

    claim_token: UUID
    classified: tuple[Classification, ...]
    failed: tuple[Failure, ...]


@dataclass(frozen=True)
class Settled:
    """What became of a claim's stories. `late`: another claim or a new text had overtaken them."""

    stored: int = 0
    released: int = 0
    set_aside: int = 0
    late: int = 0


def read_answer(line: StoryLine, content: Any) -> Answer | Failure:
    """A model's answer about one story; one that can't be used is that story's failure and nobody else's."""
    if content is None:
        return failure(line, "the model gave no answer")
    if isinstance(content, dict) and isinstance(error := content.get("error"), dict):
        return failure(line, f"the model refused it: {error.get('field')}: {error.get('reason')}")
    try:
        answer = Answer.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return failure(line, f"unusable answer: {'.'.join(map(str, first['loc']))}: {first['msg']}")
    return answer if answer.id == line.id else failure(line, f"the answer is about {answer.id}")


def failure(line: StoryLine, reason: str) -> Failure:
    """A story's failure, its reason cut to what is kept."""
    return Failure(event_uid=line.id, reason=reason[:500])


def batch_key(claim_token: UUID) -> str:
    """Where a claim's stories lie in the data bucket, one line each."""
    return f"{BATCHES}{claim_token}/input.jsonl"


def answers_key(claim_token: UUID) -> str:
    """Where a batch transform leaves its answers."""
    return f"{batch_key(claim_token)}.out"


def results_key(claim_token: UUID) -> str:
    """Where a claim's results lie."""
    return f"{BATCHES}{claim_token}/results.json"
