"""Are predictions as accurate as the backtest promised, and what can be said before anything has come true?

The RMSE of what came true is held against the backtest's, kind by kind (one a horizon). An alarm needs more than a bad
figure: the ratio has to be above the policy's limit with p at most `family_alpha` divided by the number of kinds. With
normal errors n (ratio / limit)^2 is a chi-square of n degrees of freedom where the limit is just reached. Heavier tails
leave fewer: 2n / (kurtosis - 1), for that is what the variance of a squared error comes to. Errors of forecasts h
months ahead overlap for h months and count for n / h; several predictions of one truth count for one.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import NormalDist, fmean
from typing import Any

from bellwether.models.domain.capture import CaptureRecord, Point
from bellwether.models.domain.specs import MonitorPolicy
from bellwether.monitoring.domain.drift import chi_square_sf, number_of
from bellwether.monitoring.domain.evaluated_predictions import EvaluatedPrediction, is_valid_actual

PREDICTION = "prediction"  # the kind of a model that gives one figure
NORMAL_KURTOSIS = 3.0
MEAN_ABSOLUTE_OF_NORMAL = math.sqrt(2 / math.pi)


# --- what an answer holds ---------------------------------------------------------------------------------------------


def horizon_kind(months: Any) -> str:
    """Name of the predictions so many months ahead, as references name them."""
    return f"h{months}"


def figures_of(output: Mapping[str, Any] | None) -> dict[str, float]:
    """Every prediction of an answer by its kind."""
    return {kind: figure for kind, each in _parts(output) if (figure := number_of(each.get(PREDICTION))) is not None}


def kinds_of(record: CaptureRecord) -> Iterator[tuple[str, Point]]:
    """The points of a record by kind: they stand in the order of its answer's predictions."""
    kinds = [kind for kind, _ in _parts(record.output)]
    if len(kinds) == len(record.points):
        yield from zip(kinds, record.points, strict=True)


def _parts(output: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    if not output:
        return []
    several = output.get("predictions")
    if isinstance(several, list):
        return [(horizon_kind(each.get("horizon_months")), each) for each in several if isinstance(each, Mapping)]
    return [(PREDICTION, output)] if PREDICTION in output else []


# --- what was promised ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExpectedErrors:
    """Errors of the backtest (or holdout) that a version was accepted on; `baselines` are theirs on the same data."""

    rmse: float
    baselines: Mapping[str, float] = field(default_factory=dict)
    mape: float | None = None
    bias: float | None = None


def expected_errors(metrics: Mapping[str, Any]) -> dict[str, ExpectedErrors]:
    """Read a bundle's `metrics`: of each horizon by its months, or of one figure, on its holdout where it has one."""
    if isinstance(held_out := metrics.get("holdout"), Mapping):
        metrics = held_out
    if "rmse" in metrics:
        promise = _promise(metrics)
        return {PREDICTION: promise} if promise else {}
    found = {
        horizon_kind(name): _promise(each)
        for name, each in metrics.items()
        if name.isdecimal() and isinstance(each, Mapping)
    }
    return {kind: promise for kind, promise in found.items() if promise}


def _promise(metrics: Mapping[str, Any]) -> ExpectedErrors | None:
    rmse = metrics.get("rmse")
    errors = rmse if isinstance(rmse, Mapping) else {"model": rmse}
    own = number_of(errors.get("model"))
    if own is None or own <= 0 or not is_valid_actual(own):
        return None
    baselines = {name: each for name, value in errors.items() if name != "model" and (each := number_of(value))}
    mape = metrics.get("mape")
    share = number_of(mape.get("model") if isinstance(mape, Mapping) else mape)
    return ExpectedErrors(own, baselines, share, number_of(metrics.get("bias")))


# --- what came true ---------------------------------------------------------------------------------------------------


class AccuracyState(StrEnum):
    """What can be said of the errors."""

    AS_PROMISED = "as_promised"
    INACCURATE = "inaccurate"
    NOT_ENOUGH_DATA = "not_enough_data"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True)
class KindAccuracy:
    """Errors of one kind of prediction. `bias` is predicted less true; shares of the truth are None where it is 0."""

    kind: str
    state: AccuracyState
    truths: int
    rmse: float | None = None
    bias: float | None = None
    mape: float | None = None
    coverage: float | None = None
    rmse_ratio: float | None = None
    p_value: float | None = None
    promise: ExpectedErrors | None = None
    truths_missing: int = 0


@dataclass(frozen=True)
class Accuracy:
    """All kinds of one look; a ratio above the limit had to show p at most `p_value_max` to count."""

    kinds: tuple[KindAccuracy, ...]
    p_value_max: float

    @property
    def state(self) -> AccuracyState:
        """The worst of what is known."""
        states = {each.state for each in self.kinds}
        for state in (AccuracyState.INACCURATE, AccuracyState.AS_PROMISED, AccuracyState.NOT_ENOUGH_DATA):
            if state in states:
                return state
        return AccuracyState.NOT_MEASURED

    @property
    def rmse_ratio(self) -> float | None:
        """The largest of those that had truths enough."""
        judged = (AccuracyState.INACCURATE, AccuracyState.AS_PROMISED)
        ratios = [each.rmse_ratio for each in self.kinds if each.state in judged and each.rmse_ratio is not None]
        return max(ratios, default=None)


