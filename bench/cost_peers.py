"""Rules by which public FinOps tools forecast a month's total, written from their description; and statsforecast."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

OPTSCALE, KOKU = "OptScale: average of this and last month x days left", "koku: straight line over 30 days"
STATSFORECAST = Path(".venvs/statsforecast/bin/python")
Rule = Callable[[Sequence[float], int, int, int], float]  # amounts, month's start, days known, month's end -> total


def _optscale(amounts: Sequence[float], start: int, known: int, stop: int) -> float:
    """Month to date, and the average day of this and last month for every day left."""
    last_month = max(0, start - 30)
    booked = sum(amounts[start:known])
    return booked + fmean(amounts[last_month:known]) * (stop - known)


def _koku(amounts: Sequence[float], start: int, known: int, stop: int) -> float:
    """Least-squares line through the last 30 days."""
    tail = amounts[max(0, known - 30) : known]
    middle, mean = (len(tail) - 1) / 2, fmean(tail)
    spread = sum((at - middle) ** 2 for at in range(len(tail)))
    slope = sum((at - middle) * (amount - mean) for at, amount in enumerate(tail)) / spread
    ahead = (max(0.0, mean + slope * (len(tail) - 1 - middle + step)) for step in range(1, stop - known + 1))
    return sum(amounts[start:known]) + sum(ahead)


def _month_to_date(amounts: Sequence[float], start: int, known: int, stop: int) -> float:
    return fmean(amounts[start:known]) * (stop - start)


def _last_week(amounts: Sequence[float], start: int, known: int, stop: int) -> float:
    return sum(amounts[start:known]) + sum(amounts[known - 7 + step % 7] for step in range(stop - known))


RULES: Mapping[str, Rule] = {
    OPTSCALE: _optscale,
    KOKU: _koku,
    "month to date x days": _month_to_date,
    "weekly naive": _last_week,
}


def statsforecast(
    series: Sequence[Sequence[float]], days: int, season: int = 7
) -> tuple[Mapping[str, list[list[float]]], Mapping[str, float]] | None:
    """AutoETS, DynamicOptimizedTheta and CES of each series, and their seconds; None where it is not installed."""
    if not STATSFORECAST.exists():
        print("statsforecast is not installed: run 'make .venvs/statsforecast.stamp'", file=sys.stderr)
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "series.json"
        path.write_text(json.dumps({"series": series, "days": days, "season": season}), encoding="utf-8")
        done = subprocess.run(
            [STATSFORECAST, "bench/cost_statsforecast.py", path], check=True, capture_output=True, text=True
        )
    found = json.loads(done.stdout.splitlines()[-1])
    return found["forecasts"], found["seconds"]
