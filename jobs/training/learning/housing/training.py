"""A training from the channel to bundle and evaluation: split → tune → count → fit on all → bundle → track."""

import time
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import tracking
from ..bundle import to_json
from ..progress import inline, say
from . import baseline
from .booster import importance
from .candidate import Trained, write_bundle
from .channel import read_dataset
from .dataset import Dataset, Sales
from .evaluation import Valued, evaluate, holdout_csv, value_later
from .features import feature_names
from .fitting import fit_valuer, lay_ground
from .parameters import CUTOFFS, BoosterParameters, JobParameters
from .splits import Split, split
from .tuning import Lesson, Tuning, loss_curve, tune
from .valuer import Valuer, Values, value_online

EVALUATION_FILE = "evaluation.json"
HOLDOUT_FILE = "holdout.csv"
HEADLINE = ("n", "mape", "rmse", "r2", "bias", "versus", "intervals")


@dataclass(frozen=True)
class Counted:
    """The model on sales that it had not seen: those that chose, those that count, and these with the index online."""

    eval: Mapping[str, Any]
    holdout: Mapping[str, Any]
    online: Mapping[str, Any]
    valued: Valued
    values_online: Values

    @property
    def scores(self) -> Mapping[str, Mapping[str, Any]]:
        """By their names in evaluation.json."""
        return {"holdout": self.holdout, "holdout_online": self.online, "eval": self.eval}


def run(given: Mapping[str, str], train: Path, model: Path, output_data: Path) -> None:
    """Train on the channel in `train`, write the bundle to `model`, evaluation and tracking to `output_data`.

    Raises JobError with the reason when parameters or data can't be used.
    """
    started_ms, started = time.time_ns() // 1_000_000, time.monotonic()
    job = JobParameters.parse(given)
    dataset = read_dataset(train)
    divided = split(dataset.sales, job)
    _log_dataset(dataset, divided)

    tuning = _tune(divided, job)
    say(f"chosen {inline(asdict(tuning.chosen))}")
    say(f"fits on two parts and on all {len(dataset.sales)} sales, side by side")
    with ThreadPoolExecutor() as pool:  # XGBoost lets go of the interpreter while it works
        fit_on_all = pool.submit(fit_valuer, dataset.sales, tuning.chosen, job.seed)
        counted = _count(divided, tuning.chosen, job.seed, pool)
        valuer = fit_on_all.result()
    for name, scores in counted.scores.items():
        _say_scores(name, scores)
    trained = Trained(dataset, divided, valuer, tuning.chosen, job, counted.valued.values.price)
    headlines = {name: {key: scores[key] for key in HEADLINE} for name, scores in counted.scores.items()}
    digest = write_bundle(model, trained, headlines)
    say(f"bundle {job.model}-{digest[:8]}")
    report = _report(trained, digest, tuning, counted, time.monotonic() - started)
    output_data.mkdir(parents=True, exist_ok=True)
    (output_data / EVALUATION_FILE).write_bytes(to_json(report))
    (output_data / HOLDOUT_FILE).write_text(holdout_csv(counted.valued, counted.values_online), encoding="utf-8")
    _track(trained, digest, tuning, counted, job.mlflow_tracking_uri or (output_data / "mlruns").as_uri(), started_ms)


def _tune(divided: Split, job: JobParameters) -> Tuning:
    """Choose on the sales of `eval`, by trees that learnt from those of `train`."""
    ground = lay_ground(divided.train, job.seed)
    houses = divided.eval.houses
    outcome = np.log(divided.eval.price) - ground.index.at(houses.months)
    lesson = Lesson(ground.table, ground.deflated, ground.view(houses), outcome)
    seconds = job.time_budget_seconds
    return tune(
        lesson,
        BoosterParameters().with_rounds(job.rounds),
        seed=job.seed,
        trials=job.trials,
        seconds=seconds,
        report=say,
    )