def measure(
    joined: Iterable[EvaluatedPrediction], promised: Mapping[str, ExpectedErrors], policy: MonitorPolicy
) -> Accuracy:
    """Hold what came true against what was promised, kind by kind."""
    by_kind: dict[str, list[EvaluatedPrediction]] = defaultdict(list)
    for each in joined:
        kind = next((kind for kind, point in kinds_of(each.record) if point is each.point), None)
        if kind is not None:
            by_kind[kind].append(each)
    kinds = sorted(by_kind.keys() | promised.keys(), key=lambda kind: (len(kind), kind))
    p_value_max = policy.family_alpha / max(len(promised), 1)
    return Accuracy(
        tuple(_of_kind(kind, by_kind[kind], promised.get(kind), policy, p_value_max) for kind in kinds), p_value_max
    )


def _of_kind(
    kind: str,
    points: Sequence[EvaluatedPrediction],
    promise: ExpectedErrors | None,
    policy: MonitorPolicy,
    p_value_max: float,
) -> KindAccuracy:
    squares = _squares(points)
    truths = len(squares)
    if not truths:
        missing = policy.actuals_min
        return KindAccuracy(kind, AccuracyState.NOT_ENOUGH_DATA, 0, promise=promise, truths_missing=missing)
    rmse = math.sqrt(fmean(squares))
    ratio = rmse / promise.rmse if promise else None
    independent = truths / _months(kind)
    p_value = excess_p(ratio / policy.rmse_ratio_max, independent, _kurtosis(points)) if ratio is not None else None
    held = [each.is_covered for each in points if each.is_covered is not None]
    relative = [abs(each.error / each.actual.value) for each in points if each.actual.value]
    if truths < policy.actuals_min:
        state = AccuracyState.NOT_ENOUGH_DATA
    elif ratio is None or p_value is None:
        state = AccuracyState.NOT_MEASURED
    else:
        above = ratio > policy.rmse_ratio_max and p_value <= p_value_max
        state = AccuracyState.INACCURATE if above else AccuracyState.AS_PROMISED
    return KindAccuracy(
        kind=kind,
        state=state,
        truths=truths,
        rmse=rmse,
        bias=fmean(each.error for each in points),
        mape=fmean(relative) if relative else None,
        coverage=fmean(held) if held else None,
        rmse_ratio=ratio,
        p_value=p_value,
        promise=promise,
        truths_missing=max(0, policy.actuals_min - truths),
    )


def _squares(points: Iterable[EvaluatedPrediction]) -> list[float]:
    """Mean squared error of each truth, however often it was predicted."""
    by_truth: dict[str, list[float]] = defaultdict(list)
    for each in points:
        by_truth[each.point.join_key].append(each.error**2)
    return [fmean(squares) for squares in by_truth.values()]


def _kurtosis(points: Sequence[EvaluatedPrediction]) -> float:
    """At least a normal one's: few errors show too little of their tails."""
    squares = [each.error**2 for each in points]
    mean = fmean(squares)
    return max(NORMAL_KURTOSIS, fmean(each**2 for each in squares) / mean**2) if mean else NORMAL_KURTOSIS


def _months(kind: str) -> int:
    months = kind.removeprefix("h")
    return max(1, int(months)) if months.isdecimal() else 1


def excess_p(ratio_to_limit: float, independent: float, kurtosis: float = NORMAL_KURTOSIS) -> float:
    """How probable an RMSE so many times the limit is when the true one just reaches the limit."""
    degrees = max(1, math.floor(2 * independent / (kurtosis - 1)))
    return chi_square_sf(degrees * ratio_to_limit**2, degrees)


def rmse_by_week(joined: Iterable[EvaluatedPrediction]) -> dict[str, tuple[int, float]]:
    """Number of predictions and their RMSE by the ISO week in which they were asked for, oldest first."""
    by_week: dict[str, list[float]] = defaultdict(list)
    for each in joined:
        year, week, _ = each.record.received_at.isocalendar()
        by_week[f"{year}-W{week:02d}"].append(each.error**2)
    return {week: (len(squares), math.sqrt(fmean(squares))) for week, squares in sorted(by_week.items())}


# --- before anything has come true ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimate:
    """What the answers say of their own accuracy; true only as far as they know themselves."""

    answers: int
    mean_absolute_error: float | None = None
    mean_confidence: float | None = None


def estimate(outputs: Iterable[Mapping[str, Any]]) -> Estimate | None:
    """Expected error without a truth; None where answers hold neither an interval nor probabilities.

    From intervals: of normal errors that fill them as they claim, the mean absolute one, over all kinds. From
    probabilities: the mean one of the label chosen, which is the share of right labels if the model is calibrated.
    """
    widths: list[float] = []
    confidences: list[float] = []
    for output in outputs:
        widths += [error for _, part in _parts(output) if (error := _expected_error(part.get("interval"))) is not None]
        scores = output.get("scores")
        if isinstance(scores, Mapping) and (known := [s for s in map(number_of, scores.values()) if s is not None]):
            confidences.append(max(known))
    if widths:
        return Estimate(len(widths), mean_absolute_error=fmean(widths))
    return Estimate(len(confidences), mean_confidence=fmean(confidences)) if confidences else None


def _expected_error(interval: Any) -> float | None:
    if not isinstance(interval, Mapping):
        return None
    level, lower, upper = (number_of(interval.get(name)) for name in ("level", "lower", "upper"))
    if level is None or lower is None or upper is None or not 0 < level < 1:
        return None
    sigma = (upper - lower) / 2 / NormalDist().inv_cdf((1 + level) / 2)
    return sigma * MEAN_ABSOLUTE_OF_NORMAL
