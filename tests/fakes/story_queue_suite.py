"""What every StoryQueue does: run by the fake and by the adapter alike."""

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from bellwether.news.domain.sentiment import (
    Backlog,
    Classification,
    CompanyTone,
    Failure,
    Results,
    Scores,
    Settled,
    Story,
)
from bellwether.news.ports.story_queue import StoryQueue
from tests.fakes.stories import MODEL_VERSION, Row, story

ONE, OTHER = UUID(int=1), UUID(int=2)
SCORES = Scores(positive=0.9, neutral=0.05, negative=0.05)
TONE = CompanyTone(label="negative", scores=Scores(positive=0.05, neutral=0.05, negative=0.9))
MOST = 3


class StoryWorld(Protocol):
    """A queue, and what may happen to its stories from elsewhere."""

    @property
    def queue(self) -> StoryQueue: ...

    def add(self, stories: Iterable[Story]) -> None: ...

    def expire(self) -> None: ...

    def edit(self, event_uid: str, title: str) -> None: ...

    def row(self, event_uid: str) -> Row: ...


def claim(queue: StoryQueue, token: UUID = ONE, *, limit: int = 100, below: int = MOST) -> tuple[Story, ...]:
    """Claim with a lease of a minute."""
    return queue.claim(token, limit=limit, lease_seconds=60, attempts_below=below)


def label(each: Story, *tickers: str) -> Classification:
    """A label for a story."""
    return Classification(
        event_uid=each.event_uid,
        content_sha256=each.content_sha256,
        label="positive",
        scores=SCORES,
        model_version=MODEL_VERSION,
        tickers=tickers,
        tones=dict.fromkeys(tickers, TONE),
    )


def results(classified: Iterable[Classification] = (), failed: Iterable[Story] = (), *, token: UUID = ONE) -> Results:
    """What came of a claim."""
    failures = tuple(Failure(event_uid=each.event_uid, reason="the model refused it") for each in failed)
    return Results(claim_token=token, classified=tuple(classified), failed=failures)


class StoryQueueSuite:
    """Derive a test class from it that has a fixture `world`, empty."""

    def test_the_oldest_are_claimed_first_and_once(self, world: StoryWorld) -> None:
        # Given five stories
        stories = [story(number) for number in range(5)]
        world.add(reversed(stories))
        # When two claim three each
        first, second = claim(world.queue, limit=3), claim(world.queue, OTHER, limit=3)
        # Then the first has the oldest, the second what is left, and nothing waits any more
        assert first == tuple(stories[:3])
        assert second == tuple(stories[3:])
        assert world.queue.backlog(2) == Backlog(0, 0)
        assert world.queue.held(ONE) == first

    def test_labels_are_stored_once(self, world: StoryWorld) -> None:
        # Given a claim and its results
        world.add([story(1), story(2)])
        one, two = claim(world.queue)
        given = results([label(one, "AAPL", "BRK.B"), label(two)])
        # When they are stored twice
        assert world.queue.settle(given, attempts_most=MOST) == Settled(stored=2)
        assert world.queue.settle(given, attempts_most=MOST) == Settled(late=2)
        # Then each story is processed, with its label and companies
        assert world.row(one.event_uid).processed
        assert world.row(one.event_uid).label == label(one, "AAPL", "BRK.B")
        assert claim(world.queue) == ()

    def test_a_lost_claim_comes_back_when_its_lease_runs_out(self, world: StoryWorld) -> None:
        world.add([story(1)])
        claim(world.queue)
        assert claim(world.queue, OTHER) == ()
        world.expire()
        assert world.queue.held(ONE) == ()
        assert world.queue.backlog(1) == Backlog(0, 1)
        assert claim(world.queue, OTHER) == (story(1),)
        assert world.row(story(1).event_uid).attempts == 2

    def test_who_comes_late_changes_nothing(self, world: StoryWorld) -> None:
        # Given a claim that ran out, and another one since
        world.add([story(1)])
        claim(world.queue)
        world.expire()
        claim(world.queue, OTHER)
        # When the first comes back with a label; Then the second's claim stands
        assert world.queue.settle(results([label(story(1))]), attempts_most=MOST) == Settled(late=1)
        assert not world.row(story(1).event_uid).processed
        assert world.queue.settle(results([label(story(1))], token=OTHER), attempts_most=MOST).stored == 1

    def test_a_lease_that_nobody_has_taken_over_is_as_good_as_before(self, world: StoryWorld) -> None:
        world.add([story(1)])
        claim(world.queue)
        world.expire()
        assert world.queue.settle(results([label(story(1))]), attempts_most=MOST) == Settled(stored=1)

    def test_an_edited_story_is_asked_about_again(self, world: StoryWorld) -> None:
        # Given a story that its feed has changed while the model was asked
        world.add([story(1), story(2)])
        one, two = claim(world.queue)
        world.edit(one.event_uid, "Story 1 falls")
        # When the label of its former text is stored; Then it waits again, and the other story is stored
        settled = world.queue.settle(results([label(one), label(two)]), attempts_most=MOST)
        assert settled == Settled(stored=1, released=1)
        assert [each.title for each in claim(world.queue, OTHER)] == ["Story 1 falls"]

    def test_a_failed_story_waits_again_and_is_set_aside_in_the_end(self, world: StoryWorld) -> None:
        world.add([story(1), story(2)])
        good, bad = claim(world.queue, limit=2)
        assert world.queue.settle(results([label(good)], [bad]), attempts_most=MOST) == Settled(stored=1, released=1)
        for last in (False, True):
            assert claim(world.queue) == (bad,)
            expected = Settled(set_aside=1) if last else Settled(released=1)
            assert world.queue.settle(results(failed=[bad]), attempts_most=MOST) == expected
        assert world.row(bad.event_uid).set_aside_reason == "the model refused it"
        assert claim(world.queue) == ()
        assert world.queue.backlog(2) == Backlog(0, 0)

    def test_a_story_that_takes_every_worker_along_is_given_up(self, world: StoryWorld) -> None:
        # Given a story whose claims are all lost
        world.add([story(1), story(2)])
        for _ in range(MOST):
            assert claim(world.queue, limit=1)
            world.expire()
        # When stories are given up; Then it is, with the reason, and the other one is not
        assert world.queue.give_up(MOST) == 1
        assert world.row(story(1).event_uid).set_aside_reason == f"no answer in {MOST} attempts"
        assert claim(world.queue) == (story(2),)
        assert world.queue.give_up(MOST) == 0

    def test_what_is_in_work_is_not_given_up(self, world: StoryWorld) -> None:
        world.add([story(1)])
        claim(world.queue, below=9)
        assert world.queue.give_up(1) == 0

    def test_released_stories_are_free_at_once(self, world: StoryWorld) -> None:
        world.add([story(1), story(2)])
        claim(world.queue)
        assert world.queue.release(ONE, counted=False) == 2
        assert world.row(story(1).event_uid).attempts == 0
        claim(world.queue)
        assert world.queue.release(ONE, counted=True) == 2
        assert world.row(story(1).event_uid).attempts == 1
        assert world.queue.release(ONE, counted=True) == 0

    def test_doubtful_stories_are_told_from_fresh_ones(self, world: StoryWorld) -> None:
        world.add([story(1), story(2)])
        claim(world.queue, limit=1)
        world.queue.release(ONE, counted=True)
        assert world.queue.backlog(1) == Backlog(1, 1)
        assert claim(world.queue, below=1) == (story(2),)

    def test_nothing_can_be_settled_of_nothing(self, world: StoryWorld) -> None:
        assert world.queue.settle(results(), attempts_most=MOST) == Settled()
