"""A training from the channel to bundle and evaluation: select → tune → backtest → fit → bundle → evaluate → track."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .. import tracking
from ..bundle import to_json
from ..months import format_span
from ..progress import inline, say
from .backtest import Problem, Schedule, pose, run_backtest
from .baselines import Autoregression
from .candidate import Trained, write_bundle
from .channel import read_dataset
from .dataset import Dataset
from .estimators import ensemble_weights
from .evaluation import Judged, backtest_csv, judge, pandemic_slice
from .fitting import fit_forecaster
from .forecaster import Forecaster
from .gate import Limits, head_failures
from .known import view
from .parameters import FEWEST_BACKTEST_MONTHS, JobParameters
from .recession.training import LeftOut, TrainedHead, train_head
from .selection import Selection, select_series, windows
from .tuning import Tuning, tune

EVALUATION_FILE = "evaluation.json"
BACKTEST_FILE = "backtest.csv"


def run(given: Mapping[str, str], train: Path, model: Path, output_data: Path) -> None:
    """Train on the channel in `train`, write the bundle to `model`, evaluation and tracking to `output_data`.

    Raises JobError with the reason when parameters or data can't be used.
    """
    started_ms = time.time_ns() // 1_000_000
    job = JobParameters.parse(given)
    dataset = read_dataset(train)
    selection = select_series(dataset, job.target)
    tuning_window, warm_up, test = windows(selection.panel, job.target, job)
    problem = pose(selection.panel, selection.series, job.target, job.horizons, job.excluded_months)
    _log_dataset(dataset, selection, problem)

    settled = problem.until(tuning_window.stop)
    tuning = tune(settled, tuning_window, seed=job.seed, trials=job.trials, seconds=job.time_budget_seconds, report=say)
    say(f"chosen {inline(asdict(tuning.chosen))}")
    schedule = Schedule(job.linear_refit_months, job.tree_refit_months)
    if len(test) < job.backtest_months:
        say(f"the history allows {len(test)} of {job.backtest_months} months, {FEWEST_BACKTEST_MONTHS} at least")
    say(f"backtest of {len(test)} target months after {len(warm_up)} for the intervals' first residuals")
    forecasts = run_backtest(
        problem, range(warm_up.start, test.stop), tuning.chosen, schedule, job.seed, progress=_say_quarters
    )
    floor = _floor(dataset, selection, job.target)
    weights = ensemble_weights(tuning.chosen)
    least = -np.inf if floor is None else floor
    judged = [judge(each, weights, test, least, job.gate) for each in forecasts]
    for each in judged:
        _say_evaluation(each.evaluation)

    trained = _fit(dataset, selection, problem, tuning, job, judged, floor)
    digest = write_bundle(model, trained, {str(each.horizon): _headline(each) for each in judged})
    say(f"bundle {job.model}-{digest[:8]} of {trained.month(trained.origin)}")
    evaluations = [_with_pandemic(each, selection.panel.first_month) for each in judged]
    report = _report(trained, digest, tuning, schedule, test, evaluations)
    output_data.mkdir(parents=True, exist_ok=True)
    (output_data / EVALUATION_FILE).write_bytes(to_json(report))
    (output_data / BACKTEST_FILE).write_text(backtest_csv(judged, selection.panel.first_month), encoding="utf-8")
    _track(
        trained, digest, tuning, evaluations, job.mlflow_tracking_uri or (output_data / "mlruns").as_uri(), started_ms
    )


def _fit(
    dataset: Dataset,
    selection: Selection,
    problem: Problem,
    tuning: Tuning,
    job: JobParameters,
    judged: Sequence[Judged],
    floor: float | None,
) -> Trained:
    """Fit what goes into service: every part anew on all that is known at the newest origin."""
    panel, series = selection.panel, selection.series
    origin = int(np.flatnonzero(~np.isnan(problem.published))[-1])
    forecasters = [fit_forecaster(problem, pairs, origin, tuning.chosen, job.seed) for pairs in problem.pairs]
    offsets = {each.horizon: tuple(path.following for path in each.served.intervals) for each in judged}
    autoregression = Autoregression(problem.table.level)
    recession = _gated(train_head(dataset, view(panel, series, job.target), origin, job.seed), job.gate)
    _say_recession(recession)
    return Trained(
        dataset=dataset,
        selection=selection,
        problem=problem,
        origin=origin,
        forecasters=tuple(forecasters),
        judged=tuple(judged),
        autoregressions={pairs.horizon: autoregression.fit(pairs, origin).tolist() for pairs in problem.pairs},
        offsets=offsets,
        recession=recession,
        parameters=tuning.chosen,
        job=job,
        floor=floor,
    )


def _gated(head: TrainedHead | LeftOut, limits: Limits) -> TrainedHead | LeftOut:
    """A head that fails its gate is left out of the bundle, and its figures stay in the report."""
    if isinstance(head, LeftOut):
        return head
    failed = list(head_failures(head.evaluation, limits))
    return LeftOut("; ".join(failed), head.evaluation) if failed else head


def _with_pandemic(judged: Judged, first_month: int) -> Mapping[str, Any]:
    """One entry of `horizons` in evaluation.json; targets in 2020 stand apart."""
    own, fallback = (pandemic_slice(each, first_month) for each in (judged.model, judged.fallback))
    if not own["n"]:
        return judged.evaluation
    return {**judged.evaluation, "apart": [{**own, "rmse": {**fallback["rmse"], **own["rmse"]}}]}


def _floor(dataset: Dataset, selection: Selection, target: str) -> float | None:
    """Rates and other targets that were never negative don't become so."""
    least = float(np.nanmin(selection.panel.column(target)))
    return 0.0 if least >= 0 and dataset.describe(target).unit else None


