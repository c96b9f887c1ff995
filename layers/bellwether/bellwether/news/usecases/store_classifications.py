"""Keep what came of a claim, or give its stories back."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from bellwether.news.domain.sentiment import POLICY, ClaimPolicy, Results, Settled
from bellwether.news.ports.stories import StoryQueue
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.domain.json_documents import parse_document
from bellwether.shared.ports.objects import ObjectStore


class StoreRequest(BaseModel):
    """A claim's results."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim_token: UUID
    results_key: str


class ReleaseRequest(BaseModel):
    """A claim that came to nothing. `counted`: its stories may be the reason, so the attempt counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim_token: UUID
    counted: bool


class ClaimOutcome(BaseModel):
    """How many stories were stored, given back, set aside for good, or had been overtaken."""

    model_config = ConfigDict(frozen=True)

    stored: int
    released: int
    set_aside: int
    late: int

    @classmethod
    def of(cls, settled: Settled) -> "ClaimOutcome":
        """The same, for the outside."""
        return cls(stored=settled.stored, released=settled.released, set_aside=settled.set_aside, late=settled.late)


def store_classifications(
    request: StoreRequest, *, queue: StoryQueue, objects: ObjectStore, policy: ClaimPolicy = POLICY
) -> ClaimOutcome:
    """Store labels, set aside what has failed too often, give back the rest. A second time changes nothing.

    Raises NotFoundError for results that are not there, InvalidInputError for those of another claim.
    """
    results = parse_document(Results, objects.get(request.results_key).content, request.results_key)
    if results.claim_token != request.claim_token:
        raise InvalidInputError("belong to another claim", field=request.results_key)
    return ClaimOutcome.of(queue.settle(results, attempts_most=policy.attempts_most))


def release_stories(request: ReleaseRequest, *, queue: StoryQueue) -> ClaimOutcome:
    """Give a claim's stories back at once."""
    return ClaimOutcome.of(Settled(released=queue.release(request.claim_token, counted=request.counted)))
