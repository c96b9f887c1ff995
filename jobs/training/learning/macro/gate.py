"""Which horizons the model itself may serve: the limits of the quality gate, which come as the hyperparameter `gate`.

The gate judges the report again after the job; a horizon that fails there although the job let the model serve it
stops the candidate. Here the limits decide what goes into the bundle.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .methods import MODEL, RANDOM_WALK

Evaluation = Mapping[str, Any]


@dataclass(frozen=True)
class Skill:
    """RMSE below a share of a baseline's at one horizon, with a one-sided p-value of at most `p_value_max`."""

    horizon: int
    baseline: str
    rmse_ratio_below: float
    p_value_max: float | None = None


@dataclass(frozen=True)
class HeadLimits:
    """What the chance of a recession has to show beside the probit."""

    origins_min: int
    brier_ratio_below: float
    bias_sigmas: float


@dataclass(frozen=True)
class Limits:
    """All limits. Without any for a horizon the model has to have a smaller error than each baseline."""

    skill: tuple[Skill, ...] = ()
    interval: tuple[float, float] | None = None
    slices: tuple[float, int] | None = None
    head: HeadLimits | None = None


def parse_limits(text: str) -> Limits:
    """Read `h1 random_walk 1.0 0.05; h6 ar 1.0; interval 0.8 0.1; slice 1.25 12; recession 60 1.0 2.0`.

    Raises ValueError for anything else.
    """
    limits: dict[str, Any] = {"skill": []}
    for part in (each.split() for each in text.split(";")):
        match part:
            case []:
                continue
            case ["interval", level, tolerance]:
                limits["interval"] = (float(level), float(tolerance))
            case ["slice", ratio, points]:
                limits["slices"] = (float(ratio), int(points))
            case ["recession", origins, ratio, sigmas]:
                limits["head"] = HeadLimits(int(origins), float(ratio), float(sigmas))
            case [horizon, baseline, ratio, *p_value] if horizon[:1] == "h" and len(p_value) <= 1:
                skill = Skill(int(horizon[1:]), baseline, float(ratio), float(p_value[0]) if p_value else None)
                limits["skill"].append(skill)
            case _:
                raise ValueError(f"'{' '.join(part)[:60]}' is not a limit")
    return Limits(**{**limits, "skill": tuple(limits["skill"])})


def failures(evaluation: Evaluation, limits: Limits) -> Iterator[str]:
    """Why the model may not serve a horizon; nothing where it may."""
    horizon = evaluation["horizon_months"]
    skill = [each for each in limits.skill if each.horizon == horizon]
    for each in skill or [Skill(horizon, name, 1.0) for name in evaluation["versus"]]:
        yield from _skill_failures(evaluation["versus"].get(each.baseline), each)
    if limits.interval is not None:
        yield from _interval_failures(evaluation, *limits.interval)
    if limits.slices is not None:
        yield from _slice_failures(evaluation, *limits.slices)


def head_failures(evaluation: Evaluation, limits: Limits) -> Iterator[str]:
    """Why the recession head may not serve; nothing where it may."""
    if limits.head is None:
        return
    n, ratio, bias = evaluation["n"], evaluation["versus"]["probit"]["brier_ratio"], evaluation["bias"]
    if n < limits.head.origins_min:
        yield f"only {n} backtest origins, at least {limits.head.origins_min} are needed"
    if ratio >= limits.head.brier_ratio_below:
        yield f"its Brier score is {ratio:.3f} of the probit's, has to be below {limits.head.brier_ratio_below:.3f}"
    base, independent = evaluation["base_rate"], max(1.0, n / evaluation["within_months"])
    most = limits.head.bias_sigmas * math.sqrt(base * (1.0 - base) / independent)
    if abs(bias) > most:
        yield f"its mean probability is {bias:+.3f} from the base rate, the limit is {most:.3f}"


def _skill_failures(comparison: Mapping[str, float] | None, limit: Skill) -> Iterator[str]:
    baseline = limit.baseline.replace("_", " ")
    if comparison is None:
        yield f"there is no comparison with {baseline}"
        return
    if comparison["rmse_ratio"] >= limit.rmse_ratio_below:
        yield f"error is {comparison['rmse_ratio']:.3f} of {baseline}'s"
    if limit.p_value_max is not None and comparison["p_value"] > limit.p_value_max:
        yield f"the improvement over {baseline} is not significant (p = {comparison['p_value']:.3f})"


def _interval_failures(evaluation: Evaluation, level: float, tolerance: float) -> Iterator[str]:
    held = next((each["coverage"] for each in evaluation["intervals"] if math.isclose(each["level"], level)), None)
    independent = max(1.0, evaluation["n"] / evaluation["horizon_months"])
    most = min(1.0, level + max(tolerance, 2 * math.sqrt(level * (1 - level) / independent)))
    if held is None or not level - tolerance - 1e-9 <= held <= most + 1e-9:
        yield f"the {level:.0%} interval covers {'nothing' if held is None else format(held, '.1%')}"


def _slice_failures(evaluation: Evaluation, ratio_max: float, points_min: int) -> Iterator[str]:
    for part in evaluation["slices"]:
        ratio = part["rmse"][MODEL] / max(part["rmse"][RANDOM_WALK], 1e-12)
        if part["n"] >= points_min and ratio > ratio_max:
            yield f"on '{part['slice']}' error is {ratio:.2f} of random walk's"
