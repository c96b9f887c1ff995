"""How often a challenger is called better that is not, when somebody looks after every point; and how soon one that is.

Four ways to decide in the same run, on the same draws: the product's own test; an asymptotic confidence sequence
(Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: "Time-uniform central limit theory and asymptotic confidence sequences",
Annals of Statistics 52(6), 2024); a one-sided t-test looked at after every point from the 30th on; and a t-test looked
at once, at the end. All at 5%. Losses are absolute errors; a challenger better by a share has errors smaller by it.
Run: python -m bench.experiments [--experiments N] [--points N] [--json]
"""

# ruff: noqa: E402 - the thread settings have to be in the environment before NumPy is loaded

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import stats  # type: ignore[import-untyped]

from bellwether.models.domain.specs import ExperimentPolicy
from bellwether.monitoring.domain.sequential_test import Comparison, Finding, Pair, share_above

OUTPUT = Path("build/bench")
POLICY = ExperimentPolicy()
SEED = 7
IMPROVEMENTS = (0.05, 0.10, 0.20)
TUNED_FOR = 200  # points at which the asymptotic sequence is narrowest
NEVER = 0
GUARD_LIMIT, GUARD_ALPHA = 0.02, 0.01
Floats = NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True)
class Scenario:
    """Errors of two versions: their correlation, how heavy their tails, how much they resemble their neighbours."""

    name: str
    likeness: float
    degrees: int | None = None  # of freedom; None is normal
    rho: float = 0.0

    def draw(self, rng: Rng, points: int, improvement: float) -> tuple[Floats, Floats]:
        """Losses of champion and challenger, point by point."""
        shared, *own = (self._errors(rng, points) for _ in range(3))
        champion, challenger = (np.sqrt(self.likeness) * shared + np.sqrt(1 - self.likeness) * each for each in own)
        return np.abs(champion), (1 - improvement) * np.abs(challenger)

    def _errors(self, rng: Rng, points: int) -> Floats:
        noise = rng.standard_normal(points) if self.degrees is None else rng.standard_t(self.degrees, points)
        if not self.rho:
            return noise
        errors = np.empty(points)
        errors[0] = noise[0]
        for n in range(1, points):
            errors[n] = self.rho * errors[n - 1] + np.sqrt(1 - self.rho**2) * noise[n]
        return errors


SCENARIOS = (
    Scenario("shadow, normal errors", 0.8),
    Scenario("shadow, heavy tails (t, 4 degrees)", 0.8, 4),
    Scenario("split, normal errors", 0.0),
    Scenario("split, heavy tails (t, 4 degrees)", 0.0, 4),
)
NEIGHBOURS = Scenario("shadow, neighbours alike (0.6): why overlapping horizons don't count", 0.8, None, 0.6)


# --- ways to decide: after how many points the challenger is called better, 0 for never ------------------------------


def betting(champion: Floats, challenger: Floats) -> int:
    """The product's own."""
    pairs = tuple(Pair(a, b) for a, b in zip(champion.tolist(), challenger.tolist(), strict=True))
    finding, after = Comparison(pairs, POLICY).finding
    return after if finding is Finding.BETTER else NEVER


def asymptotic(champion: Floats, challenger: Floats) -> int:
    """The running mean's lower limit is above zero."""
    alpha = 2 * POLICY.alpha  # one-sided
    rho2 = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / TUNED_FOR
    count, mean, deviation = _running(champion - challenger)
    width = deviation * np.sqrt(2 * (count * rho2 + 1) / (count**2 * rho2) * np.log(np.sqrt(count * rho2 + 1) / alpha))
    return _first(mean > width)


def peeking(champion: Floats, challenger: Floats) -> int:
    """A t-test after every point."""
    count, mean, deviation = _running(champion - challenger)
    limit = stats.t.ppf(1 - POLICY.alpha, count - 1)
    return _first(mean > limit * deviation / np.sqrt(count))


def once(champion: Floats, challenger: Floats) -> int:
    """A t-test at the end."""
    found = stats.ttest_rel(champion, challenger, alternative="greater")
    return len(champion) if found.pvalue < POLICY.alpha else NEVER


WAYS: Mapping[str, Callable[[Floats, Floats], int]] = {
    "Bellwether (betting)": betting,
    "asymptotic confidence sequence": asymptotic,
    "t-test after every point": peeking,
    "t-test once, at the end": once,
}


