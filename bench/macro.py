"""UNRATE forecasts beside random walk, AR and the best published LASSO: rolling one-month re-estimation.

FRED-MD from 1960, out of sample 1990-01 to 2019-12, horizons of 1, 2 and 3 months, with the modules of the training job
itself; then the second head, the chance of a recession, beside a probit (bench.recession). The data are the last
revision of one vintage, which flatters every model alike; the published figures are of another vintage.
Run: python -m bench.macro [--json] [--data FILE]
"""

# ruff: noqa: E402 - the thread settings have to be in the environment before NumPy is loaded

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # fits run side by side, each on one thread
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table

from bench import recession
from bench.fred_md import described, read_fred_md
from jobs.training.learning.macro.backtest import HorizonForecasts, Problem, Progress, Schedule, pose, run_backtest
from jobs.training.learning.macro.estimators import LINEAR, RIDGE, TREES, ensemble_weights
from jobs.training.learning.macro.parameters import EnsembleParameters
from jobs.training.learning.months import Span, parse_month
from jobs.training.learning.significance import diebold_mariano

DATA_FILE = Path("fred/fredmd_vintage_2024-01.csv.gz")
DATA_FOLDER = Path("../shared/data")
OUTPUT = Path("build/bench")
TARGET, HORIZONS, SEED = "UNRATE", (1, 2, 3), 7
FIRST_MONTH, FIRST_TARGET, LAST_TARGET = "1960-01", "1990-01", "2019-12"
PUBLISHED = {
    "random walk, as published": (0.1536, 0.2296, 0.3059),
    "best AR, as published": (0.1444, 0.1991, 0.2551),
    "best LASSO, as published": (0.1284, 0.1643, 0.2124),
}
LASSO = PUBLISHED["best LASSO, as published"]
# Chosen with the hyperparameters on 1975-89, of FRED-MD's 118 columns.
PACK = (
    *("UNRATE", "CE16OV", "CLF16OV", "UEMPLT5", "UEMP5TO14", "UEMP15OV", "UEMP15T26", "UEMP27OV", "CLAIMSx", "HWI"),
    *("PAYEMS", "USGOOD", "DMANEMP", "AWHMAN", "AWOTMAN", "CES0600000007"),
    *("INDPRO", "CUMFNS", "HOUST", "PERMIT", "FEDFUNDS", "GS1", "GS10"),
)
XGBOOST_ONLY = {LINEAR: 0.5, TREES: 0.5}


