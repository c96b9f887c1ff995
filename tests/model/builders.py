"""A small made-up economy, as a dataset in the training channel's format. No library but NumPy and Python's own."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.training.learning.channel import MANIFEST_FILE
from jobs.training.learning.macro.channel import DATA_FILE
from jobs.training.learning.macro.dataset import Panel, Series, format_panel
from jobs.training.learning.months import format_month, parse_month

Array = NDArray[np.float64]
FIRST_MONTH = "1990-01"


@dataclass(frozen=True)
class Economy:
    """A panel and the description of its columns."""

    panel: Panel
    series: tuple[Series, ...]

    def with_column(self, described: Series, values: Array) -> "Economy":
        """One more series."""
        panel = self.panel
        names = (*panel.names, described.name)
        return Economy(
            Panel(panel.first_month, names, np.column_stack([panel.values, values])), (*self.series, described)
        )

    def without(self, *names: str) -> "Economy":
        """Fewer series."""
        kept = [column for column, name in enumerate(self.panel.names) if name not in names]
        panel = Panel(
            self.panel.first_month, tuple(self.panel.names[column] for column in kept), self.panel.values[:, kept]
        )
        return Economy(panel, tuple(entry for entry in self.series if entry.name not in names))

    def renamed(self, name: str, described: Series) -> "Economy":
        """The same figures as another series."""
        panel = replace(self.panel, names=tuple(described.name if each == name else each for each in self.panel.names))
        return Economy(panel, tuple(described if entry.name == name else entry for entry in self.series))

    def with_values(self, values: Array) -> "Economy":
        """The same series with other figures."""
        return replace(self, panel=replace(self.panel, values=values))


def economy(months: int = 240, seed: int = 1) -> Economy:
    """Unemployment that follows claims and orders of the months before, so that there is something to learn."""
    random = np.random.default_rng(seed)
    cycle = _autoregressive(random, months + 4, 0.95, 0.25)
    claims = np.exp(5.7 + 0.12 * cycle[4:] + 0.01 * random.standard_normal(months)) * 1000.0
    rate = _reverting(6.0, 0.2 * cycle[2:-2] + 0.06 * random.standard_normal(months))
    labour_force = 120_000.0 * np.exp(0.001 * np.arange(months))
    employed = labour_force * (1.0 - rate / 100.0)
    short_term = labour_force * rate / 100.0 * (0.35 + 0.02 * cycle[4:])
    growth = _cumulated(random, months, 0.002 - 0.001 * cycle[3:-1], 0.002)
    rates = np.clip(5.0 - 0.6 * cycle[4:] + 0.1 * random.standard_normal(months), 0.1, None)
    quarterly = np.where(np.arange(months) % 3 == 2, 8000.0 * growth, np.nan)
    columns: Mapping[str, tuple[Series, Array]] = {
        name: (Series(name, unit, frequency, tcode, lag), values)
        for name, unit, frequency, tcode, lag, values in (
            ("UNRATE", "percent", "monthly", 2, 0, np.round(rate, 1)),
            ("CE16OV", "thousand persons", "monthly", 5, 0, employed),
            ("CLF16OV", "thousand persons", "monthly", 5, 0, labour_force),
            ("UEMPLT5", "thousand persons", "monthly", 5, 0, short_term),
            ("ICSA", "persons", "weekly", 5, 0, claims),
            ("INDPRO", "index", "monthly", 5, 1, 100.0 * growth),
            ("HOUST", "thousand units a year", "monthly", 4, 1, 1400.0 * np.exp(-0.2 * cycle[4:])),
            ("FEDFUNDS", "percent", "monthly", 2, 0, rates),
            ("GS10", "percent", "monthly", 2, 0, rates + 1.0 + 0.3 * cycle[4:]),
            ("CPIAUCSL", "index", "monthly", 6, 1, 130.0 * _cumulated(random, months, np.full(months, 0.002), 0.001)),
            ("GDPC1", "billion chained USD", "quarterly", 5, 1, quarterly),
        )
    }
    series = tuple(described for described, _ in columns.values())
    values = np.column_stack([figures for _, figures in columns.values()])
    return Economy(Panel(parse_month(FIRST_MONTH), tuple(columns), values), series)


RECESSIONS = Series("USREC", "0 or 1", "monthly", 1, 12)


def with_recessions(made: Economy) -> Economy:
    """An economy in which recessions follow half a year after the term spread was low for half a year."""
    spread = made.panel.column("GS10") - made.panel.column("FEDFUNDS")
    smooth = np.convolve(spread, np.ones(6) / 6.0)[: len(spread)]
    low = smooth < np.quantile(smooth[6:], 0.25)
    return made.with_column(RECESSIONS, np.concatenate([np.zeros(6), low[:-6].astype(np.float64)]))


def write_dataset(folder: Path, made: Economy) -> Path:
    """Write an economy as the training channel would hold it: month ends, empty where missing, with its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    header, *lines = format_panel(made.panel).splitlines()
    content = "\n".join([header, *(line.replace(",", "-28,", 1) for line in lines)]) + "\n"
    (folder / DATA_FILE).write_text(content, encoding="utf-8")
    digest = hashlib.sha256(content.encode()).hexdigest()
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest(made, digest)), encoding="utf-8")
    return folder


def manifest(made: Economy, digest: str) -> Mapping[str, Any]:
    """The manifest of an economy's file."""
    panel = made.panel
    return {
        "schema_version": 1,
        "dataset": "fred",
        "sha256": digest,
        "rows": len(panel.values),
        "first_month": format_month(panel.first_month),
        "last_month": format_month(panel.last_month),
        "series": [_entry(panel, entry, digest) for entry in made.series],
    }


def _entry(panel: Panel, entry: Series, digest: str) -> Mapping[str, Any]:
    present: Sequence[int] = np.flatnonzero(~np.isnan(panel.column(entry.name))).tolist()
    return {
        "series": entry.name,
        "title": entry.name,
        "unit": entry.unit,
        "frequency": entry.frequency,
        "aggregation": "mean",
        "tcode": entry.tcode,
        "publication_lag_months": entry.publication_lag_months,
        "stands_for": entry.stands_for,
        "first_month": format_month(panel.first_month + present[0]),
        "last_month": format_month(panel.first_month + present[-1]),
        "rows": len(present),
        "vintage": "20200101T000000Z-000000000000",
        "sha256": digest,
    }


def _autoregressive(random: np.random.Generator, months: int, memory: float, spread: float) -> Array:
    values = np.zeros(months)
    for month in range(1, months):
        values[month] = memory * values[month - 1] + spread * random.standard_normal()
    return values


def _reverting(level: float, shocks: Array) -> Array:
    values = np.full(len(shocks), level)
    for month in range(1, len(shocks)):
        values[month] = max(1.0, values[month - 1] + 0.04 * (level - values[month - 1]) + shocks[month])
    return values


def _cumulated(random: np.random.Generator, months: int, drift: Array, spread: float) -> Array:
    result: Array = np.exp(np.cumsum(drift + spread * random.standard_normal(months)))
    return result
