"""Take stories that wait, and lay them out for the model."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from bellwether.news.domain.sentiment import POLICY, Backlog, ClaimPolicy, Mode, Story, StoryLine, batch_key
from bellwether.news.ports.stories import StoryQueue
from bellwether.shared.ports.objects import ObjectStore


class ClaimRequest(BaseModel):
    """In whose name stories are claimed: the same token claims once, however often it asks."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    claim_token: UUID


class Claim(BaseModel):
    """Stories of one claim, laid out under `batch_key`, and the way that they go. `backlog`: those that waited."""

    model_config = ConfigDict(frozen=True)

    claim_token: UUID
    mode: Mode
    stories: int
    backlog: int
    set_aside: int
    batch_key: str


def claim_stories(
    request: ClaimRequest, *, queue: StoryQueue, objects: ObjectStore, policy: ClaimPolicy = POLICY
) -> Claim:
    """Give up stories that got no answer too often, claim the oldest of the others, and write them down as JSON lines.

    Stories of a claim that ended without a word are free again when its lease runs out.
    """
    given_up = queue.give_up(policy.attempts_most)
    backlog = queue.backlog(policy.doubtful_after)
    claimed = queue.held(request.claim_token) or _claim(request, backlog, queue=queue, policy=policy)
    key = batch_key(request.claim_token)
    if claimed:
        lines = "".join(f"{StoryLine.of(story).model_dump_json()}\n" for story in claimed)
        objects.put(key, lines.encode(), content_type="application/jsonlines")
    return Claim(
        claim_token=request.claim_token,
        mode=policy.mode_of(len(claimed)),
        stories=len(claimed),
        backlog=backlog.waiting,
        set_aside=given_up,
        batch_key=key,
    )


def _claim(request: ClaimRequest, backlog: Backlog, *, queue: StoryQueue, policy: ClaimPolicy) -> tuple[Story, ...]:
    mode = policy.mode(backlog)
    if mode is Mode.NONE:
        return ()
    return queue.claim(
        request.claim_token,
        limit=policy.most(mode),
        lease_seconds=policy.lease_seconds(mode),
        attempts_below=policy.doubtful_after if mode is Mode.BATCH else policy.attempts_most,
    )
