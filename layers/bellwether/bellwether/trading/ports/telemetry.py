"""Bars from the market, and signals made of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from uuid import UUID

from bellwether.trading.domain.bars import Bar, BarRequest, Coverage
from bellwether.trading.domain.signals import Signal, SignalRule, Situation


@dataclass(frozen=True, slots=True)
class Refused:
    """A bar or a ticker that could not be used, and why."""

    ticker: str
    reason: str


@dataclass(frozen=True)
class BarAnswer:
    """What a source gave for a request, bars that can't be true and tickers that it does not know aside."""

    bars: tuple[Bar, ...]
    refused: tuple[Refused, ...] = ()


class MarketData(Protocol):
    """Where bars come from."""

    def bars(self, request: BarRequest) -> BarAnswer:
        """All bars of a request. Raises TransientUpstreamError after some attempts, UpstreamError for a refusal."""


@dataclass(frozen=True)
class StoredBars:
    """What became of bars: new, corrections, and of the new ones those older than their ticker's newest.

    `jumps` holds the pairs of neighbours around each large jump into a new bar.
    """

    stored: int
    revised: int
    late: int
    jumps: tuple[tuple[Bar, Bar], ...]


class BarStore(Protocol):
    """Bars that are kept (table `lane_telemetry`), and which of them were asked for."""

    def coverage(self, tickers: Sequence[str], first_day: date) -> Mapping[tuple[date, str], Coverage]:
        """How far each session since `first_day` was asked for, by day and ticker."""

    def present(self, tickers: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[datetime]]:
        """Starts of the kept bars in [start, end), in order, by ticker."""

    def store(self, bars: Sequence[Bar], answered: Sequence[BarRequest], source: str) -> StoredBars:
        """Keep bars and note the requests that they answer, both or neither. A bar that is there is corrected."""


class SignalStore(Protocol):
    """What the rule looks at, and where its recommendations go."""

    def situations(self, now: datetime, rule: SignalRule) -> Iterator[Situation]:
        """One for each ticker with a classified story in the rule's window; `market_open` is taken as given."""

    def add(self, signals: Sequence[Signal], cooldown: timedelta) -> tuple[UUID, ...]:
        """Insert as PENDING; ids of those that were new and whose ticker had none within the cooldown."""