def _running(differences: Floats) -> tuple[Floats, Floats, Floats]:
    count = np.arange(POLICY.points_min, len(differences) + 1, dtype=float)
    sums, squares = np.cumsum(differences), np.cumsum(differences**2)
    mean = sums[POLICY.points_min - 1 :] / count
    variance = (squares[POLICY.points_min - 1 :] - count * mean**2) / (count - 1)
    return count, mean, np.sqrt(np.maximum(variance, 1e-12))


def _first(found: NDArray[np.bool_]) -> int:
    return int(found.argmax()) + POLICY.points_min if found.any() else NEVER


# --- the run ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One way in one scenario: the share of experiments in which it called the challenger better, and how soon."""

    scenario: str
    way: str
    improvement: float
    experiments: int
    called_better: float
    points_mean: float  # those that never decided count with all their points


def measure(scenario: Scenario, improvement: float, *, experiments: int, points: int, seed: int) -> list[Line]:
    """All ways on the same draws."""
    rng = np.random.default_rng(seed)
    ends: dict[str, list[int]] = {way: [] for way in WAYS}
    for _ in range(experiments):
        champion, challenger = scenario.draw(rng, points, improvement)
        for way, decide in WAYS.items():
            ends[way].append(decide(champion, challenger))
    return [
        Line(
            scenario=scenario.name,
            way=way,
            improvement=improvement,
            experiments=experiments,
            called_better=sum(end != NEVER for end in found) / experiments,
            points_mean=float(np.mean([end if end != NEVER else points for end in found])),
        )
        for way, found in ends.items()
    ]


def guard_alarms(*, sequences: int, requests: int, seed: int) -> dict[str, float]:
    """Shares of sequences in which the guard stops a version: one that keeps its limit, one of five times as many."""
    rng = np.random.default_rng(seed)
    shares = {}
    for name, share in (("keeps its limit", GUARD_LIMIT), ("fails five times as often", 5 * GUARD_LIMIT)):
        alarms = 0
        for _ in range(sequences):
            failures = np.flatnonzero(rng.random(requests) < share) + 1
            alarms += any(
                share_above(count, int(total), GUARD_LIMIT) >= -np.log(GUARD_ALPHA)
                for count, total in enumerate(failures, start=1)
                if total >= POLICY.guard.requests_min
            )
        shares[name] = alarms / sequences
    return shares


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=1000, help="experiments without a difference, each scenario")
    parser.add_argument("--points", type=int, default=1000, help="points of each experiment")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    lines = [
        line
        for place, scenario in enumerate((*SCENARIOS, NEIGHBOURS))
        for line in measure(scenario, 0.0, experiments=options.experiments, points=options.points, seed=SEED + place)
    ]
    lines += [
        line
        for place, scenario in enumerate(SCENARIOS)
        for improvement in IMPROVEMENTS
        for line in measure(
            scenario, improvement, experiments=options.experiments // 4, points=options.points, seed=100 + place
        )
    ]
    guard = guard_alarms(sequences=options.experiments, requests=options.points, seed=SEED)
    figures = {"points": options.points, "lines": [asdict(line) for line in lines], "guard": guard}
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "experiments.json").write_text(json.dumps(figures, indent=1) + "\n")
    if options.json:
        print(json.dumps(figures, indent=1))
        return 0
    _show(lines, guard, options.points)
    print(f"{time.monotonic() - begun:.0f} s")
    return 0


def _show(lines: Sequence[Line], guard: Mapping[str, float], points: int) -> None:
    console = Console(width=140)
    table = Table(title=f"Called better without being better (nominal {POLICY.alpha:.0%}), {points} points")
    table.add_column("scenario")
    for way in WAYS:
        table.add_column(way, justify="right")
    for scenario in dict.fromkeys(line.scenario for line in lines):
        found = {line.way: line for line in lines if line.scenario == scenario and line.improvement == 0}
        table.add_row(scenario, *(f"{found[way].called_better:.1%}" for way in WAYS))
    console.print(table)
    table = Table(title="Called better when it is: share, and points until then on average")
    table.add_column("scenario")
    table.add_column("better by", justify="right")
    for way in WAYS:
        table.add_column(way, justify="right")
    for scenario in dict.fromkeys(line.scenario for line in lines):
        for improvement in IMPROVEMENTS:
            found = {line.way: line for line in lines if (line.scenario, line.improvement) == (scenario, improvement)}
            if found:
                cells = (f"{found[way].called_better:.0%} in {found[way].points_mean:.0f}" for way in WAYS)
                table.add_row(scenario, f"{improvement:.0%}", *cells)
    console.print(table)
    for name, share in guard.items():
        console.print(f"guard on failed requests, limit {GUARD_LIMIT:.0%}, a version that {name}: stopped {share:.1%}")


if __name__ == "__main__":
    sys.exit(main())
