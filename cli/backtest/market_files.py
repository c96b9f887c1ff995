"""Read bars and stories from CSV files in common formats, compressed (`.gz`) or not.

How a file separates cells and writes days and numbers is decided from the whole file (notations.py), or it is refused.
"""

import csv
import io
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from bellwether.news.domain.stories import STORY_DAYS
from bellwether.shared.domain.compression import gunzip
from bellwether.shared.domain.delimited import delimiter_of
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.domain.notations import AmbiguousError, decide_numbers
from bellwether.trading.domain.bars import Bar, Timeframe, checked
from bellwether.trading.domain.signals import Story
from cli.backtest.times import NO_ZONE, Moment, Times, decide_days
from cli.problems import CommandError

TIMES = ("timestamp", "ts", "datetime", "date", "time")
TICKERS = ("ticker", "symbol", "stock")
PUBLISHED = ("published_parsed", "published_at", "published", "date", "time", "timestamp", "datetime")
KNOWN = ("known_at", "first_seen_utc", "first_seen_at")
TITLES = ("title", "headline", "text")
PRICES = ("open", "high", "low", "close")
FIGURES = (*PRICES, "adj close", "volume")
BAR_COLUMNS = (TIMES, *((name,) for name in PRICES))
REPEATED_SHARE = 0.1  # of bars with the time of another: more are bars of hours under a bare date
UNPACKED_LIMIT_BYTES = 4 * 1024**3
_TICKER_IN_NAME = re.compile(r"(?<![A-Z0-9])[A-Z]{1,6}(?:_[A-Z]{3})?(?![A-Z0-9])")
Scorer = Callable[[Sequence[tuple[str, Sequence[str]]]], Sequence[Mapping[str, float]]]
"""From titles with their tickers to the sentiment of each ticker."""


@dataclass
class Findings:
    """Unusable rows: file, line and reason. `assumptions`: what was decided where a file can be read in two ways."""

    rows: list[str] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)

    def add(self, path: Path, line: int, reason: str) -> None:
        """Add a row."""
        self.rows.append(f"{path.name}:{line}: {reason}")

    def assume(self, path: Path, note: str) -> None:
        """Add an assumption, if there is one."""
        if note:
            self.assumptions.append(f"{path.name}: {note}")


@dataclass(frozen=True)
class BarFiles:
    """Bars by ticker, oldest first, all of one timeframe."""

    timeframe: Timeframe
    bars: Mapping[str, Sequence[Bar]]


def read_bars(paths: Sequence[Path], findings: Findings, times: Times = NO_ZONE) -> BarFiles:
    """Read bars; where there is a column `adj close`, prices are adjusted by it. Raises CommandError."""
    rows = [(path, line, row) for path in paths for line, row in _bar_rows(path, findings)]
    starts = list(_with_starts(rows, times, findings))
    timeframe = _timeframe([start.start for *_, start in starts])
    found: dict[tuple[str, datetime], Bar] = {}
    repeated = 0
    for path, line, row, start in starts:
        try:
            bar = _bar(_first(row, TICKERS) or _ticker_of(path), start, row, timeframe)
        except InvalidInputError as error:
            findings.add(path, line, str(error))
            continue
        except (ArithmeticError, ValueError):
            findings.add(path, line, "no number")
            continue
        if found.get((bar.ticker, bar.start), bar) != bar:
            repeated += 1
            findings.add(path, line, f"{bar.ticker} {bar.start.isoformat()} comes again; these figures stand")
        found[bar.ticker, bar.start] = bar
    if repeated > max(1, REPEATED_SHARE * len(starts)):
        raise CommandError(
            f"{repeated} of {len(starts)} bars have the time of another, but other figures: {findings.rows[-1]}. "
            f"Is the time of day in another column? It is read from the first of {', '.join(TIMES)}."
        )
    by_ticker: dict[str, list[Bar]] = {}
    for _, bar in sorted(found.items()):
        by_ticker.setdefault(bar.ticker, []).append(bar)
    if not by_ticker:
        raise CommandError(f"No bars in {', '.join(path.name for path in paths)}.")
    return BarFiles(timeframe, by_ticker)


