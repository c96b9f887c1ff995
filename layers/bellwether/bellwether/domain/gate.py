"""The quality gate: a pure function of the evaluation report. A model beats its baselines or stays out."""

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bellwether.domain.catalogue import ForecastSpec, GatePolicy, SkillLimit
from bellwether.domain.decisions import Decision, Gate, decide
from bellwether.domain.errors import InvalidInputError
from bellwether.domain.models import EvaluationReport, HorizonEvaluation, SliceMetrics

MODEL = "model"
SLICE_BASELINE = "random_walk"
RATIO_TOLERANCE = 0.005  # between a report's ratio and the ratio of its RMSEs, both rounded


def judge(
    report: EvaluationReport,
    policy: GatePolicy,
    *,
    subject: str,
    key: str,
    evidence: dict[str, Any],
    actor: str,
    made_at: datetime,
) -> Decision:
    """Put a candidate's report through every gate of the policy; refused when one of them fails."""
    return decide(
        kind="accept_candidate",
        subject=subject,
        key=key,
        gates=gates(report, policy),
        evidence=evidence,
        actor=actor,
        made_at=made_at,
    )


def gates(report: EvaluationReport, policy: GatePolicy) -> tuple[Gate, ...]:
    """Every check with what was seen and what is allowed, horizon by horizon; what the report lacks has failed."""
    by_horizon = {evaluation.horizon_months: evaluation for evaluation in report.horizons}
    return tuple(gate for horizon in policy.horizons_months for gate in _of_horizon(horizon, by_horizon, policy))


def check_consistent(report: EvaluationReport, spec: ForecastSpec) -> None:
    """Refuse a report that is about something else or contradicts itself.

    Raises InvalidInputError that names the field.
    """
    _same("model", report.model, spec.name)
    _same("target", report.target, spec.target)
    horizons = [evaluation.horizon_months for evaluation in report.horizons]
    if len(set(horizons)) != len(horizons):
        raise InvalidInputError("a horizon is reported twice", field="evaluation.json horizons")
    for evaluation in report.horizons:
        _check_ratios(evaluation)


def _same(field: str, observed: str, wanted: str) -> None:
    if observed != wanted:
        raise InvalidInputError(f"is '{observed}', expected '{wanted}'", field=f"evaluation.json {field}")


def _check_ratios(evaluation: HorizonEvaluation) -> None:
    where = f"evaluation.json horizon {evaluation.horizon_months}"
    if MODEL not in evaluation.rmse:
        raise InvalidInputError("the model's own error is missing", field=f"{where} rmse")
    for baseline, comparison in evaluation.versus.items():
        rmse = evaluation.rmse.get(baseline)
        if not rmse:
            raise InvalidInputError(f"there is no error of {baseline} to compare with", field=f"{where} rmse")
        ratio = evaluation.rmse[MODEL] / rmse
        if not math.isclose(ratio, comparison.rmse_ratio, abs_tol=RATIO_TOLERANCE):
            message = f"says {comparison.rmse_ratio:.4f}, its own errors say {ratio:.4f}"
            raise InvalidInputError(message, field=f"{where} versus {baseline} rmse_ratio")


def _of_horizon(horizon: int, by_horizon: dict[int, HorizonEvaluation], policy: GatePolicy) -> Iterator[Gate]:
    evaluation = by_horizon.get(horizon)
    yield _enough_points(horizon, evaluation, policy)
    if evaluation is None:
        return
    for limit in policy.skill:
        if limit.horizon_months == horizon:
            yield from _skill(evaluation, limit)
    yield _coverage(evaluation, policy)
    for part in evaluation.slices:
        if part.n >= policy.slice_points_min:
            yield _slice(horizon, part, policy)


def _enough_points(horizon: int, evaluation: HorizonEvaluation | None, policy: GatePolicy) -> Gate:
    points, least = evaluation.n if evaluation else 0, policy.backtest_points_min
    reason = f"{_ahead(horizon)}: only {points} backtest points, at least {least} are needed"
    return _gate(f"backtest_points.h{horizon}", points, least, points >= least, reason)


def _skill(evaluation: HorizonEvaluation, limit: SkillLimit) -> Iterator[Gate]:
    place = f"{limit.baseline}.h{limit.horizon_months}"
    ahead, baseline = _ahead(limit.horizon_months), limit.baseline.replace("_", " ")
    comparison = evaluation.versus.get(limit.baseline)
    if comparison is None:
        missing = f"{ahead}: the report has no comparison with {baseline}"
        yield _gate(f"rmse_ratio.{place}", None, limit.rmse_ratio_below, False, missing)
        return
    ratio, below = comparison.rmse_ratio, limit.rmse_ratio_below
    reason = f"{ahead}: error is {ratio:.3f} of {baseline}'s, has to be below {below:.3f}"
    yield _gate(f"rmse_ratio.{place}", ratio, below, ratio < below, reason)
    if limit.p_value_max is not None:
        p_value, most = comparison.p_value, limit.p_value_max
        reason = f"{ahead}: the gain over {baseline} may be luck (p = {p_value:.3f}, at most {most:.3f} is tolerated)"
        yield _gate(f"p_value.{place}", p_value, most, p_value <= most, reason)


def _coverage(evaluation: HorizonEvaluation, policy: GatePolicy) -> Gate:
    """Whether the interval held about as often as it says.

    Too seldom is judged by the policy's tolerance alone. Too often harms nobody but the gain, and is tolerated further
    where few forecasts were scored: to two standard errors of a share among n / h independent ones (forecasts h months
    ahead overlap for h months).
    """
    name, ahead = f"interval_coverage.h{evaluation.horizon_months}", _ahead(evaluation.horizon_months)
    level, tolerance = policy.interval_level, policy.interval_tolerance
    independent = max(1.0, evaluation.n / evaluation.horizon_months)
    least = level - tolerance
    most = min(1.0, level + max(tolerance, 2 * math.sqrt(level * (1 - level) / independent)))
    limit = f"{least:.2f} to {most:.2f}"
    held = next((i.coverage for i in evaluation.intervals if math.isclose(i.level, level)), None)
    if held is None:
        return _gate(name, None, limit, False, f"{ahead}: the report has no {level:.0%} interval")
    reason = f"{ahead}: the {level:.0%} interval held {held:.1%} of what came, tolerated are {least:.1%} to {most:.1%}"
    return _gate(name, held, limit, least - 1e-9 <= held <= most + 1e-9, reason)


def _slice(horizon: int, part: SliceMetrics, policy: GatePolicy) -> Gate:
    label, ahead, most = part.slice[:60], _ahead(horizon), policy.slice_rmse_ratio_max
    own, other = part.rmse.get(MODEL), part.rmse.get(SLICE_BASELINE)
    if own is None or not other:
        return _gate(f"slice.{label}.h{horizon}", None, most, False, f"{ahead}: no errors to compare on '{label}'")
    ratio = own / other
    reason = f"{ahead}: on '{label}' error is {ratio:.2f} of random walk's, at most {most:.2f} is tolerated"
    return _gate(f"slice.{label}.h{horizon}", ratio, most, ratio <= most, reason)


def _gate(name: str, observed: float | None, limit: float | str, passed: bool, reason: str) -> Gate:
    return Gate(name=name, observed=observed, limit=limit, passed=passed, reason="" if passed else reason)


def _ahead(horizon: int) -> str:
    return "1 month ahead" if horizon == 1 else f"{horizon} months ahead"
