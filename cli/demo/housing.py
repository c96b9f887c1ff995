"""The life of a model, once through: two challengers of which one wins, drift, a training by itself, its approval."""

import csv
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any

from rich.table import Table

from bellwether.datasets.domain.sales_layouts import AMES
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.experiment import Decider, Mode
from bellwether.models.domain.specs import ValuationSpec
from bellwether.monitoring.views import MonitoringViews
from cli import challengers, deployments, executions, ingestion, monitor, predictions, registry, sales, training
from cli.problems import CommandError
from cli.target import Target
from cli.terminal import console, done, spinner

MODEL = "housing"
SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "housing"
FORMS = SAMPLES.parent / "forms" / "sales"
FIRST_YEARS, MORE_YEARS, ASKED_YEAR = ("2006", "2007", "2008"), ("2009",), "2010"
HASTY, THOROUGH = {"trials": "1", "rounds": "5"}, {"trials": "2", "rounds": "200"}
ROWS_A_REQUEST = 100
LARGER = 1.6  # what drift makes of every area
WAIT_SECONDS = 900
NUMBERS = frozenset(column.name for column in AMES.columns if column.role in {"number", "latitude", "longitude"})
NOT_ASKED = frozenset({"id", "month", "price"})

Row = Mapping[str, str]


@dataclass(frozen=True)
class Contest:
    """How one version fared beside another: the verdict, the ruling it rests upon."""

    challenger: int
    champion: int
    won: bool
    ruling: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        standing = self.ruling["standing"]
        return {
            "challenger": self.challenger,
            "champion": self.champion,
            "won": self.won,
            "pairs": standing["pairs"],
            "improvement": standing["improvement"],
            "interval": standing["interval"],
            "reason": self.ruling["reason"],
        }


@dataclass(frozen=True)
class Begun:
    """Executions of the two trainings that are under way: a hasty one on the first years, a thorough one on more."""

    hasty: str
    thorough: str


def begin_housing(target: Target) -> Begun:
    """Bring sales in and start two trainings, which run while something else is monitored at."""
    ingest(target, FIRST_YEARS, start_over=True)
    ingest_forms(target)
    hasty = training.start(target, MODEL, HASTY)
    with console.status(f"Preparing the training on sales of {FIRST_YEARS[0]} to {FIRST_YEARS[-1]}"):
        executions.await_state(target, hasty, "Train", timeout_seconds=WAIT_SECONDS)
    ingest(target, MORE_YEARS)
    return Begun(hasty, training.start(target, MODEL, THOROUGH))


def run_housing(target: Target, begun: Begun, out: Path) -> dict[str, Any]:
    """Run the model's whole life on the sample of sales, draw `experiment.png` into `out`; returns the facts.

    The cloud has to be up with the stack deployed. Raises CommandError when a step fails.
    """
    started = time.monotonic()
    houses = rows(ASKED_YEAR)
    first = train(target, begun.hasty)
    deploy(target, first)
    second = train(target, begun.thorough)
    wins = compete(target, second, houses, decider=Decider.PERSON)
    challengers.draw_path(wins.ruling, out / "experiment.png")
    deploy(target, second)
    loses = compete(target, first, houses, decider=Decider.AUTO)
    ingest(target, (ASKED_YEAR,))
    result = drift(target, houses, out)
    third = train_for(target, result)
    deploy(target, third)
    report = {
        "versions": [first, second, third],
        "contests": [wins.as_json(), loses.as_json()],
        "drift": {key: result[key] for key in ("found", "trigger", "message")},
        "seconds": round(time.monotonic() - started, 1),
    }
    console.print(_table(report))
    return report


# --- steps -----------------------------------------------------------------------------------------------------------


def ingest(target: Target, years: Iterable[str], *, start_over: bool = False) -> None:
    """Drop the years' files into the inbox and wait until they are in the dataset."""
    files = [SAMPLES / f"ames-{year}.csv" for year in years]
    with console.status(f"Ingesting sales of {', '.join(years)}"):
        result = sales.ingest_files(target, _spec(), files, start_over=start_over)
    done(f"Sales: {sales.dataset_line(result.dataset)}")


