"""A spend training from the channel to bundle and evaluation: tune → choose → count → calibrate on all → bundle."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from .. import bundle, drift, tracking
from ..bundle import to_json
from ..errors import TooLittleDataError
from ..inference_code import read_code, served_files
from . import backtest, trees
from .backtest import BASELINES, OPTSCALE, WEEKLY_NAIVE, Made, errors
from .channel import Dataset, read_dataset
from .conformal import POOL_FEWEST, Calibration, Origin
from .parameters import JobParameters
from .recipe import Recipe
from .serving import POLICY, SERIES, answer, from_manifest, read_request

EVALUATION_FILE, FORECASTS_FILE, TREES = "evaluation.json", "forecasts.jsonl", "trees.json"
HISTORY_DAYS = 112  # of each series, kept in the bundle
SERVED = served_files(
    *("bundle", "errors", "requests"),
    *(f"cloudspend.{name}" for name in ("conformal", "recipe", "serving")),
)


def run(given: Mapping[str, str], train: Path, model: Path, output_data: Path) -> None:
    """Train on the channel in `train`, write the bundle to `model`, evaluation and forecasts to `output_data`.

    Raises JobError with the reason when parameters or data can't be used.
    """
    started_ms, started = time.time_ns() // 1_000_000, time.monotonic()
    job = JobParameters.parse(given)
    dataset = read_dataset(train)
    say("dataset", sha256=dataset.sha256[:8], series=len(dataset.series), rows=dataset.rows, last=dataset.last_day)
    months = backtest.months_before(dataset.last_day, job.holdout_months + job.choosing_months)
    choosing, holdout = months[: job.choosing_months], months[job.choosing_months :]
    _check_reach(dataset, months[0])

    parameters, trials = _tune(dataset, choosing, job, started)
    chosen_on = backtest.scored(_run(dataset, choosing, parameters, job), job.floor_a_day)
    if not chosen_on:
        raise TooLittleDataError("no account spent more than the floor in the months that choose")
    chosen = backtest.choose(chosen_on)
    name, way = chosen.rsplit(" ", 1)
    say("chosen", candidate=name, reconciliation=way, mape=errors(chosen_on, chosen)["mape"])
    every = _run(dataset, holdout, parameters, job)
    counted = backtest.scored(every, job.floor_a_day)
    if not counted:
        raise TooLittleDataError("no account spent more than the floor in the months that count")
    for each in counted:
        _say_window(each, chosen)
    origins = backtest.account_origins(dataset, name, way, job.floor_a_day)
    back = (dataset.last_day - holdout[0]).days + 1
    held = backtest.coverage(origins, backtest.calibrations(origins, back), back)
    policy = _policy(name, way, job, origins)
    if not policy["sums"] or not policy["days"]:
        raise TooLittleDataError(f"the backtest has fewer than {POOL_FEWEST} errors to pool: no interval can be given")
    report = _report(dataset, job, counted, every, chosen, held, holdout, chosen_on, trials)
    for who, measures in report["errors"].items():
        say("metrics", of=who, **{key: measures[key] for key in ("mse", "rmse", "mape")})

    booster = trees.fit([each.amounts for each in dataset.series], parameters, job.seed)
    digest = _write_bundle(model, dataset, job, policy, report, booster, counted, chosen)
    say("bundle", name=f"{job.model}-{digest[:8]}")
    output_data.mkdir(parents=True, exist_ok=True)
    seconds = round(time.monotonic() - started, 1)
    (output_data / EVALUATION_FILE).write_bytes(
        to_json({**report, "bundle_sha256": digest, "training": {"seconds": seconds, "rounds": parameters.rounds}})
    )
    lines = (json.dumps(_window(each, chosen), sort_keys=True) for each in counted)
    (output_data / FORECASTS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    _track(job, dataset, digest, report, trials, output_data, started_ms)


def say(message: str, **fields: object) -> None:
    """One structured line in the job's log."""
    shown = {name: round(value, 6) if isinstance(value, float) else value for name, value in fields.items()}
    print(json.dumps({"message": message, **shown}, default=str), flush=True)


def _check_reach(dataset: Dataset, first_month: date) -> None:
    needed = first_month - timedelta(days=28)
    if dataset.first_day > needed:
        raise TooLittleDataError(f"the charges begin on {dataset.first_day}, a backtest needs them from {needed} on")


