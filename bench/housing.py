"""House prices on a chronological split: the job's model frozen and online, beside LightGBM and the place's median.

Frozen, a model sees nothing from the first day of the test on. Online, its trees, encoders and comparables stay frozen,
and before each month of the test the price index alone is estimated anew from the sales closed by then, as in service.
The job's defaults were chosen looking at these tests, and at earlier days of King County; LightGBM's were not.
With the modules of the training job, on one thread. Run: python -m bench.housing [--json] [--sets NAME …] [--sample]
"""

# ruff: noqa: E402 - the thread settings have to be in the environment before NumPy is loaded

import argparse
import csv
import gzip
import io
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import lightgbm
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bellwether.datasets.domain.sales_layouts import AMES, CANBERRA, HDB, KING_COUNTY, SalesLayout
from jobs.training.learning.housing.baseline import median_by_place
from jobs.training.learning.housing.channel import parse_sales
from jobs.training.learning.housing.dataset import Column, Houses, Sales, Schema, parse_day
from jobs.training.learning.housing.fitting import fit_valuer, lay_ground
from jobs.training.learning.housing.parameters import BoosterParameters
from jobs.training.learning.housing.tuning import OTHERS, Lesson, tune
from jobs.training.learning.housing.valuer import Values, value_online

DATA_FOLDER = Path("../shared/data")
SAMPLE_FOLDER = Path(__file__).resolve().parents[1] / "samples" / "housing"
OUTPUT = Path("build/bench")
SEED, LEVEL = 7, 0.8
CHOOSING_SHARE = 0.2  # of the sales before the test: on the newest of them loss and depth are chosen
Array = NDArray[np.float64]
LIGHTGBM: Mapping[str, object] = {
    "objective": "regression",
    "learning_rate": 0.03,
    "num_leaves": 63,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "num_threads": 1,
    "seed": SEED,
    "verbose": -1,
}
LIGHTGBM_ROUNDS = 800


@dataclass(frozen=True)
class Case:
    """One test: sales from `first` on and before `stop` are valued by models that learnt from those before `first`."""

    name: str
    title: str
    layout: SalesLayout
    files: tuple[Path, ...]
    first: str
    stop: str = "9999-12-31"


@dataclass(frozen=True)
class Line:
    """One row of the table: shares, 0.1 = 10%; no coverage for what gives no interval."""

    name: str
    mape: float
    bias: float
    r2: float
    coverage: float | None
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """One test with all that were measured in it."""

    name: str
    title: str
    learnt: int
    valued: int
    loss: str
    depth: int
    lines: tuple[Line, ...]


def cases(folder: Path) -> tuple[Case, ...]:
    """The tests that need data outside of this repository."""
    king, canberra, hdb = (
        (folder / "housing" / f"{name}.csv.gz",)
        for name in ("king_county_sales_2014_2015", "canberra_sales_2007_2019", "hdb_resale_2015_2016")
    )
    return (
        Case("king_county", "King County, from 2015-03", KING_COUNTY, king, "2015-03-01"),
        Case("canberra_2016", "Canberra, 2016 and 2017", CANBERRA, canberra, "2016-01-01", "2018-01-01"),
        Case("canberra_2018", "Canberra, 2018 and 2019", CANBERRA, canberra, "2018-01-01"),
        Case("hdb", "Singapore HDB, last 4 months", HDB, hdb, "2016-09-01"),
    )


def sample() -> Case:
    """The test on the sample that comes with the repository."""
    files = tuple(sorted(SAMPLE_FOLDER.glob("ames-*.csv")))
    return Case("ames", "Ames, from 2009-07 (the repository's sample)", AMES, files, "2009-07-01")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark, print the table, keep the figures under build/bench."""
    options = _options(arguments)
    chosen = [sample()] if options.sample else [each for each in cases(options.data) if each.name in options.sets]
    if missing := [path for each in chosen for path in each.files if not path.is_file()]:
        print(f"bench-housing needs house sales, and there is no {missing[0]}: not run")
        print("--data or BELLWETHER_BENCH_DATA say where they are; --sample takes what is in the repository")
        return 0
    outcomes = []
    console = Console(stderr=True)
    for case in chosen:
        console.print(f"{case.title} …")
        outcomes.append(measure(case, BoosterParameters(rounds=options.rounds)))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    report = {"outcomes": [asdict(each) for each in outcomes]}
    (OUTPUT / "housing.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        _print_tables(outcomes)
    return 0


def measure(case: Case, parameters: BoosterParameters) -> Outcome:
    """Value the test's sales by all that take part."""
    sales = read(case)
    learnt, test = sales.before(parse_day(case.first)), sales.since(parse_day(case.first)).before(parse_day(case.stop))
    lines = list(_peers(learnt, test))
    started = time.perf_counter()
    fitted = fit_valuer(learnt, chosen := choose(learnt, parameters), SEED)
    seconds = time.perf_counter() - started
    for name, values in (("frozen", fitted.value(test.houses)), ("online, monthly", value_online(fitted, test))):
        lines.append(_line(f"this model, {name}", values.price, test, seconds, _coverage(values, fitted.reach, test)))
    return Outcome(case.name, case.title, len(learnt), len(test), chosen.loss, chosen.depth, tuple(lines))


