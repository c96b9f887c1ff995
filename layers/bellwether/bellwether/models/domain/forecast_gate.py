"""The quality gate: a pure function of the evaluation report. A model beats its baselines or stays out.

Each horizon is judged alone. Where the report says that the model serves, the model has to keep all limits. Where it
says that a fallback serves, the fallback has to keep up with the baselines. At one horizon at least the model has to
have a part in what is served.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from bellwether.models.domain.bundle_manifest import BundleManifest
from bellwether.models.domain.evaluation import CandidateReport, IntervalCoverage
from bellwether.models.domain.forecast_evaluation import (
    EvaluationReport,
    FallbackEvaluation,
    ForecastErrors,
    HorizonEvaluation,
    Method,
    RecessionEvaluation,
    SliceMetrics,
)
from bellwether.models.domain.recession_gate import check_recession, recession_gates
from bellwether.models.domain.specs import ForecastSpec, GatePolicy, ModelSpec, SkillLimit
from bellwether.shared.domain.decisions import Gate, scope
from bellwether.shared.domain.errors import InvalidInputError

MODEL = "model"
FALLBACK = "fallback"
SLICE_BASELINE = "random_walk"
RATIO_TOLERANCE = 0.005  # between a report's ratio and the ratio of its errors, both rounded


class IntervalLimit(Protocol):
    """How often an interval has to hold."""

    @property
    def interval_level(self) -> float:
        """How often it says that it holds."""

    @property
    def interval_tolerance(self) -> float:
        """How much oftener or more seldom it may."""


def gates(report: EvaluationReport, policy: GatePolicy) -> tuple[Gate, ...]:
    """Every check with what was seen and what is allowed, horizon by horizon; what the report lacks has failed."""
    by_horizon = {evaluation.horizon_months: evaluation for evaluation in report.horizons}
    forecasts = (gate for horizon in policy.horizons_months for gate in _of_horizon(horizon, by_horizon, policy))
    recession = recession_gates(report.recession, policy.recession) if policy.recession is not None else ()
    return (*forecasts, _share_of_model(by_horizon, policy), *recession)


def check_subject(report: CandidateReport, spec: ModelSpec) -> None:
    """Refuse a report that is about something else; raises InvalidInputError that names the field."""
    for name, observed, wanted in (("model", report.model, spec.name), ("target", report.target, spec.target)):
        if observed != wanted:
            raise InvalidInputError(f"is '{observed}', expected '{wanted}'", field=f"evaluation.json {name}")


def check_consistent(report: EvaluationReport, spec: ForecastSpec) -> None:
    """Refuse a report that is about something else or contradicts itself.

    Raises InvalidInputError that names the field.
    """
    check_subject(report, spec)
    horizons = [evaluation.horizon_months for evaluation in report.horizons]
    if len(set(horizons)) != len(horizons):
        raise InvalidInputError("a horizon is reported twice", field="evaluation.json horizons")
    for evaluation in report.horizons:
        _check_ratios(evaluation)
    check_recession(report.recession)


def check_bundle(report: EvaluationReport, bundle: BundleManifest) -> None:
    """Refuse a bundle that forecasts what was not evaluated; raises InvalidInputError that names the field."""
    if not bundle.horizons_months:
        raise InvalidInputError("is empty", field="bundle.json horizons_months")
    reported = {evaluation.horizon_months for evaluation in report.horizons}
    if missing := sorted(set(bundle.horizons_months) - reported):
        raise InvalidInputError(f"horizons {missing} are in the bundle and not evaluated", field="evaluation.json")
    methods = {each.horizon_months: each.method.value for each in report.horizons}
    for horizon in bundle.horizons_months:
        if (inside := bundle.methods.get(horizon, Method.MODEL)) != methods[horizon]:
            message = f"is '{inside}' in the bundle and '{methods[horizon]}' in the report"
            raise InvalidInputError(message, field=f"evaluation.json horizon {horizon} method")
    with_head = bundle.recession is not None and "left_out" not in bundle.recession
    if with_head != isinstance(report.recession, RecessionEvaluation):
        raise InvalidInputError("report and bundle differ about the recession head", field="evaluation.json recession")


def _check_ratios(evaluation: HorizonEvaluation) -> None:
    where = f"evaluation.json horizon {evaluation.horizon_months}"
    _check_errors(evaluation, MODEL, where)
    if evaluation.fallback is not None:
        _check_errors(evaluation.fallback, FALLBACK, f"{where} fallback")
        if evaluation.method not in (Method.MODEL, evaluation.fallback.method):
            message = f"is '{evaluation.method}', the fallback's is '{evaluation.fallback.method}'"
            raise InvalidInputError(message, field=f"{where} method")


def _check_errors(evaluation: ForecastErrors, own: str, where: str) -> None:
    if own not in evaluation.rmse:
        raise InvalidInputError(f"the {own}'s own error is missing", field=f"{where} rmse")
    for baseline, comparison in evaluation.versus.items():
        rmse = evaluation.rmse.get(baseline)
        if not rmse:
            raise InvalidInputError(f"there is no error of {baseline} to compare with", field=f"{where} rmse")
        ratio = evaluation.rmse[own] / rmse
        if not math.isclose(ratio, comparison.rmse_ratio, abs_tol=RATIO_TOLERANCE):
            message = f"says {comparison.rmse_ratio:.4f}, its own errors say {ratio:.4f}"
            raise InvalidInputError(message, field=f"{where} versus {baseline} rmse_ratio")


def _of_horizon(horizon: int, by_horizon: dict[int, HorizonEvaluation], policy: GatePolicy) -> Iterator[Gate]:
    evaluation = by_horizon.get(horizon)
    yield _enough_points(horizon, evaluation, policy)
    if evaluation is None:
        return
    if evaluation.method is not Method.MODEL:
        yield from _of_fallback(evaluation, policy)
        return
    for limit in policy.skill:
        if limit.horizon_months == horizon:
            yield from _skill(evaluation, limit)
    yield _coverage(evaluation, horizon, policy)
    for part in evaluation.slices:
        if part.n >= policy.slice_points_min:
            yield _slice(horizon, part, policy)


def _of_fallback(evaluation: HorizonEvaluation, policy: GatePolicy) -> Iterator[Gate]:
    """A horizon that the model does not serve: said with the reasons, and no worse than the baselines."""
    horizon, fallback = evaluation.horizon_months, evaluation.fallback
    ahead, title = _ahead(horizon), evaluation.method.title_text
    if fallback is None:
        reason = f"{ahead}: the report has no figures of the fallback"
        yield Gate(name=f"method.h{horizon}", observed=evaluation.method, limit=MODEL, passed=False, reason=reason)
        return
    fails = "; ".join(evaluation.model_fails) or "no reason is given"
    reason = f"{ahead}: {title} serves, not the model: {fails}"
    yield Gate(name=f"method.h{horizon}", observed=evaluation.method, limit=None, passed=True, reason=reason)
    yield from _keeps_up(fallback, horizon, policy)
    yield _coverage(fallback, horizon, policy)


def _keeps_up(fallback: FallbackEvaluation, horizon: int, policy: GatePolicy) -> Iterator[Gate]:
    most, ahead = policy.fallback_rmse_ratio_max, _ahead(horizon)
    for baseline in sorted({limit.baseline for limit in policy.skill if limit.horizon_months == horizon}):
        name, title = f"fallback_rmse_ratio.{baseline}.h{horizon}", baseline.replace("_", " ")
        comparison = fallback.versus.get(baseline)
        if comparison is None:
            yield gate_of(name, None, most, False, f"{ahead}: the fallback has no comparison with {title}")
            continue
        ratio = comparison.rmse_ratio
        reason = f"{ahead}: the fallback's error is {ratio:.3f} of {title}'s, at most {most:.3f} is tolerated"
        yield gate_of(name, ratio, most, ratio <= most, reason)


def _share_of_model(by_horizon: Mapping[int, HorizonEvaluation], policy: GatePolicy) -> Gate:
    """A candidate that serves baselines at every horizon is no model."""
    served = [by_horizon[each].method for each in policy.horizons_months if each in by_horizon]
    count = sum(method in (Method.MODEL, Method.MEAN) for method in served)
    reason = "the model has a part in the forecasts of no horizon: the baselines do as well"
    return gate_of("model_horizons", count, 1, count >= 1, reason)


def _enough_points(horizon: int, evaluation: HorizonEvaluation | None, policy: GatePolicy) -> Gate:
    points, least = evaluation.n if evaluation else 0, policy.backtest_points_min
    reason = f"{_ahead(horizon)}: only {points} backtest points, at least {least} are needed"
    return gate_of(f"backtest_points.h{horizon}", points, least, points >= least, reason)


def _skill(evaluation: HorizonEvaluation, limit: SkillLimit) -> Iterator[Gate]:
    place = f"{limit.baseline}.h{limit.horizon_months}"
    ahead, baseline = _ahead(limit.horizon_months), limit.baseline.replace("_", " ")
    comparison = evaluation.versus.get(limit.baseline)
    if comparison is None:
        missing = f"{ahead}: the report has no comparison with {baseline}"
        yield gate_of(f"rmse_ratio.{place}", None, limit.rmse_ratio_below, False, missing)
        return
    ratio, below = comparison.rmse_ratio, limit.rmse_ratio_below
    reason = f"{ahead}: error is {ratio:.3f} of {baseline}'s, has to be below {below:.3f}"
    yield gate_of(f"rmse_ratio.{place}", ratio, below, ratio < below, reason)
    if limit.p_value_max is not None:
        p_value, most = comparison.p_value, limit.p_value_max
        reason = f"{ahead}: the improvement over {baseline} is not significant (p = {p_value:.3f}, limit {most:.3f})"
        yield gate_of(f"p_value.{place}", p_value, most, p_value <= most, reason)


def _coverage(evaluation: ForecastErrors, horizon: int, policy: GatePolicy) -> Gate:
    """Whether the interval held about as often as it says.

    Too seldom is judged by the policy's tolerance alone. Too often harms nobody but the gain, and is tolerated further
    where few forecasts were scored: to two standard errors of a share among n / h independent ones (forecasts h months
    ahead overlap for h months).
    """
    independent = max(1.0, evaluation.n / horizon)
    name, ahead = f"interval_coverage.h{horizon}", f"{_ahead(horizon)}: "
    return coverage_gate(name, ahead, evaluation.intervals, policy, independent)


def coverage_gate(
    name: str, where: str, intervals: Iterable[IntervalCoverage], policy: IntervalLimit, independent: float
) -> Gate:
    """Whether the interval of the policy's level held about as often as it says, in so many independent cases."""
    level, tolerance = policy.interval_level, policy.interval_tolerance
    least = level - tolerance
    most = min(1.0, level + max(tolerance, 2 * math.sqrt(level * (1 - level) / independent)))
    limit = f"{least:.2f} to {most:.2f}"
    held = next((i.coverage for i in intervals if math.isclose(i.level, level)), None)
    if held is None:
        return gate_of(name, None, limit, False, f"{where}the report has no {level:.0%} interval")
    reason = (
        f"{where}the {level:.0%} interval covers {held:.1%} of the actual values, allowed are {least:.1%} to {most:.1%}"
    )
    return gate_of(name, held, limit, least - 1e-9 <= held <= most + 1e-9, reason)


def _slice(horizon: int, part: SliceMetrics, policy: GatePolicy) -> Gate:
    label, ahead, most = part.slice[:60], _ahead(horizon), policy.slice_rmse_ratio_max
    name = f"slice.{scope(label)}.h{horizon}"
    own, other = part.rmse.get(MODEL), part.rmse.get(SLICE_BASELINE)
    if own is None or not other:
        return gate_of(name, None, most, False, f"{ahead}: no errors to compare on '{label}'")
    ratio = own / other
    reason = f"{ahead}: on '{label}' error is {ratio:.2f} of random walk's, at most {most:.2f} is tolerated"
    return gate_of(name, ratio, most, ratio <= most, reason)


def gate_of(name: str, observed: float | None, limit: float | str, passed: bool, reason: str) -> Gate:
    """A check with its reason where it failed."""
    return Gate(name=name, observed=observed, limit=limit, passed=passed, reason="" if passed else reason)


def _ahead(horizon: int) -> str:
    return "1 month ahead" if horizon == 1 else f"{horizon} months ahead"