@dataclass(frozen=True)
class Line:
    """One row of the table: RMSE in percentage points, ratio to random walk, one-sided Diebold-Mariano p-values."""

    name: str
    rmse: tuple[float, ...]
    ratio: tuple[float, ...]
    p_random_walk: tuple[float, ...] | None = None
    p_ar: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Outcome:
    """One run over the whole test window."""

    lags: bool
    seconds: float
    features: int
    lines: tuple[Line, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark, print the table, keep figures and chart under build/bench."""
    options = _options(arguments)
    if not options.data.is_file():
        print(f"bench-macro needs FRED-MD, and there is no {options.data}: not run (--data or BELLWETHER_BENCH_DATA)")
        return 0
    schedule = Schedule(options.linear_refit, options.tree_refit)
    outcomes = []
    for lags in (True, False):
        with _progress("with publication lags" if lags else "without publication lags") as progress:
            outcome, forecasts, first_month = measure(options.data, lags, schedule, progress)
        outcomes.append(outcome)
        if lags:
            _chart(forecasts, first_month, OUTPUT)
    usrec = options.data.parent / recession.USREC_FILE
    head = recession.measure(options.data) if usrec.is_file() else None
    report = _report(outcomes, schedule, head)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "macro.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        _print_tables(outcomes, head)
    return 0


@contextmanager
def _progress(title: str) -> Iterator[Progress]:
    """Show a bar on standard error, and nothing but the title where that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(f"{title} …")
    with Bar(console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def measure(
    data: Path, lags: bool, schedule: Schedule, progress: Progress
) -> tuple[Outcome, tuple[HorizonForecasts, ...], int]:
    """Forecast every target month and score it; also the forecasts and the month number of row 0."""
    started = time.perf_counter()
    panel = read_fred_md(data, PACK, FIRST_MONTH, LAST_TARGET)
    problem = pose(panel, described(PACK, lags), TARGET, HORIZONS, Span(parse_month("2020-03"), parse_month("2021-06")))
    targets = range(parse_month(FIRST_TARGET) - panel.first_month, parse_month(LAST_TARGET) - panel.first_month + 1)
    forecasts = run_backtest(problem, targets, EnsembleParameters(), schedule, SEED, progress)
    seconds = time.perf_counter() - started
    return _outcome(problem, forecasts, lags, seconds), forecasts, panel.first_month


def _outcome(problem: Problem, forecasts: tuple[HorizonForecasts, ...], lags: bool, seconds: float) -> Outcome:
    weights = ensemble_weights(EnsembleParameters())
    walk = [each.random_walk for each in forecasts]
    ar = [each.ar for each in forecasts]
    lines = [_line("random walk", walk, forecasts), _line("AR on changes (BIC)", ar, forecasts)]
    named: Mapping[str, Mapping[str, float]] = {
        "ridge": {RIDGE: 1.0},
        "XGBoost gblinear": {LINEAR: 1.0},
        "XGBoost gbtree": {TREES: 1.0},
        "XGBoost only: both": XGBOOST_ONLY,
        "ensemble (in service)": weights,
    }
    for name, shares in named.items():
        lines.append(_line(name, [each.mean_of(shares) for each in forecasts], forecasts, tested=True))
    return Outcome(lags, seconds, len(problem.table.names), tuple(lines))


def _line(
    name: str, values: Sequence[NDArray[np.float64]], forecasts: Sequence[HorizonForecasts], tested: bool = False
) -> Line:
    errors = [value - each.actual for value, each in zip(values, forecasts, strict=True)]
    walks = [each.random_walk - each.actual for each in forecasts]
    ars = [each.ar - each.actual for each in forecasts]
    rmse = tuple(_rmse(error) for error in errors)
    ratio = tuple(own / _rmse(walk) for own, walk in zip(rmse, walks, strict=True))
    if not tested:
        return Line(name, rmse, ratio)
    return Line(name, rmse, ratio, tuple(_p_values(errors, walks, forecasts)), tuple(_p_values(errors, ars, forecasts)))


def _p_values(
    own: Sequence[NDArray[np.float64]], other: Sequence[NDArray[np.float64]], forecasts: Sequence[HorizonForecasts]
) -> Iterator[float]:
    for mine, theirs, each in zip(own, other, forecasts, strict=True):
        yield diebold_mariano(mine, theirs, each.horizon).p_value


def _rmse(errors: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def _report(
    outcomes: Sequence[Outcome], schedule: Schedule, head: recession.HeadOutcome | None
) -> Mapping[str, object]:
    return {
        "data": "FRED-MD, vintage 2024-01, as last revised",
        "target_months": [FIRST_TARGET, LAST_TARGET],
        "horizons_months": HORIZONS,
        "linear_refit_months": schedule.linear_months,
        "tree_refit_months": schedule.tree_months,
        "published_rmse": PUBLISHED,
        "runs": [asdict(outcome) for outcome in outcomes],
        "recession": None if head is None else recession.report(head),
    }


def _print_tables(outcomes: Sequence[Outcome], head: recession.HeadOutcome | None) -> None:
    console = Console(width=None if sys.stdout.isatty() else 132)
    for outcome in outcomes:
        lags = "respecting publication lags" if outcome.lags else "as if every figure were out at once"
        title = f"UNRATE, RMSE in points, targets {FIRST_TARGET}..{LAST_TARGET}, {lags}"
        table = Table(title=title, title_justify="left")
        table.add_column("")
        for name in ("h=1", "h=2", "h=3", "over random walk", "p vs random walk", "p vs AR"):
            table.add_column(name, justify="right")
        for name, figures in PUBLISHED.items():
            table.add_row(name, *(f"{figure:.4f}" for figure in figures), "", "", "", style="dim")
        for line in outcome.lines:
            tests = (_probabilities(line.p_random_walk), _probabilities(line.p_ar))
            table.add_row(line.name, *_marked(line), " ".join(f"{ratio:.3f}" for ratio in line.ratio), *tests)
        console.print(table)
        console.print(f"{outcome.features} features, {outcome.seconds:.0f} s; * = below the best published LASSO\n")
    if head is None:
        console.print(f"There is no {recession.USREC_FILE} beside the data: the chance of a recession is not measured.")
    else:
        recession.print_table(console, head)
    console.print(
        "Data as last revised (vintage 2024-01): every row profits from that, the published ones of theirs too."
    )
    console.print(f"Figures: {OUTPUT / 'macro.json'}, chart: {OUTPUT / 'macro.png'}")


def _marked(line: Line) -> Iterator[str]:
    for own, best in zip(line.rmse, LASSO, strict=True):
        yield f"{own:.4f}{'*' if own < best else ' '}"


def _probabilities(figures: tuple[float, ...] | None) -> str:
    return " ".join("<.0001" if figure < 0.0001 else f"{figure:.4f}"[1:].rjust(6) for figure in figures or ())


def _chart(forecasts: Sequence[HorizonForecasts], first_month: int, folder: Path) -> None:
    """Forecast three months before beside what came."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    last = forecasts[-1]
    years = (first_month + last.origins + last.horizon) / 12.0
    figure, axes = plt.subplots(figsize=(11, 4.5), layout="constrained")
    axes.plot(years, last.actual, color="black", linewidth=1.2, label="unemployment rate")
    model = last.mean_of(ensemble_weights(EnsembleParameters()))
    axes.plot(years, model, color="tab:blue", linewidth=1.2, label=f"ensemble, {last.horizon} months before")
    axes.plot(years, last.random_walk, color="tab:orange", linewidth=0.8, alpha=0.8, label="random walk")
    axes.set_ylabel("percent")
    axes.set_title(f"UNRATE {FIRST_TARGET}..{LAST_TARGET}: rolling forecasts, publication lags respected, revised data")
    axes.legend(frameon=False)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "macro.png", dpi=130)
    plt.close(figure)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.macro", description="UNRATE forecasts beside their peers")
    folder = Path(os.environ.get("BELLWETHER_BENCH_DATA") or DATA_FOLDER)
    parser.add_argument("--data", type=Path, default=folder / DATA_FILE, help="FRED-MD vintage, .csv.gz")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--linear-refit", type=int, default=1, help="months between estimations of the linear parts")
    parser.add_argument("--tree-refit", type=int, default=3, help="months between estimations of the trees")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