def choose(learnt: Sales, parameters: BoosterParameters) -> BoosterParameters:
    """Let the job's tuning choose among the parameters that it knows, on the newest of the sales that teach."""
    cut = int(learnt.houses.days[round((1.0 - CHOOSING_SHARE) * len(learnt))])
    ground, newest = lay_ground(learnt.before(cut), SEED), learnt.since(cut)
    outcome = np.log(newest.price) - ground.index.at(newest.houses.months)
    lesson = Lesson(ground.table, ground.deflated, ground.view(newest.houses), outcome)
    return tune(lesson, parameters, seed=SEED, trials=1 + len(OTHERS), seconds=600.0, report=lambda _: None).chosen


def read(case: Case) -> Sales:
    """Read a file of sales by its layout, through the job's own reader."""
    schema = Schema(tuple(Column(**column.model_dump()) for column in case.layout.columns))
    names = [column.name for column in schema.columns]
    day = next(column.name for column in schema.columns if column.role == "date")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    for path in case.files:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                writer.writerow([_iso(row[name]) if name == day else row[name] for name in names])
    return parse_sales(text.getvalue(), schema, case.name)


def _iso(text: str) -> str:
    """20150527T000000, 2015-05 and 2015-05-27 as days; a month's day is its first."""
    digits = text[:10].replace("-", "").split("T")[0]
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8] or '01'}"


# --- peers -----------------------------------------------------------------------------------------------------------


def _peers(learnt: Sales, test: Sales) -> Iterator[Line]:
    started = time.perf_counter()
    medians = median_by_place(learnt, test.houses)
    yield _line("median by place", medians, test, time.perf_counter() - started)
    for name, month in (("LightGBM", False), ("LightGBM, month as a column", True)):
        started = time.perf_counter()
        values = _lightgbm(learnt, test, month)
        yield _line(name, values, test, time.perf_counter() - started)


def _lightgbm(learnt: Sales, test: Sales, month: bool) -> Array:
    """LightGBM on logarithms of prices, with the categories as its own kind of columns."""
    categories = learnt.houses.codes.shape[1]
    columns = [_columns(sales.houses, month) for sales in (learnt, test)]
    rows = lightgbm.Dataset(
        columns[0],
        np.log(learnt.price),
        categorical_feature=list(range(categories)),
        params={"verbose": -1},
    )
    booster = lightgbm.train(dict(LIGHTGBM), rows, LIGHTGBM_ROUNDS)
    return np.exp(np.asarray(booster.predict(columns[1]), dtype=np.float64))


def _columns(houses: Houses, month: bool) -> Array:
    blocks = [houses.codes.astype(np.float64), houses.numbers]
    return np.column_stack([*blocks, houses.months.astype(np.float64)] if month else blocks)


# --- figures ---------------------------------------------------------------------------------------------------------


def _line(name: str, valued: Array, test: Sales, seconds: float, coverage: float | None = None) -> Line:
    off = valued / test.price - 1.0
    r2 = 1.0 - float(np.mean((valued - test.price) ** 2)) / float(np.var(test.price))
    return Line(name, float(np.abs(off).mean()), float(off.mean()), r2, coverage, round(seconds, 1))


def _coverage(values: Values, reach: Mapping[float, float], test: Sales) -> float:
    lower, upper = values.bounds(reach[LEVEL])
    return float(np.mean((test.price >= lower) & (test.price <= upper)))


def _print_tables(outcomes: Sequence[Outcome]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 132)
    for outcome in outcomes:
        title = f"{outcome.title}: {outcome.valued} sales valued by what {outcome.learnt} before them taught"
        table = Table(title=title, title_justify="left")
        table.add_column("")
        for name in ("MAPE %", "bias %", "R²", f"in {LEVEL:.0%} interval", "seconds"):
            table.add_column(name, justify="right")
        for line in outcome.lines:
            held = "" if line.coverage is None else f"{line.coverage:.1%}"
            figures = (
                f"{100 * line.mape:.2f}",
                f"{100 * line.bias:+.2f}",
                f"{line.r2:.3f}",
                held,
                f"{line.seconds:.1f}",
            )
            table.add_row(line.name, *figures)
        console.print(table)
        console.print(
            f"trees: {outcome.loss} errors, depth {outcome.depth}, chosen on the newest fifth of what taught\n"
        )
    console.print("Seconds: learning on one thread, out-of-fold and calibration fits included; valuing is not counted.")
    console.print(f"Figures: {OUTPUT / 'housing.json'}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.housing", description="house prices beside their peers")
    folder = Path(os.environ.get("BELLWETHER_BENCH_DATA") or DATA_FOLDER)
    names = [each.name for each in cases(folder)]
    parser.add_argument("--data", type=Path, default=folder, help="folder that holds housing/*.csv.gz")
    parser.add_argument("--sets", nargs="+", choices=names, default=names, help="which tests to run")
    parser.add_argument("--sample", action="store_true", help="run on the repository's sample instead")
    parser.add_argument("--rounds", type=int, default=BoosterParameters.rounds, help="rounds of boosting")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
