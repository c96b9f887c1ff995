"""Bars, market data and signals in memory."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from bellwether.shared.domain.errors import TransientUpstreamError, UpstreamError
from bellwether.trading.domain.bars import Bar, BarRequest, Coverage
from bellwether.trading.domain.news_report import ToldStory
from bellwether.trading.domain.price_gaps import SuspectedSplit, suspected_splits
from bellwether.trading.domain.signals import Signal, SignalRule, Situation
from bellwether.trading.ports.telemetry import BarAnswer, Refused, StoredBars


class InMemoryBars:
    """BarStore in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, datetime], Bar] = {}
        self._coverage: dict[tuple[date, str], Coverage] = {}
        self._gaps: set[tuple[str, datetime]] = set()

    def coverage(self, tickers: Sequence[str], first_day: date) -> Mapping[tuple[date, str], Coverage]:
        return {key: each for key, each in self._coverage.items() if key[0] >= first_day and key[1] in tickers}

    def present(self, tickers: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[datetime]]:
        found: dict[str, list[datetime]] = {}
        for ticker, at in sorted(self.kept):
            if ticker in tickers and start <= at < end:
                found.setdefault(ticker, []).append(at)
        return found

    def store(self, bars: Sequence[Bar], answered: Sequence[BarRequest], source: str) -> StoredBars:
        newest: dict[str, datetime] = {}
        for ticker, at in self.kept:
            newest[ticker] = max(at, newest.get(ticker, at))
        new = [(bar.ticker, bar.start) for bar in bars if (bar.ticker, bar.start) not in self.kept]
        changed = [(bar.ticker, bar.start) for bar in bars if (bar.ticker, bar.start) in self.kept]
        revised = sum(self.kept.get((bar.ticker, bar.start), bar) != bar for bar in bars)
        self.kept |= {(bar.ticker, bar.start): bar for bar in bars}
        for request in answered:
            for ticker in request.tickers:
                key = (request.session_day, ticker)
                before = self._coverage.get(key, Coverage(request.end, settled=False))
                self._coverage[key] = Coverage(
                    max(before.checked_until, request.end), settled=before.settled or request.settles
                )
        late = sum(at < newest[ticker] for ticker, at in new if ticker in newest)
        return StoredBars(len(new), revised, late, tuple(self._keep_gaps(sorted({*new, *changed}))))

    def _keep_gaps(self, written: Sequence[tuple[str, datetime]]) -> Iterator[SuspectedSplit]:
        order = sorted(self.kept)
        for key in written:
            place = bisect_left(order, key)
            if place and order[place - 1][0] == key[0]:
                for gap in suspected_splits((self.kept[order[place - 1]], self.kept[key])):
                    if (gap.ticker, gap.at) not in self._gaps:
                        self._gaps.add((gap.ticker, gap.at))
                        yield gap


class ReplayedMarket:
    """MarketData over given bars; `fails_after` requests it is throttled, and never tells of what it `refuses`."""

    def __init__(
        self,
        bars: Sequence[Bar],
        *,
        unknown: Sequence[str] = (),
        refuses: Sequence[str] = (),
        fails_after: int | None = None,
    ) -> None:
        self.asked: list[BarRequest] = []
        self._bars = tuple(bars)
        self._unknown = unknown
        self._refuses = refuses
        self._fails_after = fails_after

    def bars(self, request: BarRequest) -> BarAnswer:
        if self._fails_after is not None and len(self.asked) >= self._fails_after:
            raise TransientUpstreamError("too many requests")
        if any(ticker in self._refuses for ticker in request.tickers):
            raise UpstreamError("it returned the same page twice")
        self.asked.append(request)
        found = (
            bar for bar in self._bars if bar.ticker in request.tickers and request.start <= bar.start < request.end
        )
        refused = tuple(Refused(ticker, "unknown") for ticker in request.tickers if ticker in self._unknown)
        return BarAnswer(tuple(found), refused)


class InMemorySignals:
    """SignalStore over given situations."""

    def __init__(self, situations: Sequence[Situation], told: Sequence[ToldStory] = ()) -> None:
        self.added: dict[UUID, Signal] = {}
        self._told = tuple(told)
        self._situations = tuple(situations)

    def situations(self, now: datetime, rule: SignalRule) -> Iterator[Situation]:
        yield from self._situations

    def stories(self, *, ticker: str | None, limit: int) -> tuple[ToldStory, ...]:
        return tuple(each for each in self._told if ticker is None or ticker in each.tones)[:limit]

    def add(self, signals: Sequence[Signal], cooldown: timedelta) -> tuple[UUID, ...]:
        new: list[UUID] = []
        for each in signals:
            lately = any(
                other.ticker == each.ticker and other.made_at > each.made_at - cooldown for other in self.added.values()
            )
            if not lately:
                self.added[each.recommendation_id] = each
                new.append(each.recommendation_id)
        return tuple(new)
