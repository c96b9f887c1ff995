"""False alarms and power of the drift monitor beside fixed PSI, KS and chi-square at 5%, and Evidently's defaults.

Twenty columns (twelve figures, eight categories of 2 to 70 levels), a reference of 10 000 rows drawn anew each time, as
the training job counts it, and the product's own decision for all columns as one family. The peers see fewer samples:
theirs are drawn value by value. Evidently runs in an environment of its own (`make bench-drift` makes it); without it
its row stays empty. Run: python -m bench.drift [--looks N] [--peer-looks N] [--json]
"""

# ruff: noqa: E402 - the thread settings have to be in the environment before NumPy is loaded

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import stats  # type: ignore[import-untyped]
from scipy.signal import lfilter  # type: ignore[import-untyped]

from bellwether.models.domain.bundle_manifest import CategoricalReference, NumericReference, Reference
from bellwether.models.domain.specs import MonitorPolicy
from bellwether.monitoring.domain.drift import Column, Tally, compare, detect_drift, reference_counts, tally

OUTPUT = Path("build/bench")
EVIDENTLY = Path(".venvs/evidently/bin/python")
SIZES = (50, 100, 300, 1_000, 10_000, 100_000)
POWER_SIZES = (100, 200, 300, 1_000)
REFERENCE_ROWS = 10_000
NOMINAL = 0.01
POLICY = MonitorPolicy(family_alpha=NOMINAL)
RHO = 0.6  # of the rows that resemble their neighbours
SHIFT_SIGMAS, SHIFT_POINTS = 0.3, 0.10
Floats = NDArray[np.float64]
Rng = np.random.Generator


# --- the population --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """A numeric column; `distribution` is frozen SciPy's."""

    name: str
    distribution: Any
    shift: float = 0.0

    def draw(self, rng: Rng, rows: int) -> Floats:
        """Values."""
        return np.asarray(self.distribution.rvs(size=rows, random_state=rng), dtype=float) + self.shift

    def reference(self, values: Floats) -> NumericReference:
        """Counts between the deciles, as the training job makes them: equal ones merged."""
        edges = np.unique(np.quantile(values, np.arange(1, 10) / 10))
        return NumericReference(kind="numeric", edges=tuple(edges.tolist()), counts=_counts(edges, values))

    def count(self, rng: Rng, reference: Reference, rows: int) -> Tally:
        """Counts of so many rows; drawn as counts, for a hundred thousand rows take long."""
        edges = reference.edges if isinstance(reference, NumericReference) else ()
        below = self.distribution.cdf(np.asarray(edges) - self.shift)
        return Tally(tuple(rng.multinomial(rows, np.diff([0.0, *below, 1.0])).tolist()))


@dataclass(frozen=True)
class Category:
    """A column of levels."""

    name: str
    shares: tuple[float, ...]

    def draw(self, rng: Rng, rows: int) -> Floats:
        """Levels by number."""
        return np.searchsorted(np.cumsum(self.shares[:-1]), rng.random(rows), side="right").astype(float)

    def reference(self, values: Floats) -> CategoricalReference:
        """Counts of every level; one that did not come is not named."""
        counted = np.bincount(values.astype(int), minlength=len(self.shares))
        levels = {str(level): int(count) for level, count in enumerate(counted) if count}
        return CategoricalReference(kind="categorical", levels=levels)

    def count(self, rng: Rng, reference: Reference, rows: int) -> Tally:
        """Counts of so many rows."""
        levels = reference.levels if isinstance(reference, CategoricalReference) else {}
        drawn = rng.multinomial(rows, self.shares)
        named = [int(level) for level in levels]
        return Tally((*drawn[named].tolist(), int(rows - drawn[named].sum())))


Feature = Figure | Category


def _counts(edges: Floats, values: Floats) -> tuple[int, ...]:
    counted = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return tuple(counted.tolist())


