"""Port of the queue of stories to classify."""

from typing import Protocol
from uuid import UUID

from bellwether.news.domain.sentiment import Backlog, Results, Settled, Story


class StoryQueue(Protocol):
    """Stories to classify. A claim is a token with a lease; an expired claim holds nothing."""

    def backlog(self, doubtful_after: int) -> Backlog:
        """Count unclaimed stories; doubtful ones have at least `doubtful_after` attempts."""

    def held(self, token: UUID) -> tuple[Story, ...]:
        """Return stories with an unexpired claim of this token, oldest first."""

    def claim(self, token: UUID, *, limit: int, lease_seconds: int, attempts_below: int) -> tuple[Story, ...]:
        """Claim the oldest unclaimed stories with fewer attempts than `attempts_below`; count an attempt for each."""

    def settle(self, results: Results, *, attempts_most: int) -> Settled:
        """Store labels of stories that the claim still holds and whose text is unchanged; release the others."""

    def release(self, token: UUID, *, counted: bool) -> int:
        """Release the stories of a claim; uncounted, the attempt is undone. Return the number."""

    def give_up(self, attempts_most: int) -> int:
        """Set aside unclaimed stories that have used up their attempts; return the number."""