def ingest_forms(target: Target) -> None:
    """Ingest sales that are known in another form. Raises CommandError unless they bring nothing new."""
    with console.status("Ingesting the same sales in another form"):
        result = sales.ingest_files(target, _spec(), ingestion.csv_files([FORMS]), start_over=False)
    if result.new_sales or result.findings:
        reasons = "; ".join(finding["reason"] for finding in result.findings)
        raise CommandError(f"Sales in another form were read otherwise: {result.new_sales} new sales; {reasons}")
    done("Other forms: sales with decimal commas and days first are recognised as known")


def train(target: Target, arn: str) -> int:
    """Wait for a training; returns the version that waits for approval."""
    return _registered(_follow(target, arn, f"Training {MODEL}"))


def deploy(target: Target, number: int) -> None:
    """Approve a version as a person would, and wait until it serves."""
    version = registry.numbered_version(target, MODEL, number)
    with spinner(f"Deploying version {number}") as on_state:
        deployments.approve_and_wait(target, MODEL, version, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    done(f"Approved and deployed: version {number} passed the smoke test and is current")


def compete(target: Target, number: int, houses: list[Row], *, decider: Decider) -> Contest:
    """Shadow the version in service with another, ask about houses, let their prices come true, hear the verdict."""
    champion = registry.current_version(target, MODEL)
    version = registry.numbered_version(target, MODEL, number)
    arn = challengers.start(target, MODEL, version, mode=Mode.SHADOW, share=1.0, decider=decider, days=1.0)
    _follow(target, arn, f"Starting the experiment: challenger {number}, champion {champion}")
    with console.status(f"Requesting predictions for {len(houses)} houses of {ASKED_YEAR}"):
        ask(target, houses)
        bring_truths_in(target, houses)
        ruling = _ruled(target, len(houses))
    won = ruling["standing"]["improvement"] > 0
    done(f"Challenger {number}, champion {champion}: {ruling['step'].replace('_', ' ')}, {ruling['reason']}")
    return Contest(number, champion, won, ruling)


def ask(target: Target, houses: list[Row], change: Callable[[str, float], float] = lambda _name, value: value) -> None:
    """Ask the API about houses, many a request; `change` makes other houses of them."""
    for some in batched(houses, ROWS_A_REQUEST, strict=False):
        predictions.ask(target, MODEL, {"instances": [question(house, change) for house in some]})


def bring_truths_in(target: Target, houses: list[Row]) -> None:
    """Drop the prices that were paid, as a registry of deeds would send them."""
    lines = "".join(f"{house['id']},{house['price']}\n" for house in houses)
    bucket, key = target.output("DataBucketName"), f"actuals/inbox/{MODEL}/closed-{time.time_ns()}.csv"
    target.client("s3").put_object(Bucket=bucket, Key=key, Body=f"join_key,value\n{lines}".encode())
    target.invoke(target.output("CollectActualsFunctionName"), {"model": MODEL})


def drift(target: Target, houses: list[Row], out: Path) -> dict[str, Any]:
    """Request predictions for larger houses and run the monitor; returns its result."""

    def grown(name: str, value: float) -> float:
        return round(value * LARGER) if name.endswith("_sqft") else value

    recorded = MonitoringViews(target.objects).recorded_predictions
    with console.status("Requesting predictions for houses larger than those in training"):
        before = recorded(MODEL)
        ask(target, houses, grown)
        _await(lambda: recorded(MODEL) >= before + len(houses), "Predictions were not recorded")
    arn = executions.start(target, target.output("MonitorModelsStateMachineArn"), {"models": [MODEL]})
    (result,) = _follow(target, arn, "Monitoring")["results"]
    monitored = monitor.fetch(target, result, folder=out)
    if monitored.report is None or not result["found"]:
        raise CommandError(f"Monitoring found no drift, although the inputs were changed: {result['message']}")
    drifted = [each.name for each in monitored.report.drift.columns if each.state.value == "drifted"]
    done(f"Monitor: {len(drifted)} of {len(monitored.report.drift.columns)} columns drifted: {', '.join(drifted)}")
    return dict(result) | {"execution": arn.rsplit(":", 1)[-1]}


def train_for(target: Target, result: Mapping[str, Any]) -> int:
    """Wait for the training that the monitor has requested; returns the version that waits for approval."""
    machine = target.output("TrainModelStateMachineArn").replace(":stateMachine:", ":execution:")
    arn = f"{machine}:{MODEL}-{result['trigger']}-{result['execution']}"[: len(machine) + 81]
    return _registered(_follow(target, arn, f"Retraining {MODEL} (trigger {result['trigger']})"))


# --- what steps stand on ---------------------------------------------------------------------------------------------


def _spec() -> ValuationSpec:
    spec = model_spec(MODEL)
    if not isinstance(spec, ValuationSpec):
        raise CommandError(f"{MODEL} is not a valuation model")
    return spec


def rows(year: str) -> list[Row]:
    with (SAMPLES / f"ames-{year}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def question(house: Row, change: Callable[[str, float], float] = lambda _name, value: value) -> dict[str, Any]:
    data = {
        name: change(name, float(text)) if name in NUMBERS else text
        for name, text in house.items()
        if name not in NOT_ASKED
    }
    return {"data": data, "entity_id": house["id"]}


def _follow(target: Target, arn: str, title: str) -> dict[str, Any]:
    with spinner(title) as on_state:
        return executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=on_state)


def _registered(output: Mapping[str, Any]) -> int:
    version = output.get("version") if output.get("outcome") == training.REGISTERED else None
    if version is None:
        raise CommandError(
            f"The training registered no version of {MODEL}:\n{output.get('message', json.dumps(output))}"
        )
    done(f"Trained; passed the quality gate; registered as version {version} (PendingManualApproval)")
    return int(version)


def _ruled(target: Target, pairs: int) -> dict[str, Any]:
    """The judge's ruling once it has seen all pairs, acted upon."""
    _await(
        lambda: _has_all_pairs(challengers.running(target, MODEL)["standing"], pairs),
        f"Fewer than {pairs} pairs of predictions and actuals are known",
    )
    answer = target.invoke(target.output(challengers.FUNCTION), {"models": [MODEL]})
    ruling = challengers.experiment_of(answer["rulings"])
    if ruling is None:
        raise CommandError(f"There is no verdict about {MODEL}")
    if ruling["execution_arn"] is not None:
        _follow(target, ruling["execution_arn"], "Applying the verdict")
    return ruling


def _has_all_pairs(standing: Mapping[str, Any], pairs: int) -> bool:
    """Whether all pairs are known, but those of requests that a version answered too late or not at all."""
    lost = sum(standing[version]["slow"] + standing[version]["failed"] for version in ("champion", "challenger"))
    return bool(standing["pairs"] >= max(1, pairs - lost * ROWS_A_REQUEST))


def _await(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise CommandError(f"{otherwise} after {WAIT_SECONDS} s (RUNBOOK, Captures refused)")
        time.sleep(0.5)


def _table(report: dict[str, Any]) -> Table:
    table = Table(title=f"Housing model: summary ({report['seconds']:.0f} s)", show_header=False)
    for contest in report["contests"]:
        low, high = contest["interval"]["lower"], contest["interval"]["upper"]
        table.add_row(
            f"challenger {contest['challenger']}, champion {contest['champion']}",
            f"{'better' if contest['won'] else 'not better'}: mean relative error {contest['improvement']:+.1%} "
            f"({low:+.1%} … {high:+.1%} confidence sequence, outliers clipped), {contest['pairs']} houses",
        )
    table.add_row("drift", f"detected; the model was retrained as version {report['versions'][-1]}")
    return table