def _zipf(levels: int, power: float = 1.0) -> tuple[float, ...]:
    weights = 1 / np.arange(1, levels + 1) ** power
    return tuple((weights / weights.sum()).tolist())


def population() -> tuple[Feature, ...]:
    """Twelve figures, some of them counts or nearly always nought, and eight categories, even and very uneven ones."""
    figures = (
        stats.norm(),
        stats.lognorm(0.7),
        stats.uniform(),
        stats.gamma(2),
        stats.expon(),
        stats.t(3),
        stats.beta(2, 5),
        stats.pareto(3),
        stats.poisson(3),
        stats.poisson(0.3),
        stats.binom(5, 0.5),
        stats.bernoulli(0.02),
    )
    shares = (
        (0.5, 0.5),
        (0.95, 0.05),
        (0.4, 0.3, 0.2, 0.1),
        _zipf(5),
        (0.1,) * 10,
        _zipf(12, 1.5),
        _zipf(30),
        (1 / 70,) * 70,
    )
    return (
        *(Figure(f"number_{at}", each) for at, each in enumerate(figures)),
        *(Category(f"level_{at}", each) for at, each in enumerate(shares)),
    )


# --- ours ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Alarms:
    """Looks that gave an alarm: ours, the significance alone without the floor, and how often one column was meant."""

    looks: int
    ours: int = 0
    significant: int = 0

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of our rate (Clopper-Pearson)."""
        found = stats.binomtest(self.ours, self.looks).proportion_ci()
        return float(found.low), float(found.high)


def ours(
    features: Sequence[Feature], sizes: Sequence[int], looks: int, rng: Rng, watched: str | None = None
) -> dict[int, Alarms]:
    """So many looks at each size; an alarm is that of any column, or of the one watched. Sizes share references."""
    alarms, significant = dict.fromkeys(sizes, 0), dict.fromkeys(sizes, 0)
    learnt = population()
    for _ in range(looks):
        references = [past.reference(past.draw(rng, REFERENCE_ROWS)) for past in learnt]
        for rows in sizes:
            found = {
                feature.name: compare(reference, feature.count(rng, reference, rows))
                for feature, reference in zip(features, references, strict=True)
            }
            most = NOMINAL / sum(map(len, found.values()))
            looked = [each for name, column in found.items() if watched in (None, name) for each in column]
            sure = [each for each in looked if each.p_value <= most]
            significant[rows] += bool(sure)
            alarms[rows] += any(each.psi > POLICY.psi_floor for each in sure)
    return {rows: Alarms(looks, alarms[rows], significant[rows]) for rows in sizes}


def resembling(rows: int, looks: int, rng: Rng) -> tuple[float, float]:
    """False alarms on twenty figures whose rows follow each other as AR(1): ours, and without counting for fewer."""
    edges = stats.norm.ppf(np.arange(1, 10) / 10)
    alarms = naive = 0
    for _ in range(looks):
        columns, most = [], NOMINAL / 20
        plain = False
        for at in range(20):
            noise = rng.normal(size=rows + 50) * np.sqrt(1 - RHO**2)
            values = lfilter([1], [1, -RHO], noise)[50:]
            counts = _counts(edges, rng.normal(size=REFERENCE_ROWS))
            reference = NumericReference(kind="numeric", edges=tuple(edges.tolist()), counts=counts)
            places = np.searchsorted(edges, values, side="left").tolist()
            columns.append(Column(str(at), reference, places))
            (comparison,) = compare(reference, tally(len(reference_counts(reference).counts), places))
            plain |= comparison.p_value <= most and comparison.psi > POLICY.psi_floor
        alarms += bool(detect_drift(columns, POLICY).drifted)
        naive += plain
    return alarms / looks, naive / looks


# --- peers -----------------------------------------------------------------------------------------------------------

Samples = Mapping[str, Floats]


def draw(features: Sequence[Feature], rows: int, rng: Rng) -> Samples:
    """Values of every column."""
    return {feature.name: feature.draw(rng, rows) for feature in features}


def psi_above(limit: float) -> Callable[[Samples, Samples], bool]:
    """The rule of thumb: PSI on deciles or levels above a fixed limit, in any column."""

    def alarm(then: Samples, now: Samples) -> bool:
        return any(_psi(*_binned(name, then[name], now[name])) > limit for name in then)

    return alarm


def tests_at_5_percent(then: Samples, now: Samples) -> bool:
    """Kolmogorov-Smirnov for figures, chi-square for categories, p < .05 in any column."""
    return any(_p_value(name, then[name], now[name]) < 0.05 for name in then)


def _p_value(name: str, then: Floats, now: Floats) -> float:
    if name.startswith("number"):
        return float(stats.ks_2samp(then, now, method="asymp").pvalue)
    table = np.array(_binned(name, then, now))
    return float(stats.chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False).pvalue)


def _binned(name: str, then: Floats, now: Floats) -> tuple[Floats, Floats]:
    if name.startswith("number"):
        edges = np.unique(np.quantile(then, np.arange(1, 10) / 10))
        return np.array(_counts(edges, then), float), np.array(_counts(edges, now), float)
    levels = int(max(then.max(), now.max())) + 1
    counted = [np.bincount(each.astype(int), minlength=levels).astype(float) for each in (then, now)]
    return counted[0], counted[1]


def _psi(then: Floats, now: Floats) -> float:
    shares = [np.clip(each / each.sum(), 1e-4, None) for each in (then, now)]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


PEERS: Mapping[str, Callable[[Samples, Samples], bool]] = {
    "PSI > .10": psi_above(0.10),
    "PSI > .25": psi_above(0.25),
    "KS, χ² p < .05 each": tests_at_5_percent,
}


def peers(rows: int, looks: int, rng: Rng) -> dict[str, float]:
    """Share of looks with an alarm, for each peer."""
    features = population()
    alarms = dict.fromkeys(PEERS, 0)
    for _ in range(looks):
        then, now = draw(features, REFERENCE_ROWS, rng), draw(features, rows, rng)
        for name, alarm in PEERS.items():
            alarms[name] += alarm(then, now)
    return {name: count / looks for name, count in alarms.items()}


def evidently(sizes: Sequence[int], looks: int, rng: Rng) -> dict[int, float]:
    """Share of looks in which Evidently's preset calls any column drifted; empty without its environment."""
    if not EVIDENTLY.exists():
        return {}
    features = population()
    arrays = {f"reference__{name}": values for name, values in draw(features, REFERENCE_ROWS, rng).items()}
    for rows in sizes:
        for at in range(looks):
            arrays |= {f"{rows}-{at}__{name}": values for name, values in draw(features, rows, rng).items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.npz"
        np.savez(path, allow_pickle=False, **arrays)
        command = [str(EVIDENTLY), "-m", "bench.drift_evidently", str(path)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
    drifted: dict[str, int] = json.loads(answer.stdout.splitlines()[-1])
    return {rows: float(np.mean([drifted[f"{rows}-{at}"] > 0 for at in range(looks)])) for rows in sizes}


# --- the run ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """Rates are shares of looks; intervals are 95%."""

    looks: int
    peer_looks: int
    seconds: float
    ours: dict[int, float]
    ours_interval: dict[int, tuple[float, float]]
    significance_alone: dict[int, float]
    peers: dict[str, dict[int, float]]
    power_shift: dict[int, float]
    power_category: dict[int, float]
    resembling: dict[int, tuple[float, float]]


def run(looks: int, peer_looks: int) -> Outcome:
    """Everything, from one seed."""
    started, rng = time.monotonic(), np.random.default_rng(20260301)
    quiet = ours(population(), SIZES, looks, rng)
    compared = {rows: peers(rows, peer_looks if rows <= 10_000 else max(peer_looks // 4, 1), rng) for rows in SIZES}
    by_peer = {name: {rows: compared[rows][name] for rows in SIZES} for name in PEERS}
    by_peer["Evidently's defaults, any column"] = evidently(SIZES, max(peer_looks // 5, 1), rng)
    fewer = max(looks // 5, 1)
    return Outcome(
        looks=looks,
        peer_looks=peer_looks,
        ours={rows: each.ours / looks for rows, each in quiet.items()},
        ours_interval={rows: each.interval for rows, each in quiet.items()},
        significance_alone={rows: each.significant / looks for rows, each in quiet.items()},
        peers=by_peer,
        power_shift=_power(_shifted(), "number_0", fewer, rng),
        power_category=_power(_reshared(), "level_2", fewer, rng),
        resembling={rows: resembling(rows, max(looks // 10, 1), rng) for rows in (100, 300, 1_000)},
        seconds=time.monotonic() - started,
    )


def _power(features: Sequence[Feature], watched: str, looks: int, rng: Rng) -> dict[int, float]:
    return {rows: each.ours / looks for rows, each in ours(features, POWER_SIZES, looks, rng, watched).items()}


def _shifted() -> tuple[Feature, ...]:
    """One figure has gone up by .3 standard deviations."""
    return tuple(
        replace(each, shift=SHIFT_SIGMAS) if isinstance(each, Figure) and each.name == "number_0" else each
        for each in population()
    )


def _reshared() -> tuple[Feature, ...]:
    """One category of four levels has lost ten points of its first to its last."""
    changed = Category("level_2", (0.4 - SHIFT_POINTS, 0.3, 0.2, 0.1 + SHIFT_POINTS))
    return tuple(changed if each.name == changed.name else each for each in population())


def table(outcome: Outcome) -> Table:
    """The alarms in percent."""
    shown = Table(title="Looks at 20 columns without drift that gave an alarm, in % (nominal 1)")
    for column in ("rule", *(f"n={rows:,}" for rows in SIZES)):
        shown.add_column(column, justify="right" if column != "rule" else "left")
    for name, rates in outcome.peers.items():
        shown.add_row(name, *(f"{rates[rows]:.0%}".rstrip("%") if rows in rates else "–" for rows in SIZES))
    alone, both = outcome.significance_alone, outcome.ours
    shown.add_row("χ² and trend, pooled, p ≤ .01/comparisons", *(f"{alone[rows] * 100:.2f}" for rows in SIZES))
    shown.add_row("… and PSI without its bias > .02: ours", *(f"{both[rows] * 100:.2f}" for rows in SIZES))
    return shown


def notes(outcome: Outcome) -> list[str]:
    """Power and rows that resemble each other, in words."""
    shift = ", ".join(f"n={rows}: {rate:.0%}" for rows, rate in outcome.power_shift.items())
    category = ", ".join(f"n={rows}: {rate:.0%}" for rows, rate in outcome.power_category.items())
    alike = ", ".join(f"n={rows}: {a:.1%} (unaware {b:.0%})" for rows, (a, b) in outcome.resembling.items())
    return [
        f"a shift of {SHIFT_SIGMAS:g} standard deviations in one column is found at {shift}",
        f"{SHIFT_POINTS:.0%} of the rows of one category in another level are found at {category}",
        f"false alarms when rows resemble their neighbours (AR(1), {RHO:g}): {alike}",
        f"{outcome.looks} looks each, {outcome.peer_looks} for peers (Evidently a fifth), {outcome.seconds:.0f} s",
    ]


def main() -> int:
    """Print the tables, or JSON; keep the JSON under build/bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--looks", type=int, default=3000)
    parser.add_argument("--peer-looks", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    outcome = run(arguments.looks, arguments.peer_looks)
    text = json.dumps(asdict(outcome), indent=2)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "drift.json").write_text(text + "\n")
    if arguments.json:
        print(text)
    else:
        console = Console(width=120)
        console.print(table(outcome))
        for line in notes(outcome):
            console.print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
