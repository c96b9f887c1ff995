"""Claim stories to classify, find the companies that they mention, and write them as model input."""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from bellwether.news.domain.sentiment import (
    LISTINGS_KEY,
    POLICY,
    Backlog,
    ClaimPolicy,
    Mode,
    Story,
    StoryLine,
    batch_key,
)
from bellwether.news.ports.story_queue import StoryQueue
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from bellwether.shared.ports.objects import ObjectStore

if TYPE_CHECKING:
    from bellwether.news.domain.tickers import TickerFinder


class ClaimRequest(BaseModel):
    """Token of the claim; repeating a request with the same token gives the same claim."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    claim_token: UUID


class Claim(BaseModel):
    """A claim: its stories are in the object `batch_key`.

    `backlog`: number of stories that were waiting. `listings`: the list of companies that was used, if any.
    """

    model_config = ConfigDict(frozen=True)

    claim_token: UUID
    mode: Mode
    stories: int
    backlog: int
    set_aside: int
    batch_key: str
    listings: str | None = None


def claim_stories(
    request: ClaimRequest,
    *,
    queue: StoryQueue,
    objects: ObjectStore,
    packaged_listings: Callable[[], str],
    policy: ClaimPolicy = POLICY,
) -> Claim:
    """Set aside stories without attempts left, claim the oldest others, and write them as JSON lines.

    The stories of an abandoned claim are released when its lease expires.
    """
    given_up = queue.give_up(policy.attempts_most)
    backlog = queue.backlog(policy.doubtful_after)
    claimed = queue.held(request.claim_token) or _claim(request, backlog, queue=queue, policy=policy)
    key = batch_key(request.claim_token)
    listings = None
    if claimed:
        finder, listings = _companies(objects, packaged_listings)
        lines = "".join(f"{StoryLine.of(story, finder).model_dump_json()}\n" for story in claimed)
        objects.put(key, lines.encode(), content_type="application/jsonlines")
    return Claim(
        claim_token=request.claim_token,
        mode=policy.mode_of(len(claimed)),
        stories=len(claimed),
        backlog=backlog.waiting,
        set_aside=given_up,
        batch_key=key,
        listings=listings,
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


# --- companies -------------------------------------------------------------------------------------------------------


def _companies(objects: ObjectStore, packaged: Callable[[], str]) -> tuple["TickerFinder", str]:
    """The list in the bucket where there is one that can be read; its fault is told, and keeps nobody waiting."""
    try:
        content = objects.get(LISTINGS_KEY).content.decode()
        return _finder(content), LISTINGS_KEY
    except NotFoundError:
        return _finder(packaged()), "packaged"
    except (InvalidInputError, UnicodeDecodeError) as error:
        return _finder(packaged()), f"packaged, because {LISTINGS_KEY} can't be read: {error}"


@lru_cache(maxsize=1)
def _finder(content: str) -> "TickerFinder":
    from bellwether.news.domain.tickers import TickerFinder, parse_listings  # not needed by most claims: nothing waits

    return TickerFinder(parse_listings(content))