def _report(
    trained: Trained,
    digest: str,
    tuning: Tuning,
    schedule: Schedule,
    test: range,
    evaluations: Sequence[Mapping[str, Any]],
) -> Mapping[str, Any]:
    job = trained.job
    return {
        "schema_version": 1,
        "model": job.model,
        "target": job.target,
        "unit": trained.unit,
        "dataset_sha256": trained.dataset.sha256,
        "bundle_sha256": digest,
        "seed": job.seed,
        "backtest": {
            "first_target_month": trained.month(test.start),
            "last_target_month": trained.month(test.stop - 1),
            "months": len(test),
            "months_wanted": job.backtest_months,
            "months_least": FEWEST_BACKTEST_MONTHS,
            "origins": "rolling, expanding window",
            "linear_refit_months": schedule.linear_months,
            "tree_refit_months": schedule.tree_months,
            "excluded_months": format_span(job.excluded_months),
            "figures": "as last revised in the dataset; publication lags respected",
            "baselines": {
                "random_walk": "the last published figure",
                "ar": "direct regression on up to 12 monthly changes, number by BIC, re-estimated at every origin",
            },
        },
        "tuning": {
            "trials": len(tuning.trials),
            "score_of_defaults": tuning.trials[0].score,
            "best_score": tuning.best.score,
            "kept_defaults": tuning.kept_defaults,
            "chosen": asdict(tuning.chosen),
        },
        "stand_ins": {each.stands_for: each.name for each in trained.selection.series if each.stands_for},
        "dropped_series": [asdict(each) for each in trained.selection.dropped],
        "horizons": evaluations,
        "recession": trained.recession.evaluation,
        "feature_importance": _importance(trained.forecasters, trained.problem.table.names),
    }


def _importance(forecasters: Sequence[Forecaster], names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    shares = np.mean([one.importance(len(names)) for one in forecasters], axis=0)
    ordered = sorted(zip(names, shares, strict=True), key=lambda pair: (-pair[1], pair[0]))
    return [{"feature": name, "share": float(share)} for name, share in ordered]


def _headline(judged: Judged) -> Mapping[str, Any]:
    """What the served forecasts of a horizon came to."""
    figures = judged.served_figures
    return {name: figures[name] for name in ("n", "rmse", "mae", "bias", "versus", "intervals")}


def _track(
    trained: Trained,
    digest: str,
    tuning: Tuning,
    evaluations: Sequence[Mapping[str, Any]],
    uri: str,
    started_ms: int,
) -> None:
    """Log the job and its trials to MLflow."""
    metrics = {
        f"{measure}_{name}_h{one['horizon_months']}": one[measure][name]
        for one in evaluations
        for measure in ("rmse", "mae")
        for name in one[measure]
    }
    if isinstance(trained.recession, TrainedHead):
        metrics |= {f"brier_{name}_recession": value for name, value in trained.recession.evaluation["brier"].items()}
    trials = [
        tracking.Run(
            f"trial-{one.number:03d}",
            tracking.text(one.parameters),
            {"rmse_over_random_walk": one.score},
            one.started_ms,
            one.ended_ms,
        )
        for one in tuning.trials
    ]
    parameters = {**asdict(trained.job), **asdict(trained.parameters)}
    tags = {"bundle_sha256": digest, "dataset_sha256": trained.dataset.sha256}
    tracking.track(uri, trained.job.model, parameters, metrics, tags, started_ms, trials)


def _log_dataset(dataset: Dataset, selection: Selection, problem: Problem) -> None:
    panel = selection.panel
    say(f"dataset {dataset.sha256[:8]}: {len(panel.names)} series, {len(panel.values)} months")
    for one in selection.dropped:
        say(f"dropped {one.series}: {one.reason}")
    for each in selection.series:
        if each.stands_for:
            say(f"{each.name} by month stands in for {each.stands_for}")
    say(f"{len(problem.table.names)} features")


def _say_quarters(done: int, total: int) -> None:
    if done * 4 // total > (done - 1) * 4 // total:
        say(f"backtest {done * 4 // total * 25}%")


def _say_evaluation(evaluation: Mapping[str, Any]) -> None:
    rmse, versus, at = evaluation["rmse"], evaluation["versus"], evaluation["horizon_months"]
    coverage = " ".join(f"coverage{each['level']:.0%}={each['coverage']:.3f}" for each in evaluation["intervals"])
    errors = " ".join(f"rmse_{name}={value:.4f}" for name, value in rmse.items())
    tests = " ".join(f"p_{name}={each['p_value']:.4f}" for name, each in versus.items())
    say(f"horizon={at} n={evaluation['n']} {errors} {tests} {coverage} method={evaluation['method']}")
    for reason in evaluation["model_fails"]:
        say(f"horizon={at}: the model does not serve: {reason}")


def _say_recession(recession: TrainedHead | LeftOut) -> None:
    if isinstance(recession, LeftOut):
        say(f"no recession head: {recession.reason}")
        return
    evaluation = recession.evaluation
    scores = " ".join(f"brier_{name}={value:.4f}" for name, value in evaluation["brier"].items())
    say(f"recession n={evaluation['n']} recessions={evaluation['recessions']} {scores}")
