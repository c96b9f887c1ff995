"""Feeds and stories as the command line and the portal read them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from bellwether.news.views import NewsViews
from bellwether.shared.adapters.postgres import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def views(database: Database) -> Iterator[NewsViews]:
    """One feed with four stories, two of them of the same minute; the first two are labelled."""
    with database.transaction() as connection:
        connection.execute("INSERT INTO feed_state (feed_id, url, last_http_status) VALUES ('wire', 'http://a/', 200)")
        connection.execute("INSERT INTO feed_state (feed_id, url, retired_at) VALUES ('closed', 'http://b/', now())")
        for number, minutes in enumerate((0, 1, 1, 2)):
            connection.execute(
                """
                INSERT INTO inbound_events_raw (event_uid, feed_id, entry_id, title, summary, published_at,
                    first_seen_at, content_sha256, story_uid)
                VALUES (%(uid)s, 'wire', %(uid)s, %(title)s, '', %(at)s, %(at)s, repeat('a', 64), %(uid)s)
                """,
                {"uid": f"{number:032}", "title": f"Story {number}", "at": NOON + timedelta(minutes=minutes)},
            )
        for number, ticker in enumerate(("ACME", "BETA")):
            connection.execute(
                """
                INSERT INTO inbound_events_classified (event_uid, label, scores, model_version, tickers, tones)
                VALUES (%s, 'positive', '{"positive": 0.75, "neutral": 0.25, "negative": 0}', 'sentiment-1',
                    ARRAY[%s, 'RIVAL'],
                    '{"RIVAL": {"label": "negative", "scores": {"positive": 0, "neutral": 0.25, "negative": 0.75}}}')
                """,
                (f"{number:032}", ticker),
            )
        yield NewsViews(connection)


def test_feeds_are_listed_by_id_with_their_stories(views: NewsViews) -> None:
    closed, wire = views.feeds(["wire", "closed", "unknown"])
    assert (closed.feed_id, closed.retired, closed.stories) == ("closed", True, 0)
    assert (wire.http_status, wire.stories, wire.undated, wire.error) == (200, 4, 0, None)


def test_stories_are_paged_by_key(views: NewsViews) -> None:
    # When two pages of two are read, newest first
    first = views.stories(limit=2)
    second = views.stories(limit=2, before=first[-1])
    # Then every story comes once, also those of the same minute
    assert [each.title for each in first + second] == ["Story 3", "Story 2", "Story 1", "Story 0"]
    assert views.stories(before=second[-1]) == []
    assert [each.label for each in second] == ["positive", "positive"]


def test_stories_of_one_company(views: NewsViews) -> None:
    (story,) = views.stories(ticker="BETA")
    assert (story.title, story.tickers, story.sentiment, story.model_version) == (
        "Story 1",
        ("BETA", "RIVAL"),
        0.75,
        "sentiment-1",
    )


def test_a_company_has_its_own_tone(views: NewsViews) -> None:
    # Given stories that are good for one company and bad for another
    # When the stories of the other are read
    for story in views.stories(ticker="RIVAL"):
        # Then label and sentiment are the other company's, and all that differ are listed
        assert (story.label, story.sentiment, story.tones) == ("negative", -0.75, {"RIVAL": -0.75})


def test_labels_and_the_newest_story(views: NewsViews) -> None:
    assert views.labels() == {"positive": 2, "waiting": 2}
    assert views.newest_story_at(["wire"]) == NOON + timedelta(minutes=2)
    assert views.newest_story_at(["closed"]) is None