def _count(divided: Split, parameters: BoosterParameters, seed: int, pool: Executor) -> Counted:
    """Value later sales by models that saw nothing of them: what counts has chosen nothing, either."""

    def later(learnt: Sales, sales: Sales) -> tuple[Valuer, Valued]:
        valuer = fit_valuer(learnt, parameters, seed)
        return valuer, value_later(valuer, valuer.value(sales.houses), learnt, sales)

    choosing = pool.submit(later, divided.train, divided.eval)
    valuer, held_out = pool.submit(later, divided.before_holdout, divided.holdout).result()
    online = value_online(valuer, divided.holdout)
    _, chosen_on = choosing.result()
    kept_up = Valued(held_out.sales, online, held_out.median_by_place, held_out.reach, held_out.known_places)
    return Counted(evaluate(chosen_on), evaluate(held_out), evaluate(kept_up), held_out, online)


def _report(trained: Trained, digest: str, tuning: Tuning, counted: Counted, seconds: float) -> Mapping[str, Any]:
    job, schema = trained.job, trained.dataset.sales.houses.schema
    names = feature_names(schema)
    shares = importance(trained.valuer.trees, len(names))
    ordered = sorted(zip(names, shares, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return {
        "schema_version": 1,
        "model": job.model,
        "target": trained.job.target,
        "unit": schema.price.unit,
        "dataset_sha256": trained.dataset.sha256,
        "bundle_sha256": digest,
        "seed": job.seed,
        "split": trained.split.to_json(),
        "baselines": {baseline.NAME: baseline.DESCRIPTION},
        **counted.scores,
        "tuning": tuning.to_json(),
        "training": {
            "seconds": round(seconds, 1),
            "rounds": trained.parameters.rounds,
            "rows": len(trained.dataset.sales),
            "loss_curve": loss_curve(tuning.chosen_trial),
        },
        "feature_importance": [{"feature": name, "share": float(share)} for name, share in ordered],
    }


def _track(trained: Trained, digest: str, tuning: Tuning, counted: Counted, uri: str, started_ms: int) -> None:
    """Log the job and its trials to MLflow."""
    metrics = {
        f"{name}_{measure}": value
        for name, scores in counted.scores.items()
        for measure, value in {
            **{f"mape_{whose}": each for whose, each in scores["mape"].items()},
            **{f"coverage_{each['level']:g}": each["coverage"] for each in scores["intervals"]},
            "r2": scores["r2"],
            "bias": scores["bias"],
        }.items()
    }
    trials = [
        tracking.Run(
            f"trial-{one.number:03d}",
            tracking.text(one.parameters),
            {"log_mae": one.score, "rounds": one.curve[-1][0]},
            one.started_ms,
            one.ended_ms,
            {"pruned": str(one.is_pruned).lower()},
        )
        for one in tuning.trials
    ]
    parameters = {**asdict(trained.job), **asdict(trained.parameters)}
    tags = {"bundle_sha256": digest, "dataset_sha256": trained.dataset.sha256}
    tracking.track(uri, trained.job.model, parameters, metrics, tags, started_ms, trials)


def _log_dataset(dataset: Dataset, divided: Split) -> None:
    counts = divided.to_json()
    say(f"dataset {dataset.sha256[:8]}: {len(dataset.sales)} sales from {counts['first_day']}")
    spans = " ".join(f"{name}={counts[name]}" for name in ("n_train", "n_eval", "n_holdout"))
    cutoffs = " ".join(f"{name}={counts[name]}" for name in CUTOFFS)
    say(f"{spans} {cutoffs}")


def _say_scores(name: str, scores: Mapping[str, Any]) -> None:
    errors = " ".join(f"mape_{whose}={value:.4f}" for whose, value in scores["mape"].items())
    tests = " ".join(f"p_{whose}={each['p_value']:.4f}" for whose, each in scores["versus"].items())
    coverage = " ".join(f"coverage{each['level']:.0%}={each['coverage']:.3f}" for each in scores["intervals"])
    say(f"{name} n={scores['n']} {errors} bias={scores['bias']:+.4f} r2={scores['r2']:.3f} {tests} {coverage}")
