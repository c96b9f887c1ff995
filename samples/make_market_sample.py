"""Make samples/market: five-minute bars of three invented companies and the headlines about them.

No real figures. A headline's tone moves the price in the hours after it, under much noise: enough to see every part of
the pipeline at work, and no evidence that the rule earns anything. Run: uv run python samples/make_market_sample.py
"""

import csv
import gzip
import io
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bellwether.trading.domain.bars import bar_starts
from bellwether.trading.domain.market_calendar import Session, sessions_between

FOLDER = Path(__file__).parent / "market"
FIRST_DAY, LAST_DAY = date(2026, 3, 2), date(2026, 3, 20)
SEED = 11
NOISE = 0.0012  # of a bar's return
EFFECT = 0.0004  # of a fresh headline on a bar's return, at full tone
EFFECT_HALF_LIFE_BARS = 30
HEADLINES_A_SESSION = 0.9
COMPANIES = (("AVNT", "Avanti Turbines", 84.0), ("BRIK", "Brikton Homes", 41.0), ("CLDW", "Cloudway Systems", 212.0))
GOOD = (
    "{name} ({ticker}) raises full-year outlook after strong orders",
    "{name} ({ticker}) beats profit estimates",
    "{name} ({ticker}) wins record contract",
    "Analysts upgrade {name} ({ticker}) to buy",
)
BAD = (
    "{name} ({ticker}) cuts guidance as demand weakens",
    "{name} ({ticker}) misses revenue estimates, shares fall",
    "{name} ({ticker}) recalls products after defects",
    "Regulator opens probe into {name} ({ticker})",
)
PLAIN = ("{name} ({ticker}) to present at industry conference", "{name} ({ticker}) names new chief of staff")


@dataclass(frozen=True)
class Headline:
    """A made-up headline."""

    ticker: str
    title: str
    published: datetime
    tone: float


def main() -> None:
    """Write both files, the same bytes each time."""
    FOLDER.mkdir(exist_ok=True)
    chance = random.Random(SEED)  # noqa: S311 - no secret
    sessions = tuple(sessions_between(FIRST_DAY, LAST_DAY))
    bars: list[Sequence[object]] = []
    headlines: list[Headline] = []
    for ticker, name, price in COMPANIES:
        told = list(_headlines(ticker, name, sessions, chance))
        headlines += told
        bars += _bars(ticker, price, sessions, told, chance)
    _write("bars_5min.csv.gz", ("ticker", "timestamp", "open", "high", "low", "close", "volume"), bars)
    headlines.sort(key=lambda each: (each.published, each.ticker))
    rows = [(each.ticker, f"{each.published:%Y-%m-%dT%H:%M:%SZ}", each.title, each.tone) for each in headlines]
    _write("stories.csv.gz", ("symbol", "published", "title", "sentiment"), rows)


def _headlines(ticker: str, name: str, sessions: Sequence[Session], chance: random.Random) -> Iterator[Headline]:
    for session in sessions:
        if chance.random() >= HEADLINES_A_SESSION:
            continue
        kind, low, high = chance.choice(((GOOD, 0.5, 0.95), (BAD, -0.95, -0.5), (PLAIN, -0.1, 0.1)))
        minutes = chance.randrange(-90, 300)
        published = session.opens_at + timedelta(minutes=minutes, seconds=chance.randrange(60))
        title = chance.choice(kind).format(name=name, ticker=ticker)
        yield Headline(ticker, title, published.astimezone(UTC), round(chance.uniform(low, high), 2))


def _bars(
    ticker: str, price: float, sessions: Sequence[Session], told: Sequence[Headline], chance: random.Random
) -> Iterator[Sequence[object]]:
    for session in sessions:
        price *= 1 + chance.gauss(0, NOISE * 2)  # the night
        for start in bar_starts(session):
            opened = price
            drift = sum(_push(each, start) for each in told)
            price *= 1 + drift + chance.gauss(0, NOISE)
            spread = abs(chance.gauss(0, NOISE)) * price
            high, low = max(opened, price) + spread, min(opened, price) - spread
            figures = (f"{figure:.2f}" for figure in (opened, high, low, price))
            yield (ticker, f"{start:%Y-%m-%dT%H:%M:%SZ}", *figures, chance.randrange(2_000, 60_000))
            price = round(price, 2)


def _push(headline: Headline, start: datetime) -> float:
    bars = (start - headline.published) / timedelta(minutes=5)
    return EFFECT * headline.tone * math.exp2(-bars / EFFECT_HALF_LIFE_BARS) if bars >= 0 else 0.0


def _write(name: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    (FOLDER / name).write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


if __name__ == "__main__":
    main()
