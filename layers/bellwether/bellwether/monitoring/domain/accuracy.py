"""Compare the errors of predictions with those of the backtest, and estimate accuracy before actuals are known.

The RMSE on actuals is compared with the backtest's RMSE for each kind of prediction (one kind per horizon). A kind is
inaccurate when the ratio exceeds the policy's limit with a p-value of at most `family_alpha` / number of kinds. For
normal errors and a true ratio equal to the limit, n (ratio / limit)^2 has a chi-square distribution with n degrees of
freedom. For heavier tails the degrees are 2n / (kurtosis - 1), from the variance of a squared error. Forecasts h months
ahead have errors that overlap for h months, so they count as n / h; several predictions of one actual count as one.
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

PREDICTION = "prediction"  # the kind of a model that predicts one figure
NORMAL_KURTOSIS = 3.0
MEAN_ABSOLUTE_OF_NORMAL = math.sqrt(2 / math.pi)


# --- figures of a response -------------------------------------------------------------------------------------------


def horizon_kind(months: Any) -> str:
    """Kind of the predictions `months` ahead, as the drift reference names it."""
    return f"h{months}"


def figures_of(output: Mapping[str, Any] | None) -> dict[str, float]:
    """Every prediction of a response, by kind."""
    return {kind: figure for kind, each in _parts(output) if (figure := number_of(each.get(PREDICTION))) is not None}


def kinds_of(record: CaptureRecord) -> Iterator[tuple[str, Point]]:
    """The points of a record with their kind; both are in the order of the response's predictions."""
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


# --- expected errors -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExpectedErrors:
    """Errors of a version in its backtest or holdout; `baselines` are the baselines' RMSE on the same data."""

    rmse: float
    baselines: Mapping[str, float] = field(default_factory=dict)
    mape: float | None = None
    bias: float | None = None


def expected_errors(metrics: Mapping[str, Any]) -> dict[str, ExpectedErrors]:
    """Read a bundle's `metrics`: one entry per horizon, or one for a single figure; those of the holdout if present."""
    if isinstance(held_out := metrics.get("holdout"), Mapping):
        metrics = held_out
    if "rmse" in metrics:
        expected = _expected(metrics)
        return {PREDICTION: expected} if expected else {}
    found = {
        horizon_kind(name): _expected(each)
        for name, each in metrics.items()
        if name.isdecimal() and isinstance(each, Mapping)
    }
    return {kind: expected for kind, expected in found.items() if expected}


def _expected(metrics: Mapping[str, Any]) -> ExpectedErrors | None:
    rmse = metrics.get("rmse")
    errors = rmse if isinstance(rmse, Mapping) else {"model": rmse}
    own = number_of(errors.get("model"))
    if own is None or own <= 0 or not is_valid_actual(own):
        return None
    baselines = {name: each for name, value in errors.items() if name != "model" and (each := number_of(value))}
    mape = metrics.get("mape")
    share = number_of(mape.get("model") if isinstance(mape, Mapping) else mape)
    return ExpectedErrors(own, baselines, share, number_of(metrics.get("bias")))


# --- errors on actuals ------------------------------------------------------------------------------------------------


class AccuracyState(StrEnum):
    """Result of the comparison."""

    AS_EXPECTED = "as_expected"
    INACCURATE = "inaccurate"
    NOT_ENOUGH_DATA = "not_enough_data"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True)
class KindAccuracy:
    """Errors of one kind of prediction. `bias` is predicted minus actual; `mape` is None if every actual is 0."""

    kind: str
    state: AccuracyState
    actuals: int
    rmse: float | None = None
    bias: float | None = None
    mape: float | None = None
    coverage: float | None = None
    rmse_ratio: float | None = None
    p_value: float | None = None
    expected: ExpectedErrors | None = None
    actuals_missing: int = 0


@dataclass(frozen=True)
class Accuracy:
    """All kinds of one monitoring run. A ratio above the limit counts only with a p-value of at most `p_value_max`."""

    kinds: tuple[KindAccuracy, ...]
    p_value_max: float

    @property
    def state(self) -> AccuracyState:
        """The worst state of all kinds."""
        states = {each.state for each in self.kinds}
        for state in (AccuracyState.INACCURATE, AccuracyState.AS_EXPECTED, AccuracyState.NOT_ENOUGH_DATA):
            if state in states:
                return state
        return AccuracyState.NOT_MEASURED

    @property
    def rmse_ratio(self) -> float | None:
        """The largest ratio among kinds with enough actuals."""
        judged = (AccuracyState.INACCURATE, AccuracyState.AS_EXPECTED)
        ratios = [each.rmse_ratio for each in self.kinds if each.state in judged and each.rmse_ratio is not None]
        return max(ratios, default=None)


