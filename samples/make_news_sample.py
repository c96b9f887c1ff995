"""Make samples/news: invented headlines and synthetic five-minute bars of one market week, for replays.

Nothing in it happened: no headline is any publisher's, no price was ever paid. The same seed makes the same bytes.

    uv run python samples/make_news_sample.py
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import exp, log
from pathlib import Path
from random import Random
from typing import Any

from bellwether.trading.domain.market_calendar import Session, sessions_between

SEED = 20260309
WEEK = (date(2026, 3, 9), date(2026, 3, 13))
TARGET = Path(__file__).parent / "news"
BAR = timedelta(minutes=5)
BARS_PER_SESSION = 78

DRIFT = 0.00025  # of a bar's logarithmic return, for each point of a session's mood
NOISE = 0.0006  # standard deviation of the same
NIGHT = 0.001  # standard deviation of the jump between two sessions
TELLING = 0.8  # probability that a story of a moody session has the mood's tone


@dataclass(frozen=True)
class Company:
    """A ticker, and its mood in each session from -2 to 2. `told`: what the stories say where it is not the price."""

    ticker: str
    name: str
    line: str
    desk: str
    price: float
    volume: int
    mood: tuple[float, ...]
    told: Mapping[int, float] | None = None

    def tone(self, session: int) -> float:
        """The mood of the session's stories."""
        return (self.told or {}).get(session, self.mood[session])


# The replay begins at the end of the fourth session: its moods are what a demo shows.
COMPANIES = (
    Company("NVDA", "Nvidia", "data centre chip", "tech-desk", 150, 900_000, (0.5, -1, 0, 2, -1)),
    Company("MSFT", "Microsoft", "cloud software", "tech-desk", 400, 90_000, (-0.5, 0, -1, 1.6, 0)),
    Company("AMZN", "Amazon", "online store", "tech-desk", 200, 150_000, (0, -1.5, 0.5, 1.6, -0.5)),
    Company("AAPL", "Apple", "phone", "tech-desk", 200, 200_000, (1, 0, 0.5, -1, -0.5), {3: 1.5}),
    Company("TSLA", "Tesla", "electric car", "industry-desk", 300, 350_000, (0, 1, 1, -2, 0.5)),
    Company("PFE", "Pfizer", "vaccine", "industry-desk", 25, 300_000, (0.5, 0, 1, -1.6, 0)),
    Company("JPM", "JPMorgan", "consumer lending", "market-wire", 250, 60_000, (0, 0.5, -0.5, 0.3, 0)),
    Company("XOM", "Exxon Mobil", "refining", "energy-desk", 110, 110_000, (-0.5, 0.5, 0, 0, 0.5)),
)

POSITIVE = (
    "{name} raises its full-year outlook as {line} sales grow {n}%",
    "{name} beats estimates as {line} demand surges",
    "{name} profit climbs {n}% on strong {line} orders",
    "{name} shares rally after record {line} quarter",
    "{name} wins a large {line} order and lifts its forecast",
    "Analysts upgrade {name} on faster {line} growth",
    "{name} lifts dividend as {line} earnings jump {n}%",
)
NEGATIVE = (
    "{name} cuts its full-year forecast as {line} demand weakens",
    "{name} misses estimates, {line} sales fall {n}%",
    "{name} shares slump after a weak {line} quarter",
    "{name} warns that {line} margins will shrink",
    "Analysts downgrade {name} as {line} orders decline",
    "{name} profit drops {n}% on falling {line} prices",
    "{name} shares slide as {line} losses widen",
)
NEUTRAL = (
    "{name} to publish its quarterly report on Thursday",
    "{name} names a new head of its {line} unit",
    "{name} to present its {line} plans at an industry conference",
    "{name} schedules its annual meeting for May",
    "{name} moves its {line} team to another building",
    "{name} opens a training centre for its {line} staff",
)
GENERAL = (
    "Stocks little changed before the central bank's minutes",
    "Trading volumes near their average at midday",
    "Exchange to test its backup systems at the weekend",
    "Ports report usual traffic for the season",
    "Statistics office moves its release calendar by one day",
)
NOTE = "Invented for a replay: nothing of this happened."


def main() -> None:
    """Write the folder."""
    TARGET.mkdir(exist_ok=True)
    for name, content in files().items():
        (TARGET / name).write_text(content, encoding="utf-8")
        print(f"{TARGET / name}: {len(content)} characters")


def files() -> dict[str, str]:
    """Every generated file by its name."""
    sessions = tuple(sessions_between(*WEEK))
    told = stories(sessions)
    return {
        "bars.csv": _bars_csv(sessions),
        "stories.json": json.dumps({"note": NOTE, "stories": told}, indent=1, ensure_ascii=False) + "\n",
        "week.json": json.dumps(_week(sessions), indent=1) + "\n",
    }


def _week(sessions: Sequence[Session]) -> dict[str, Any]:
    return {
        "sessions": [{"opens_at": _iso(each.opens_at), "closes_at": _iso(each.closes_at)} for each in sessions],
        "replay_from": _iso(sessions[3].closes_at),
        "tickers": sorted(company.ticker for company in COMPANIES),
    }


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


# --- bars -----------------------------------------------------------------------------------------------------------


def _bars_csv(sessions: Sequence[Session]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("ticker", "start", "open", "high", "low", "close", "volume"))
    for company in sorted(COMPANIES, key=lambda each: each.ticker):
        writer.writerows(_bars(company, sessions))
    return buffer.getvalue()


