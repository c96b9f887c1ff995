"""Months as whole numbers, year · 12 + (month - 1), so that horizons and lags are plain additions."""

import re
from dataclasses import dataclass

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])(?:-\d{2})?", re.ASCII)


@dataclass(frozen=True)
class Span:
    """Months from `first` to `last`, both included."""

    first: int
    last: int


def parse_month(text: str) -> int:
    """Read `YYYY-MM` or `YYYY-MM-DD`; raises ValueError for anything else."""
    found = _MONTH.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text[:40]}' is not a month; write YYYY-MM")
    return int(found[1]) * 12 + int(found[2]) - 1


def format_month(month: int) -> str:
    """Write a month as `YYYY-MM`."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def format_span(span: Span | None) -> str:
    """Write a span as `YYYY-MM..YYYY-MM`, or `none`."""
    return "none" if span is None else f"{format_month(span.first)}..{format_month(span.last)}"