def measure(
    joined: Iterable[EvaluatedPrediction], expected: Mapping[str, ExpectedErrors], policy: MonitorPolicy
) -> Accuracy:
    """Compare errors on actuals with the expected errors, for each kind."""
    by_kind: dict[str, list[EvaluatedPrediction]] = defaultdict(list)
    for each in joined:
        kind = next((kind for kind, point in kinds_of(each.record) if point is each.point), None)
        if kind is not None:
            by_kind[kind].append(each)
    kinds = sorted(by_kind.keys() | expected.keys(), key=lambda kind: (len(kind), kind))
    p_value_max = policy.family_alpha / max(len(expected), 1)
    return Accuracy(
        tuple(_of_kind(kind, by_kind[kind], expected.get(kind), policy, p_value_max) for kind in kinds), p_value_max
    )


def _of_kind(
    kind: str,
    points: Sequence[EvaluatedPrediction],
    expected: ExpectedErrors | None,
    policy: MonitorPolicy,
    p_value_max: float,
) -> KindAccuracy:
    squares = _squares(points)
    actuals = len(squares)
    if not actuals:
        missing = policy.actuals_min
        return KindAccuracy(kind, AccuracyState.NOT_ENOUGH_DATA, 0, expected=expected, actuals_missing=missing)
    rmse = math.sqrt(fmean(squares))
    ratio = rmse / expected.rmse if expected else None
    independent = actuals / _months(kind)
    p_value = excess_p(ratio / policy.rmse_ratio_max, independent, _kurtosis(points)) if ratio is not None else None
    held = [each.is_covered for each in points if each.is_covered is not None]
    relative = [abs(each.error / each.actual.value) for each in points if each.actual.value]
    if actuals < policy.actuals_min:
        state = AccuracyState.NOT_ENOUGH_DATA
    elif ratio is None or p_value is None:
        state = AccuracyState.NOT_MEASURED
    else:
        above = ratio > policy.rmse_ratio_max and p_value <= p_value_max
        state = AccuracyState.INACCURATE if above else AccuracyState.AS_EXPECTED
    return KindAccuracy(
        kind=kind,
        state=state,
        actuals=actuals,
        rmse=rmse,
        bias=fmean(each.error for each in points),
        mape=fmean(relative) if relative else None,
        coverage=fmean(held) if held else None,
        rmse_ratio=ratio,
        p_value=p_value,
        expected=expected,
        actuals_missing=max(0, policy.actuals_min - actuals),
    )


def _squares(points: Iterable[EvaluatedPrediction]) -> list[float]:
    """Mean squared error for each actual, over all its predictions."""
    by_actual: dict[str, list[float]] = defaultdict(list)
    for each in points:
        by_actual[each.point.join_key].append(each.error**2)
    return [fmean(squares) for squares in by_actual.values()]


def _kurtosis(points: Sequence[EvaluatedPrediction]) -> float:
    """Kurtosis of the errors, at least that of a normal distribution, because small samples underestimate it."""
    squares = [each.error**2 for each in points]
    mean = fmean(squares)
    return max(NORMAL_KURTOSIS, fmean(each**2 for each in squares) / mean**2) if mean else NORMAL_KURTOSIS


def _months(kind: str) -> int:
    months = kind.removeprefix("h")
    return max(1, int(months)) if months.isdecimal() else 1


def excess_p(ratio_to_limit: float, independent: float, kurtosis: float = NORMAL_KURTOSIS) -> float:
    """Probability of an RMSE at least `ratio_to_limit` times the limit if the true RMSE equals the limit."""
    degrees = max(1, math.floor(2 * independent / (kurtosis - 1)))
    return chi_square_sf(degrees * ratio_to_limit**2, degrees)


def rmse_by_week(joined: Iterable[EvaluatedPrediction]) -> dict[str, tuple[int, float]]:
    """Number of predictions and their RMSE by ISO week of the request, oldest first."""
    by_week: dict[str, list[float]] = defaultdict(list)
    for each in joined:
        year, week, _ = each.record.received_at.isocalendar()
        by_week[f"{year}-W{week:02d}"].append(each.error**2)
    return {week: (len(squares), math.sqrt(fmean(squares))) for week, squares in sorted(by_week.items())}


# --- estimate without actuals -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimate:
    """Accuracy estimated from the responses' own intervals or probabilities; only as good as their calibration."""

    answers: int
    mean_absolute_error: float | None = None
    mean_confidence: float | None = None


def estimate(outputs: Iterable[Mapping[str, Any]]) -> Estimate | None:
    """Estimate accuracy without actuals; None if responses have neither intervals nor probabilities.

    From intervals: the mean absolute error of normal errors with the stated coverage, over all kinds. From
    probabilities: the mean probability of the chosen label, which equals the accuracy if the model is calibrated.
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
