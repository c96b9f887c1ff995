"""Store the results of a claim, or release its stories."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, StrictBool

from bellwether.news.domain.sentiment import POLICY, ClaimPolicy, Results, Settled
from bellwether.news.ports.story_queue import StoryQueue
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.domain.json_documents import parse_document
from bellwether.shared.ports.objects import ObjectStore


class StoreRequest(BaseModel):
    """A claim's results."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim_token: UUID
    results_key: str


class ReleaseRequest(BaseModel):
    """A failed claim. `counted`: the attempt counts because its stories may be the cause."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim_token: UUID
    counted: StrictBool


class ClaimOutcome(BaseModel):
    """Number of stories stored, released, set aside for good, or late (claimed again or changed meanwhile)."""

    model_config = ConfigDict(frozen=True)

    stored: int
    released: int
    set_aside: int
    late: int

    @classmethod
    def of(cls, settled: Settled) -> "ClaimOutcome":
        """The counts as output of the function."""
        return cls(stored=settled.stored, released=settled.released, set_aside=settled.set_aside, late=settled.late)


def store_classifications(
    request: StoreRequest, *, queue: StoryQueue, objects: ObjectStore, policy: ClaimPolicy = POLICY
) -> ClaimOutcome:
    """Store labels, set aside stories without attempts left, release the others. Idempotent.

    Raises NotFoundError for missing results, InvalidInputError for results of another claim.
    """
    results = parse_document(Results, objects.get(request.results_key).content, request.results_key)
    if results.claim_token != request.claim_token:
        raise InvalidInputError("belong to another claim", field=request.results_key)
    return ClaimOutcome.of(queue.settle(results, attempts_most=policy.attempts_most))


def release_stories(request: ReleaseRequest, *, queue: StoryQueue) -> ClaimOutcome:
    """Release the stories of a claim at once."""
    return ClaimOutcome.of(Settled(released=queue.release(request.claim_token, counted=request.counted)))
