"""Stories that wait for their label, in memory; and a sentiment model of two words."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from bellwether.models.ports.predictor import EndpointResponse
from bellwether.news.domain.sentiment import Backlog, Classification, Results, Settled, Story
from bellwether.shared.domain.errors import BellwetherError, InvalidInputError
from tests.builders import digest

MODEL_VERSION = "sentiment-0badcafe"


def story(number: int, title: str | None = None, summary: str = "") -> Story:
    """A story of this number; they are as old as their numbers are small."""
    title = f"Story {number} rises" if title is None else title
    return Story(f"{number:032x}", title, summary, digest(f"{title}\n{summary}".encode()))


@dataclass(frozen=True)
class Row:
    """What is kept of a story."""

    story: Story
    attempts: int = 0
    claim_token: UUID | None = None
    expired: bool = False
    processed: bool = False
    set_aside_reason: str | None = None
    label: Classification | None = None

    @property
    def waits(self) -> bool:
        return not self.processed and self.set_aside_reason is None and (self.claim_token is None or self.expired)


class InMemoryStories:
    """StoryQueue whose leases run out when a test says so."""

    def __init__(self, stories: Iterable[Story] = ()) -> None:
        self.rows = {each.event_uid: Row(each) for each in stories}
        self.leases: list[int] = []

    def backlog(self, doubtful_after: int) -> Backlog:
        attempts = [row.attempts for row in self.rows.values() if row.waits]
        doubtful = sum(each >= doubtful_after for each in attempts)
        return Backlog(len(attempts) - doubtful, doubtful)

    def held(self, token: UUID) -> tuple[Story, ...]:
        return tuple(row.story for row in self._of(token) if not row.expired)

    def claim(self, token: UUID, *, limit: int, lease_seconds: int, attempts_below: int) -> tuple[Story, ...]:
        self.leases.append(lease_seconds)
        free = [uid for uid, row in sorted(self.rows.items()) if row.waits and row.attempts < attempts_below][:limit]
        for uid in free:
            row = self.rows[uid]
            self.rows[uid] = replace(row, claim_token=token, expired=False, attempts=row.attempts + 1)
        return tuple(self.rows[uid].story for uid in free)

    def settle(self, results: Results, *, attempts_most: int) -> Settled:
        stored = set_aside = 0
        held = {row.story.event_uid: row for row in self._of(results.claim_token)}
        for each in results.classified:
            row = held.get(each.event_uid)
            if row is not None and row.story.content_sha256 == each.content_sha256:
                self.rows[each.event_uid] = replace(row, processed=True, claim_token=None, label=each)
                stored += 1
        for failed in results.failed:
            row = held.get(failed.event_uid)
            if row is not None and row.attempts >= attempts_most:
                self.rows[failed.event_uid] = replace(row, claim_token=None, set_aside_reason=failed.reason)
                set_aside += 1
        released = self.release(results.claim_token, counted=True)
        late = len(results.classified) + len(results.failed) - stored - set_aside - released
        return Settled(stored=stored, released=released, set_aside=set_aside, late=max(late, 0))

    def release(self, token: UUID, *, counted: bool) -> int:
        held = self._of(token)
        for row in held:
            attempts = row.attempts if counted else row.attempts - 1
            self.rows[row.story.event_uid] = replace(row, claim_token=None, expired=False, attempts=attempts)
        return len(held)

    def give_up(self, attempts_most: int) -> int:
        lost = [row for row in self.rows.values() if row.waits and row.attempts >= attempts_most]
        for row in lost:
            reason = f"no answer in {row.attempts} attempts"
            self.rows[row.story.event_uid] = replace(row, claim_token=None, set_aside_reason=reason)
        return len(lost)

    def _of(self, token: UUID) -> list[Row]:
        return [row for _, row in sorted(self.rows.items()) if row.claim_token == token and not row.processed]

    # --- what tests do to it -----------------------------------------------------------------------------------------

    def expire(self) -> None:
        """Every lease runs out."""
        self.rows = {uid: replace(row, expired=row.claim_token is not None) for uid, row in self.rows.items()}

    def edit(self, event_uid: str, title: str) -> None:
        """The feed has another text now."""
        row = self.rows[event_uid]
        edited = replace(row.story, title=title, content_sha256=digest(title.encode()))
        self.rows[event_uid] = replace(row, story=edited)

    def row(self, event_uid: str) -> Row:
        """What is kept of a story."""
        return self.rows[event_uid]


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """A model's answer: positive for what rises, else negative."""
    rises = "rises" in question["text"]
    scores = {"positive": 0.9 if rises else 0.05, "neutral": 0.05, "negative": 0.05 if rises else 0.9}
    label = "positive" if rises else "negative"
    return {"id": question["id"], "label": label, "scores": scores, "model_version": MODEL_VERSION, "truncated": False}


class TwoWordModel:
    """Predictor. `poison` raises for a question, or answers it in its own way."""

    def __init__(self, poison: Callable[[dict[str, Any]], BellwetherError | dict[str, Any] | None]) -> None:
        self._poison = poison
        self.asked: list[int] = []

    def invoke(self, endpoint_name: str, body: bytes) -> EndpointResponse:
        questions = json.loads(body)["instances"]
        self.asked.append(len(questions))
        answers = []
        for question in questions:
            if not question["text"].strip():
                raise InvalidInputError("is blank", field="instances[0].text")
            bad = self._poison(question)
            if isinstance(bad, BellwetherError):
                raise bad
            answers.append(bad or answer(question))
        content = {"model_version": MODEL_VERSION, "predictions": answers}
        return EndpointResponse(json.dumps(content).encode(), 12.34)
