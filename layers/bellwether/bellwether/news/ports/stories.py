"""Stories that wait for a label."""

from typing import Protocol
from uuid import UUID

from bellwether.news.domain.sentiment import Backlog, Results, Settled, Story


class StoryQueue(Protocol):
    """Stories that wait for their label. A claim is a token with a lease: when it has run out, it holds nothing."""

    def backlog(self, doubtful_after: int) -> Backlog:
        """Stories that nobody holds; doubtful are those with so many attempts or more."""

    def held(self, token: UUID) -> tuple[Story, ...]:
        """What this token has claimed and still holds, oldest first."""

    def claim(self, token: UUID, *, limit: int, lease_seconds: int, attempts_below: int) -> tuple[Story, ...]:
        """Claim the oldest that nobody holds and that were tried less often; counts an attempt each."""

    def settle(self, results: Results, *, attempts_most: int) -> Settled:
        """Store labels of stories that are still this claim's and still the same text; the others are free again."""

    def release(self, token: UUID, *, counted: bool) -> int:
        """Free what the token holds; not counted, the attempt never was. Returns how many they were."""

    def give_up(self, attempts_most: int) -> int:
        """Set aside what nobody holds and was tried so often without an answer; returns how many they were."""
