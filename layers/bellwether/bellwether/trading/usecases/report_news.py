"""Report the news as the signal rule sees it now."""

from bellwether.shared.ports.clock import Clock
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.news_report import NewsReport, news_report
from bellwether.trading.domain.signals import SignalRule
from bellwether.trading.ports.telemetry import SignalStore


def report_news(
    *, store: SignalStore, clock: Clock, hours: MarketHours, rule: SignalRule, ticker: str | None, limit: int
) -> NewsReport:
    """Return the newest stories, of one company where it is named, and the companies in the news.

    Recommends nothing and stores nothing. Raises InvalidInputError beyond the end of the market calendar.
    """
    now = clock.now()
    situations = [each for each in store.situations(now, rule) if ticker in (None, each.ticker)]
    return news_report(
        store.stories(ticker=ticker, limit=limit),
        situations,
        rule,
        now=now,
        market_open=hours.session_at(now) is not None,
    )
