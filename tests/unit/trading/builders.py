"""Bars and stories to start a test from."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bellwether.trading.domain.bars import Bar
from bellwether.trading.domain.signals import Situation, Story

OPENS = datetime(2026, 3, 10, 13, 30, tzinfo=UTC)  # a Tuesday, summer time
NOON = datetime(2026, 3, 10, 16, 0, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)


def bar(start: datetime = OPENS, close: str | int | Decimal = 100, ticker: str = "ACME", **changes: Any) -> Bar:
    """A bar around its close."""
    price = Decimal(close)
    values = {"open": price, "high": price + 1, "low": price - 1, "close": price, "volume": 1000, **changes}
    return Bar(ticker=ticker, start=start, **values)


def bars_until(end: datetime = NOON, closes: Sequence[str | int] = (*[100] * 19, 101)) -> tuple[Bar, ...]:
    """Bars without gaps, the last of which ends at `end`."""
    first = end - len(closes) * FIVE_MINUTES
    return tuple(bar(first + place * FIVE_MINUTES, close) for place, close in enumerate(closes))


def story(sentiment: float = 0.9, *, hours_ago: float = 1, uid: str = "s1", **changes: Any) -> Story:
    """A story of one telling, known five minutes after its publication."""
    published = NOON - timedelta(hours=hours_ago)
    values = {
        "event_uid": uid,
        "story_uid": uid,
        "published_at": published,
        "known_at": min(NOON, published + FIVE_MINUTES),
        "sentiment": sentiment,
        **changes,
    }
    return Story(**values)


def situation(**changes: Any) -> Situation:
    """One in which the rule recommends to buy."""
    values: dict[str, Any] = {
        "ticker": "ACME",
        "now": NOON,
        "market_open": True,
        "bars": bars_until(),
        "stories": (story(),),
        **changes,
    }
    return Situation(**values)


def closes(bars: Iterable[Bar]) -> list[Decimal]:
    """Their closing prices."""
    return [each.close for each in bars]