def _tune(
    dataset: Dataset, choosing: Sequence[date], job: JobParameters, started: float
) -> tuple[trees.TreeParameters, list[dict[str, Any]]]:
    """Try settings of the trees on the months that choose, within the time budget."""
    trials: list[dict[str, Any]] = []
    for number, parameters in enumerate(trees.GRID[: job.trials]):
        if trials and time.monotonic() - started > job.time_budget_seconds / 2:
            say("time budget ended tuning", trials=len(trials))
            break
        made = _run(dataset, choosing, parameters, job, candidates=())
        made = [each for each in backtest.scored(made, job.floor_a_day) if "trees bottom_up" in each.totals]
        mape = errors(made, "trees bottom_up")["mape"] if made else float("inf")
        trials.append({"number": number, **asdict(parameters), "mape": mape if made else None})
        say("trial", **trials[-1])
    best = min(trials, key=lambda each: each["mape"] if each["mape"] is not None else float("inf"))
    return trees.GRID[int(best["number"])], trials


def _run(
    dataset: Dataset,
    months: Sequence[date],
    parameters: trees.TreeParameters,
    job: JobParameters,
    candidates: Sequence[str] = tuple(backtest.CANDIDATES),
) -> list[Made]:
    """Backtest months, each with trees that saw nothing of it."""
    boosters = {}
    for month in months:
        before = [backtest.until(each, dataset, month - timedelta(days=1)) for each in dataset.series]
        booster = trees.fit([each for each in before if each], parameters, job.seed)
        if booster is not None:
            boosters[month] = booster
    return backtest.run(dataset, months, job.floor_a_day, boosters, candidates)


def _policy(name: str, way: str, job: JobParameters, origins: Sequence[Sequence[Origin]]) -> dict[str, Any]:
    """What the daily forecast reads: `spend.json`."""

    def table(calibrations: Sequence[Calibration]) -> list[dict[str, Any]]:
        return [
            {
                "days": each.days,
                "skipped": each.skipped,
                "ratio": round(each.ratio, 6),
                "grid": [round(value, 4) for value in each.grid],
            }
            for each in calibrations
        ]

    recipe: Recipe = backtest.recipe_of(name, job.floor_a_day)
    return {
        "schema_version": 1,
        "method": f"{name}, {way}",
        "members": {str(kind): list(members) for kind, members in recipe.members.items()},
        "floor_a_day": recipe.floor_a_day,
        "idle_share_min": recipe.idle_share_min,
        "weekday_strength_min": recipe.weekday_strength_min,
        "calendar": recipe.calendar,
        "reconciliation": way,
        "sums": table(backtest.calibrations(origins)),
        "days": table(backtest.calibrations(origins, single_days=True)),
    }