def _bar_rows(path: Path, findings: Findings) -> Sequence[tuple[int, Mapping[str, str]]]:
    """Rows of a file of bars, with times in ISO format and plain numbers where cells are written so."""
    delimiter, found = _table(path, *BAR_COLUMNS)
    rows = list(_with_iso_times(path, list(found), (TIMES,), findings))
    try:
        notation = decide_numbers(
            (row[name] for _, row in rows for name in FIGURES if row.get(name)), delimiter=delimiter
        )
    except AmbiguousError as error:
        raise CommandError(f"{path.name}: {error.reason}") from error
    findings.assume(path, notation.assumed)
    return [
        (line, row | {name: notation.plain(row[name]) or row[name] for name in FIGURES if row.get(name)})
        for line, row in rows
    ]


def _with_iso_times(
    path: Path, rows: Sequence[tuple[int, dict[str, str]]], columns: Sequence[Sequence[str]], findings: Findings
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows with the times of these columns in ISO format."""
    names = {name for choices in columns for name in choices}
    cells = [row[name] for _, row in rows for name in names if row.get(name)]
    try:
        notation, iso = decide_days(cells, today=datetime.now(UTC).date())
    except AmbiguousError as error:
        raise CommandError(f"{path.name}: {error.reason}") from error
    findings.assume(path, notation.assumed)
    for line, row in rows:
        yield line, row | {name: iso(row[name]) for name in names if row.get(name)}


def _with_starts(
    rows: Iterable[tuple[Path, int, Mapping[str, str]]], times: Times, findings: Findings
) -> Iterator[tuple[Path, int, Mapping[str, str], Moment]]:
    for path, line, row in rows:
        try:
            yield path, line, row, times.read(_first(row, TIMES), f"{path.name}:{line}")
        except InvalidInputError as error:
            findings.add(path, line, str(error))


def _bar(ticker: str, at: Moment, row: Mapping[str, str], timeframe: Timeframe) -> Bar:
    opened, high, low, close = (Decimal(row.get(name, "")) for name in PRICES)
    factor = Decimal(1)
    if row.get("adj close"):
        factor = Decimal(row["adj close"]) / close
    start = at.start
    if timeframe is Timeframe.ONE_DAY:  # the exchange's day, whatever its offset
        start = datetime.combine(at.day, time(), tzinfo=UTC)
    return checked(
        Bar(
            ticker=ticker.replace("_", "/"),
            start=start,
            open=opened * factor,
            high=max(opened, high, low, close) * factor if _is_rounding(high, opened, close) else high * factor,
            low=min(opened, high, low, close) * factor if _is_rounding(low, opened, close) else low * factor,
            close=close * factor,
            volume=int(Decimal(row.get("volume") or 0)),
        ),
        timeframe,
    )


def _is_rounding(edge: Decimal, *inside: Decimal) -> bool:
    """Whether a high or low differs from a price only by rounding, as in adjusted data."""
    return any(abs(edge - price) <= price * Decimal("1e-6") for price in inside)


def _timeframe(starts: Sequence[datetime]) -> Timeframe:
    """Timeframe from the most frequent distance between neighbouring bars."""
    ordered = sorted(set(starts))
    distances = [late - early for early, late in pairwise(ordered)]
    usual = statistics.mode(distances) if distances else timedelta(days=1)
    for timeframe in Timeframe:
        if usual == timeframe.length:
            return timeframe
    raise CommandError(f"Bars must be of five minutes or of one day; these are {usual} apart.")


def read_stories(
    path: Path,
    findings: Findings,
    *,
    latency: timedelta,
    as_seen: bool,
    scorer: Scorer,
    times: Times = NO_ZONE,
) -> Mapping[str, Sequence[Story]]:
    """Stories by ticker, ordered by the time at which they were known: `latency` after publication, or when first seen.

    A story with a bare date is published and known at the end of that day. Without a column `sentiment` (or `positive`
    and `negative`) the titles are scored, for each company on its own.
    """
    _, found_rows = _table(path, PUBLISHED, (*TICKERS, "tickers"), (*TITLES, "sentiment", "positive"))
    rows = list(_with_iso_times(path, list(found_rows), (PUBLISHED, KNOWN), findings))
    if not rows:
        raise CommandError(f"No stories in {path.name}.")
    scored = _sentiments([row for _, row in rows], scorer)
    found: list[tuple[Story, str, Mapping[str, float]]] = []
    for (line, row), sentiment in zip(rows, scored, strict=True):
        place = f"{path.name}:{line}"
        try:
            published = times.read(_first(row, PUBLISHED), place)
            seen = times.read(_first(row, KNOWN), place) if as_seen and _first(row, KNOWN) else None
        except InvalidInputError as error:
            findings.add(path, line, str(error))
            continue
        if sentiment is None or not all(-1 <= each <= 1 for each in sentiment.values()):
            findings.add(path, line, "no sentiment between -1 and 1")
            continue
        known = seen.end if seen else published.end if published.is_date else published.end + latency
        uid = row.get("event_uid") or place
        story = Story(uid, row.get("story_uid") or "", published.end, known, 0.0)
        found.append((story, _first(row, TITLES).lower(), sentiment))
    if not found:
        raise CommandError(f"No usable stories in {path.name}. {findings.rows[-1]}")
    by_ticker: dict[str, list[Story]] = {}
    for story, sentiments in _linked(found):
        for ticker, own in sentiments.items():
            by_ticker.setdefault(ticker, []).append(replace(story, sentiment=own))
    return by_ticker


def _linked(found: Iterable[tuple[Story, str, Mapping[str, float]]]) -> Iterator[tuple[Story, Mapping[str, float]]]:
    """Stories in the order in which they were known; equal titles at most `STORY_DAYS` apart are one story, as live."""
    latest: dict[str, tuple[str, datetime]] = {}
    for story, title, sentiments in sorted(found, key=lambda each: each[0].known_at):
        uid = story.story_uid or story.event_uid
        if title and not story.story_uid:
            told, at = latest.get(title, (uid, story.known_at))
            uid = told if story.known_at - at <= timedelta(days=STORY_DAYS) else uid
            latest[title] = uid, story.known_at
        yield replace(story, story_uid=uid), sentiments


def _sentiments(rows: Sequence[Mapping[str, str]], scorer: Scorer) -> Iterable[Mapping[str, float] | None]:
    tickers = [[each for each in re.split(r"[;,\s]+", _first(row, (*TICKERS, "tickers"))) if each] for row in rows]
    values: list[float | None]
    if "sentiment" in rows[0]:
        values = [_number(row.get("sentiment", "")) for row in rows]
    elif "positive" in rows[0] and "negative" in rows[0]:
        pairs = ((_number(row.get("positive", "")), _number(row.get("negative", ""))) for row in rows)
        values = [None if good is None or bad is None else good - bad for good, bad in pairs]
    else:
        return scorer([(_first(row, TITLES), of_row) for row, of_row in zip(rows, tickers, strict=True)])
    return [
        None if value is None else dict.fromkeys(of_row, value) for value, of_row in zip(values, tickers, strict=True)
    ]


# --- CSV ------------------------------------------------------------------------------------------------------------


def _table(path: Path, *needed: Sequence[str]) -> tuple[str, Iterator[tuple[int, dict[str, str]]]]:
    """Delimiter, and rows with lines, column names in lower case. Of each of `needed`, one column must be there."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gunzip(content, limit_bytes=UNPACKED_LIMIT_BYTES)
        text = content.decode("utf-8-sig")
    except (OSError, InvalidInputError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error
    delimiter = delimiter_of(text.partition("\n")[0])
    return delimiter, _rows(path, text, delimiter, needed)


def _rows(
    path: Path, text: str, delimiter: str, needed: Sequence[Sequence[str]]
) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if names:
            _check_columns(path, names, needed)
        for row in reader:
            if row:
                yield reader.line_num, dict(zip(names, (cell.strip() for cell in row), strict=False))
    except csv.Error as error:
        raise CommandError(f"{path.name}:{reader.line_num} is not CSV: {error}") from error


def _check_columns(path: Path, names: Sequence[str], needed: Sequence[Sequence[str]]) -> None:
    missing = next((choices for choices in needed if not set(choices) & set(names)), None)
    if missing is None:
        return
    problem = f"{path.name} has no column {' or '.join(missing)}. Its columns are: {', '.join(filter(None, names))}."
    if names[0] in ("", "unnamed: 0"):
        problem += (
            " The first column has no name, as when pandas writes an index. If it holds the time, name it date or "
            "timestamp: to_csv(…, index_label='date')."
        )
    raise CommandError(problem)


def _first(row: Mapping[str, str], names: Sequence[str]) -> str:
    return next((row[name] for name in names if row.get(name)), "")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _ticker_of(path: Path) -> str:
    found = _TICKER_IN_NAME.search(path.name.partition(".")[0])
    if not found:
        raise CommandError(f"{path.name} has no column ticker or symbol, and none in its name.")
    return found[0]