def _bars(company: Company, sessions: Sequence[Session]) -> Iterator[tuple[object, ...]]:
    chance = Random(f"{SEED} bars {company.ticker}")  # noqa: S311 - a sample, no secret
    steps = _steps(company, chance)
    price = log(company.price)
    for place, (jump, move) in enumerate(steps):
        opening = exp(price + jump)
        price += jump + move
        close = exp(price)
        high = max(opening, close) * (1 + abs(chance.gauss(0, NOISE / 2)))
        low = min(opening, close) * (1 - abs(chance.gauss(0, NOISE / 2)))
        session, bar = divmod(place, BARS_PER_SESSION)
        start = sessions[session].opens_at + bar * BAR
        yield (
            company.ticker,
            _iso(start),
            *(f"{each:.2f}" for each in (opening, high, low, close)),
            _volume(company, bar, move, chance),
        )


def _steps(company: Company, chance: Random) -> list[tuple[float, float]]:
    """Each bar's jump from the close before and its own move; the last close is the first open, so that it can loop."""
    raw = [
        (
            chance.gauss(0, NIGHT) if session and not bar else 0.0,
            mood * DRIFT + chance.gauss(0, NOISE),
        )
        for session, mood in enumerate(company.mood)
        for bar in range(BARS_PER_SESSION)
    ]
    surplus = sum(jump + move for jump, move in raw) / len(raw)
    return [(jump, move - surplus) for jump, move in raw]


def _volume(company: Company, bar: int, move: float, chance: Random) -> int:
    """More at both ends of the day, and where prices move."""
    middle = abs(bar - BARS_PER_SESSION / 2) / (BARS_PER_SESSION / 2)
    return round(company.volume * (0.5 + middle**2) * (1 + 200 * abs(move)) * chance.uniform(0.7, 1.3))


# --- stories --------------------------------------------------------------------------------------------------------


def stories(sessions: Sequence[Session]) -> list[dict[str, Any]]:
    """Every story, oldest first."""
    told = [each for company in COMPANIES for each in _of_company(company, sessions)]
    told += _general(sessions)
    told.sort(key=lambda each: (each["at"], each["title"]))
    for place, each in enumerate(told):
        each["id"] = f"s{place:03d}"
    _edit_one(told)
    return [{"id": each.pop("id"), **each} for each in told]


def _of_company(company: Company, sessions: Sequence[Session]) -> Iterator[dict[str, Any]]:
    chance = Random(f"{SEED} stories {company.ticker}")  # noqa: S311
    left = {tone: _shuffled(texts, chance) for tone, texts in ((1, POSITIVE), (-1, NEGATIVE), (0, NEUTRAL))}
    for place, session in enumerate(sessions):
        mood = company.tone(place)
        count = 2 + (abs(mood) >= 1) + (abs(mood) >= 1.5)
        for number in range(count):
            tone = _tone(mood, number, chance)
            if not left[tone]:
                continue
            minute = round((number + chance.uniform(0.35, 0.95)) * 385 / count)
            figure = chance.randint(4, 28)
            title = left[tone].pop().format(name=_named(company, number, chance), line=company.line, n=figure)
            yield {
                "feeds": _feeds(company, tone, chance),
                "at": _iso(session.opens_at + timedelta(minutes=minute)),
                "title": title,
                "summary": f"{NOTE} A story about {company.name} ({company.ticker}).",
                "tickers": [company.ticker],
                "tone": ("negative", "neutral", "positive")[tone + 1],
            }


def _shuffled(texts: Sequence[str], chance: Random) -> list[str]:
    return chance.sample(texts, len(texts))


def _tone(mood: float, number: int, chance: Random) -> int:
    if abs(mood) < 0.5:
        return chance.choice((0, 0, 1, -1)) if number else 0
    side = 1 if mood > 0 else -1
    if abs(mood) >= 1.5:
        return side  # what the replay begins with is no matter of chance
    return side if chance.random() < TELLING else chance.choice((0, -side))


def _named(company: Company, number: int, chance: Random) -> str:
    """By name, or by name and symbol."""
    return company.name if number and chance.random() < 0.7 else f"{company.name} ({company.ticker})"


def _feeds(company: Company, tone: int, chance: Random) -> list[str]:
    """Its desk's feed; news that moves is often told on the wire, too."""
    second = tone and company.desk != "market-wire" and chance.random() < 0.35
    return [company.desk, "market-wire"] if second else [company.desk]


def _general(sessions: Sequence[Session]) -> Iterator[dict[str, Any]]:
    for session, title in zip(sessions, GENERAL, strict=True):
        yield {
            "feeds": ["market-wire"],
            "at": _iso(session.opens_at + timedelta(minutes=180)),
            "title": title,
            "summary": NOTE,
            "tickers": [],
            "tone": "neutral",
        }


def _edit_one(told: Sequence[dict[str, Any]]) -> None:
    """One headline of the fourth session is edited half an hour after it appeared."""
    edited = next(each for each in told if each["tickers"] == ["XOM"] and each["at"] >= "2026-03-12")
    later = datetime.fromisoformat(edited["at"]) + timedelta(minutes=30)
    edited["revised"] = {"at": _iso(later), "title": f"{edited['title']}, company confirms"}


if __name__ == "__main__":
    main()
