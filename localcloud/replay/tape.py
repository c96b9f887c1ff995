"""The sample week as a tape: its sessions one after the other, without nights, and over again when it is at its end.

A real week would lie in the past and be closed most of the time. The replay moves it: an offset on the tape belongs to
an instant of today, and what lies after the present instant is not to be seen yet.
"""

import csv
import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Any

from localcloud.errors import CloudError
from localcloud.replay.clock import Start

BAR_LENGTH = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Bar:
    """Prices of [start, start + BAR_LENGTH) in USD, volume in shares."""

    ticker: str
    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


@dataclass(frozen=True, slots=True)
class Story:
    """An invented story, and in which feeds it is told."""

    story_id: str
    feeds: tuple[str, ...]
    title: str
    summary: str
    published_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class _TapedBar:
    offset: timedelta
    bar: Bar


@dataclass(frozen=True, slots=True)
class _TapedStory:
    offset: timedelta
    story: Story
    revised_offset: timedelta | None
    revised_title: str


@dataclass(frozen=True)
class Tape:
    """All that is replayed. Offsets count trading time from the first session's opening."""

    length: timedelta
    replay_from: timedelta
    tickers: tuple[str, ...]
    bars: Mapping[str, Sequence[_TapedBar]]
    stories: Sequence[_TapedStory]

    @classmethod
    def load(cls, folder: Path) -> "Tape":
        """Read the sample folder. Raises CloudError when it is not what it should be."""
        try:
            return _load(folder)
        except (OSError, ValueError, KeyError, ArithmeticError) as error:
            raise CloudError(f"{folder} does not contain a week to replay: {type(error).__name__}: {error}") from error

    def begin(self, now: datetime) -> datetime:
        """When the tape has to have begun for its interesting part to begin now, on a bar's boundary."""
        return floored(now) - self.replay_from

    def visible_bars(
        self, ticker: str, start: datetime, end: datetime, *, begun: Start, now: datetime
    ) -> Iterator[Bar]:
        """Bars that start in [start, end] and have ended by `now`, oldest first; none of before the beginning."""
        taped = self.bars.get(ticker, ())
        latest = min(end, now - BAR_LENGTH)
        for _, shift in self._runs(start, latest, begun.at):
            first = bisect_right(taped, start - shift - timedelta(microseconds=1), key=lambda each: each.offset)
            last = bisect_right(taped, latest - shift, key=lambda each: each.offset)
            for each in taped[first:last]:
                yield replace(each.bar, start=shift + each.offset)

    def visible_stories(self, feed: str, *, begun: Start, now: datetime, since: datetime) -> list[Story]:
        """The feed's stories as they read now, newest first; told anew in each run, with another id."""
        found = []
        for run, shift in self._runs(since, now, begun.at):
            for each in self.stories:
                published = shift + each.offset
                if feed in each.story.feeds and since <= published <= now:
                    found.append(_as_of_now(each, shift, f"{each.story.story_id}-{begun.edition}-{run}", now))
        return sorted(found, key=lambda story: (story.published_at, story.story_id), reverse=True)

    def _runs(self, start: datetime, end: datetime, begun: datetime) -> Iterator[tuple[int, datetime]]:
        """Number and beginning of each run of the tape that lies between two instants."""
        if end < begun or end < start:
            return
        first = max(0, (start - begun) // self.length)
        for run in range(first, (end - begun) // self.length + 1):
            yield run, begun + run * self.length


def _as_of_now(taped: _TapedStory, shift: datetime, story_id: str, now: datetime) -> Story:
    published = shift + taped.offset
    story = replace(taped.story, story_id=story_id, published_at=published, updated_at=published)
    if taped.revised_offset is not None and shift + taped.revised_offset <= now:
        return replace(story, title=taped.revised_title, updated_at=shift + taped.revised_offset)
    return story


def floored(instant: datetime) -> datetime:
    """The beginning of the bar that this instant lies in."""
    return instant - timedelta(seconds=instant.timestamp() % BAR_LENGTH.total_seconds())


# --- reading the samples --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sessions:
    opens: Sequence[datetime]
    closes: Sequence[datetime]

    def offset(self, instant: datetime) -> timedelta:
        """Trading time from the first opening; raises ValueError for an instant between sessions."""
        place = bisect_right(self.opens, instant) - 1
        if place < 0 or instant > self.closes[place]:
            raise ValueError(f"{instant} is not in a trading session")
        return list(self._before())[place] + (instant - self.opens[place])

    @property
    def length(self) -> timedelta:
        return list(self._before())[-1]

    def _before(self) -> Iterator[timedelta]:
        spans = (closes - opens for opens, closes in zip(self.opens, self.closes, strict=True))
        return accumulate(spans, initial=timedelta())


def _load(folder: Path) -> Tape:
    week = json.loads((folder / "week.json").read_bytes())
    sessions = _Sessions(
        [_instant(each["opens_at"]) for each in week["sessions"]],
        [_instant(each["closes_at"]) for each in week["sessions"]],
    )
    bars: dict[str, list[_TapedBar]] = {}
    with (folder / "bars.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            bar = Bar(
                row["ticker"],
                _instant(row["start"]),
                open=Decimal(row["open"]),
                high=Decimal(row["high"]),
                low=Decimal(row["low"]),
                close=Decimal(row["close"]),
                volume=int(row["volume"]),
            )
            bars.setdefault(bar.ticker, []).append(_TapedBar(sessions.offset(bar.start), bar))
    told = json.loads((folder / "stories.json").read_bytes())["stories"]
    return Tape(
        length=sessions.length,
        replay_from=sessions.offset(_instant(week["replay_from"])),
        tickers=tuple(week["tickers"]),
        bars={ticker: sorted(of_ticker, key=lambda each: each.offset) for ticker, of_ticker in bars.items()},
        stories=[_taped(each, sessions) for each in told],
    )


def _taped(each: Mapping[str, Any], sessions: _Sessions) -> _TapedStory:
    at, revised = _instant(each["at"]), each.get("revised")
    return _TapedStory(
        offset=sessions.offset(at),
        story=Story(each["id"], tuple(each["feeds"]), each["title"], each["summary"], at, at),
        revised_offset=sessions.offset(_instant(revised["at"])) if revised else None,
        revised_title=revised["title"] if revised else "",
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
