"""Bars are late by trading time."""

from datetime import UTC, datetime, timedelta

from bellwether.shared.domain.probes import Check
from bellwether.trading.adapters.probes import trading_probes
from bellwether.trading.domain.market_calendar import MarketHours
from tests.fakes.dispatch import OPENED

FRIDAY = datetime(2026, 2, 27, 20, 55, tzinfo=UTC)  # the week's last bar


def stale(newest: datetime | None, now: datetime, hours: MarketHours = MarketHours.NYSE) -> bool:
    (bars,) = (probe for probe in trading_probes(hours) if probe.key == "stale:lane_telemetry")
    return any(bars.find([{"newest": newest}], Check(now, datetime(2026, 1, 5, tzinfo=UTC), now)))


def test_bars_are_not_missed_while_the_market_is_closed() -> None:
    # Given Friday's last bar; Then nothing is missing at the weekend, nor as the market opens, but after some trading
    assert not stale(FRIDAY, datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert not stale(FRIDAY, OPENED + timedelta(minutes=20))
    assert stale(FRIDAY, OPENED + timedelta(minutes=21))
    # And where any hour is one of trading, it is missed at once
    assert stale(FRIDAY, FRIDAY + timedelta(minutes=26), MarketHours.ALWAYS)


def test_beyond_the_calendar_wall_clock_time_counts() -> None:
    assert stale(None, datetime(2050, 1, 1, tzinfo=UTC))
