"""How the news demo tells what it saw."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bellwether.shared.domain.decisions import Gate
from bellwether.trading.domain.signals import INTRADAY
from cli.demo.charts import TickerFacts, draw_ticker, moving_average
from cli.demo.news import by_story, feed_state, fill, ticker_to_draw
from cli.news_facts import FeedFact, PriceFact, RecommendationFact, StoryFact

NOON = datetime(2026, 3, 12, 16, tzinfo=UTC)
FEED = FeedFact("wire", 200, 12, 0, None, None, retired=False, next_attempt_at=NOON)
STORY = StoryFact("e1", "e1", "wire", NOON, "Nvidia profit climbs", "positive", 0.9, ("NVDA",), "sentiment-1")
MADE = RecommendationFact(
    recommendation_id="r1",
    ticker="NVDA",
    side="BUY",
    status="EXECUTED",
    quantity=Decimal(5),
    reference_price=Decimal("153.97"),
    sentiment=0.42,
    sma=Decimal("153.47"),
    made_at=NOON,
    gates=(Gate(name="market_hours", observed="open", limit="open", passed=True),),
    broker="dry-run",
    execution="FILLED",
    filled_quantity=Decimal(5),
    fill_price=Decimal("154.0778"),
    fees=Decimal(0),
)
REFUSED = replace(
    MADE,
    ticker="PFE",
    status="REFUSED",
    sentiment=-0.9,
    gates=(Gate(name="shares_held", observed=0, limit=36, passed=False),),
    execution=None,
    filled_quantity=None,
    fill_price=None,
)


@pytest.mark.parametrize(
    ("feed", "told"),
    [
        (FEED, "well"),
        (replace(FEED, moved_to="http://a/b"), "moved to http://a/b"),
        (replace(FEED, retired=True, error="HTTP 410"), "gone for good: retired"),
        (replace(FEED, error="no answer"), "no answer; next attempt in 0 s"),
    ],
)
def test_a_feed_in_words(feed: FeedFact, told: str) -> None:
    assert feed_state(feed) == told


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (MADE, "5 at 154.0778 (dry-run)"),
        (REFUSED, "refused"),
        (replace(MADE, execution="UNFILLED", filled_quantity=Decimal(0), fill_price=None), "unfilled"),
    ],
)
def test_a_fill_in_words(made: RecommendationFact, told: str) -> None:
    assert fill(made) == told


def test_a_refusal_names_the_gates_that_refused() -> None:
    assert REFUSED.refused_by == ("shares_held: 0 (limit 36)",)
    assert MADE.refused_by == ()


def test_tellings_of_one_story_stand_together() -> None:
    second = replace(STORY, event_uid="e2", feed_id="desk")
    other = replace(STORY, event_uid="e3", story_uid="e3")
    assert by_story([STORY, other, second]) == [[STORY, second], [other]]


def test_what_was_bought_is_drawn_else_what_was_recommended_else_the_first() -> None:
    assert ticker_to_draw([REFUSED, MADE], ["AAPL"]) == "NVDA"
    assert ticker_to_draw([REFUSED], ["AAPL"]) == "PFE"
    assert ticker_to_draw([], ["AAPL"]) == "AAPL"


def test_the_moving_average_begins_when_there_is_enough() -> None:
    assert moving_average([1, 2, 3, 6], 3) == [2, 11 / 3]
    assert moving_average([1, 2], 3) == []


@pytest.mark.parametrize("bars", [0, 5, 60])
def test_a_picture_is_drawn_of_much_and_of_nothing(tmp_path: Path, bars: int) -> None:
    prices = [PriceFact(NOON - timedelta(minutes=5 * back), Decimal(100 + back)) for back in reversed(range(bars))]
    stories = [STORY, replace(STORY, event_uid="e2", label=None, sentiment=None)] if bars else []
    facts = TickerFacts("NVDA", prices, stories, [MADE] if bars else [])
    path = draw_ticker(facts, INTRADAY, tmp_path / "news.png")
    assert path.read_bytes().startswith(b"\x89PNG")
