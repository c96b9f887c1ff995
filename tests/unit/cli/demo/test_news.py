"""Tables and charts of the news demonstration."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bellwether.news.views import FeedView, StoryView
from bellwether.shared.domain.decisions import Gate
from bellwether.trading.domain.signals import INTRADAY
from bellwether.trading.views import PriceView, RecommendationView
from cli.demo.charts import TickerChart, draw_ticker, moving_average
from cli.demo.news import ticker_to_draw
from cli.demo.news_tables import by_story, feed_state, fill

NOON = datetime(2026, 3, 12, 16, tzinfo=UTC)
FEED = FeedView(
    feed_id="wire",
    http_status=200,
    stories=12,
    undated=0,
    failures=0,
    error=None,
    moved_to=None,
    retired=False,
    next_attempt_at=NOON,
)
STORY = StoryView(
    event_uid="e1",
    story_uid="e1",
    feed_id="wire",
    published_at=NOON,
    title="Nvidia profit climbs",
    label="positive",
    sentiment=0.9,
    tickers=("NVDA",),
    tones={"NVDA": 0.9},
    model_version="sentiment-1",
)
MADE = RecommendationView(
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
REFUSED = MADE.model_copy(
    update={
        "ticker": "PFE",
        "status": "REFUSED",
        "sentiment": -0.9,
        "gates": (Gate(name="shares_held", observed=0, limit=36, passed=False),),
        "execution": None,
        "filled_quantity": None,
        "fill_price": None,
    }
)


@pytest.mark.parametrize(
    ("feed", "told"),
    [
        (FEED, "OK"),
        (FEED.model_copy(update={"moved_to": "http://a/b"}), "moved to http://a/b"),
        (FEED.model_copy(update={"retired": True, "error": "HTTP 410"}), "permanently gone: retired"),
        (FEED.model_copy(update={"error": "no answer"}), "no answer; next attempt in 0 s"),
    ],
)
def test_a_feed_in_words(feed: FeedView, told: str) -> None:
    assert feed_state(feed) == told


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (MADE, "5 at 154.0778 (dry-run)"),
        (REFUSED, "refused"),
        (
            MADE.model_copy(update={"execution": "UNFILLED", "filled_quantity": Decimal(0), "fill_price": None}),
            "unfilled",
        ),
    ],
)
def test_a_fill_in_words(made: RecommendationView, told: str) -> None:
    assert fill(made) == told


def test_a_refusal_names_the_gates_that_refused() -> None:
    assert REFUSED.refused_by == ("shares_held: 0 (limit 36)",)
    assert MADE.refused_by == ()


def test_reports_of_one_story_are_grouped() -> None:
    second = STORY.model_copy(update={"event_uid": "e2", "feed_id": "desk"})
    other = STORY.model_copy(update={"event_uid": "e3", "story_uid": "e3"})
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
    prices = [
        PriceView(start=NOON - timedelta(minutes=5 * back), close=Decimal(100 + back)) for back in reversed(range(bars))
    ]
    stories = [STORY, STORY.model_copy(update={"event_uid": "e2", "label": None, "sentiment": None})] if bars else []
    facts = TickerChart("NVDA", prices, stories, [MADE] if bars else [])
    path = draw_ticker(facts, INTRADAY, tmp_path / "news.png")
    assert path.read_bytes().startswith(b"\x89PNG")
