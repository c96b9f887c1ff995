"""Bars from the market, and signals made of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Protocol
from uuid import UUID

from bellwether.trading.domain.bars import Bar, BarRequest, Coverage
from bellwether.trading.domain.news_report import ToldStory
from bellwether.trading.domain.price_gaps import AnnouncedSplit, PriceGap, SuspectedSplit
from bellwether.trading.domain.signals import Signal, SignalRule, Situation


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused bar or ticker and the reason."""

    ticker: str
    reason: str


@dataclass(frozen=True)
class BarAnswer:
    """Response to a request; `refused` holds invalid bars and unknown tickers."""

    bars: tuple[Bar, ...]
    refused: tuple[Refused, ...] = ()


class MarketData(Protocol):
    """Source of bars."""

    def bars(self, request: BarRequest) -> BarAnswer:
        """Return all bars of a request. Raises TransientUpstreamError after retries, UpstreamError for a refusal."""


class CorporateActions(Protocol):
    """Source of announced splits."""

    def splits(self, tickers: Sequence[str], first_day: date, last_day: date) -> Sequence[AnnouncedSplit]:
        """Return splits with an ex-date in [first_day, last_day]. Raises TransientUpstreamError and UpstreamError."""


@dataclass(frozen=True)
class StoredBars:
    """Number of new bars, corrected bars, and new bars older than the newest bar of their ticker.

    `splits` holds the suspicious gaps that these bars brought; they are stored for review.
    """

    stored: int
    revised: int
    late: int
    splits: tuple[SuspectedSplit, ...]


class BarStore(Protocol):
    """Stored bars (table `lane_telemetry`), and which of them were requested."""

    def coverage(self, tickers: Sequence[str], first_day: date) -> Mapping[tuple[date, str], Coverage]:
        """Return until when each session since `first_day` was requested, by day and ticker."""

    def present(self, tickers: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[datetime]]:
        """Return the starts of stored bars in [start, end), in order, by ticker."""

    def store(self, bars: Sequence[Bar], answered: Sequence[BarRequest], source: str) -> StoredBars:
        """Store bars and the requests that they complete, in one transaction. An existing bar is corrected."""


class SignalStore(Protocol):
    """Input of the signal rule, and its recommendations."""

    def situations(self, now: datetime, rule: SignalRule) -> Iterator[Situation]:
        """Yield one for each ticker with a classified story in the window, with `market_open` true."""

    def stories(self, *, ticker: str | None, limit: int) -> Sequence[ToldStory]:
        """Return the newest stories, of one company where it is named, newest first."""

    def add(self, signals: Sequence[Signal], cooldown: timedelta) -> tuple[UUID, ...]:
        """Insert as PENDING; return the ids of new ones whose ticker had none within the cooldown."""


class GapStore(Protocol):
    """Suspicious price gaps and their reviews."""

    def gaps(self) -> Sequence[PriceGap]:
        """Return every gap with its latest review, unreviewed ones first, then newest first."""

    def review(self, gap: PriceGap, ratio: Fraction, *, actor: str, reason: str) -> None:
        """Append a review; the latest one counts."""
