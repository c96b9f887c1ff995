"""Sentiment of stories: model input and output, and the policy that chooses endpoint or batch."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

if TYPE_CHECKING:
    from bellwether.news.domain.tickers import TickerFinder

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
    """A line of batch input. The model reads `id`, `text` and `companies`; the other fields are for us.

    `text` is the title, because the model was evaluated on titles; the summary replaces a missing title. `companies`
    maps symbols to the names in `text`: none for a company that only the summary names.
    """

    id: EventUid
    text: str
    summary: str = ""
    content_sha256: Sha256
    companies: dict[str, tuple[str, ...]] = {}

    @classmethod
    def of(cls, story: Story, finder: "TickerFinder") -> Self:
        """Make the line of a story with its companies; those of the summary count if the title names none."""
        summary = story.summary.strip()[:SUMMARY_CHARACTERS]
        text = story.title.strip() or summary
        return cls(
            id=story.event_uid,
            text=text,
            companies=finder.names(text) or dict.fromkeys(finder.names(summary), ()),
            summary=summary,
            content_sha256=story.content_sha256,
        )

    @property
    def instance(self) -> dict[str, Any]:
        """The instance in a request to the endpoint."""
        return {"id": self.id, "text": self.text} | ({"companies": self.companies} if self.companies else {})


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


class CompanyTone(_Record):
    """Label of a story for one company."""

    label: Label
    scores: Scores


class Answer(_Record):
    """Prediction of a model for one text, and for the companies in it if the model tells them apart."""

    id: EventUid
    label: Label
    scores: Scores
    model_version: Annotated[str, Field(min_length=1, max_length=200)]
    companies: dict[str, CompanyTone] = {}

    def tone_of(self, company: str) -> CompanyTone:
        """Tone for a company; the headline's for one of which the model says nothing."""
        return self.companies.get(company) or CompanyTone(label=self.label, scores=self.scores)


class Classification(_Record):
    """Label of a story, the companies that it mentions, and its tone for each."""

    event_uid: EventUid
    content_sha256: Sha256
    label: Label
    scores: Scores
    model_version: str
    tickers: tuple[str, ...]
    tones: dict[str, CompanyTone] = {}


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
