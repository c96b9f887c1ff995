"""The configured tickers: a JSON array. A bad item is left out and reported; the bars of the others are fetched."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bellwether.trading.domain.bars import MAX_TICKERS, TICKER_PATTERN

_TICKER = re.compile(TICKER_PATTERN)


@dataclass(frozen=True, slots=True)
class TickerSelection:
    """The usable tickers, each once and in order, and every fault as `item N ('x'): reason`."""

    tickers: tuple[str, ...]
    problems: tuple[str, ...] = ()


def select_tickers(items: Sequence[Any]) -> TickerSelection:
    """Tickers of a list as it was configured."""
    found: dict[str, None] = {}
    problems = []
    for position, item in enumerate(items, start=1):
        place = f"item {position} ({str(item)[:30]!r})"
        if len(found) == MAX_TICKERS:
            problems.append(f"{place}: left out: the list has more than {MAX_TICKERS} tickers")
            break
        if not isinstance(item, str) or not _TICKER.fullmatch(item):
            problems.append(f"{place}: left out: not a ticker such as AAPL or BRK.B")
            continue
        found[item] = None
    return TickerSelection(tuple(found), tuple(problems))