def _report(
    dataset: Dataset,
    job: JobParameters,
    counted: Sequence[Made],
    every: Sequence[Made],
    chosen: str,
    held: Sequence[Mapping[str, float]],
    holdout: Sequence[date],
    chosen_on: Sequence[Made],
    trials: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    names = {"model": chosen, **{name: name for name in BASELINES}}
    spent, scored = (sum(each.task.actual for each in rows) for rows in (every, counted))
    candidates = sorted({name for each in counted for name in each.totals} - set(BASELINES))
    return {
        "schema_version": 1,
        "model": job.model,
        "target": job.target,
        "unit": dataset.currency,
        "dataset_sha256": dataset.sha256,
        "seed": job.seed,
        "window": {"first_month": f"{holdout[0]:%Y-%m}", "last_month": f"{holdout[-1]:%Y-%m}"},
        "baselines": dict(BASELINES),
        "n": len(counted),
        "scored_share": scored / spent if spent else 0.0,
        "errors": {who: errors(counted, name) for who, name in names.items()},
        "by_day": [
            {"day": day, "n": len(rows), "mape": {who: errors(rows, name)["mape"] for who, name in names.items()}}
            for day in backtest.MADE_ON
            if (rows := [each for each in counted if each.task.made_on.day == day])
        ],
        "slices": [
            {"slice": part, "n": len(rows), "mape": {who: errors(rows, name)["mape"] for who, name in names.items()}}
            for part, rows in backtest.by_size(counted).items()
        ],
        "intervals": list(held),
        "chosen": {"candidate": chosen, "mape_when_choosing": errors(chosen_on, chosen)["mape"]},
        "candidates": {name: errors(counted, name)["mape"] for name in candidates},
        "tuning": {"trials": list(trials)},
    }


def _window(made: Made, chosen: str) -> dict[str, Any]:
    """One forecast of the holdout: its window, what came, and the error."""
    task, forecast = made.task, made.totals[chosen]
    return {
        "account": task.account,
        "made_on": str(task.made_on),
        "window_first": str(task.made_on + timedelta(days=1)),
        "window_last": str(task.last),
        "booked": round(task.booked, 2),
        "forecast": round(forecast, 2),
        "actual": round(task.actual, 2),
        "error": round(forecast - task.actual, 2),
        "naive": round(made.totals[WEEKLY_NAIVE], 2),
        "optscale_rule": round(made.totals[OPTSCALE], 2),
    }


def _say_window(made: Made, chosen: str) -> None:
    say("forecast", **_window(made, chosen))


def _write_bundle(
    folder: Path,
    dataset: Dataset,
    job: JobParameters,
    policy: Mapping[str, Any],
    report: Mapping[str, Any],
    booster: Any,
    counted: Sequence[Made],
    chosen: str,
) -> str:
    """Write the bundle and tell its SHA-256; the golden answer is given by the bundle itself."""
    histories = [
        {"key": list(each.key), "amounts": [round(amount, 4) for amount in each.amounts[-HISTORY_DAYS:]]}
        for each in dataset.series
    ]
    files = {
        POLICY: to_json(policy),
        SERIES: to_json({"last_day": str(dataset.last_day), "series": histories}),
        **({TREES: trees.to_json(booster)} if booster is not None else {}),
        **read_code(SERVED),
    }
    growths = np.array([0.0, 10.0])
    manifest: dict[str, Any] = {
        "schema_version": 1,
        "model": job.model,
        "target": job.target,
        "unit": dataset.currency,
        "inputs": [
            *(
                {"name": name, "kind": "category", "unit": "", "fill": "unknown"}
                for name in ("account", "service", "cost_center")
            ),
            {
                "name": "growth_percent",
                "kind": "number",
                "unit": "%",
                "fill": "unknown",
                "minimum": -100.0,
                "maximum": 1000.0,
            },
            {"name": "days", "kind": "number", "unit": "days", "fill": "unknown", "minimum": 1.0, "maximum": 92.0},
        ],
        "features": ["account", "service", "cost_center", "growth_percent", "days"],
        "training_window": {
            "first_day": str(dataset.first_day),
            "last_day": str(dataset.last_day),
            "series": len(dataset.series),
            "holdout": dict(report["window"]),
        },
        "dataset_sha256": dataset.sha256,
        "seed": job.seed,
        "metrics": {who: dict(measures) for who, measures in report["errors"].items()},
        "drift_reference": drift.reference(
            {"growth_percent": drift.numeric(growths)},
            drift.numeric(np.array([each.totals[chosen] for each in counted])),
            len(growths),
        ),
        "parts": bundle.write_parts(folder, files),
    }
    largest = max(dataset.series, key=lambda each: sum(each.amounts[-28:]))
    request = {"data": {"account": largest.key[0], "service": largest.key[1], "growth_percent": 10}}
    response = answer(from_manifest(manifest, files, None), read_request(request))
    kept = {name: part for name, part in response.items() if name != "model_version"}
    return bundle.write_manifest(folder, {**manifest, "golden": {"request": request, "response": kept}})


def _track(
    job: JobParameters,
    dataset: Dataset,
    digest: str,
    report: Mapping[str, Any],
    trials: Sequence[Mapping[str, Any]],
    output_data: Path,
    started_ms: int,
) -> None:
    """Log to MLflow; a tracking that fails is told and otherwise forgiven."""
    ended_ms = time.time_ns() // 1_000_000
    metrics = {
        f"{name}_{who}": measures[name]
        for who, measures in report["errors"].items()
        for name in ("mse", "rmse", "mape", "bias")
    }
    tags = {"bundle_sha256": digest, "dataset_sha256": dataset.sha256}
    chosen = {name: str(value) for name, value in asdict(job).items()}
    runs = [
        tracking.Run(
            f"trial-{each['number']:03d}",
            {name: str(each[name]) for name in ("depth", "eta", "rounds")},
            {} if each["mape"] is None else {"mape": each["mape"]},
            started_ms,
            ended_ms,
        )
        for each in trials
    ]
    try:
        uri = job.mlflow_tracking_uri or (output_data / "mlruns").as_uri()
        tracking.log_training(
            uri, job.model, tracking.Run("training", chosen, metrics, started_ms, ended_ms, tags), runs
        )
    except Exception as error:  # noqa: BLE001 - whatever a tracking server does must not lose the training
        say("tracking failed, the training stands", error=f"{type(error).__name__}: {error}")
