"""Predictions joined with their actuals."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bellwether.models.domain.capture import Actual, CaptureRecord, Point

LARGEST = 1e30  # beyond that no figure of ours is one; the fourth power of an error still is a number
SMALLEST = 1e-30  # a truth that is closer to zero, and not zero, is none: no error is a share of it


@dataclass(frozen=True)
class EvaluatedPrediction:
    """One predicted figure with its actual."""

    record: CaptureRecord
    point: Point
    actual: Actual

    @property
    def error(self) -> float:
        """Predicted minus actual: positive means too high."""
        return self.point.prediction - self.actual.value

    @property
    def is_covered(self) -> bool | None:
        """Whether the interval covers the actual; None without an interval."""
        if self.point.lower is None or self.point.upper is None:
            return None
        return self.point.lower <= self.actual.value <= self.point.upper


def join_actuals(
    records: Iterable[CaptureRecord], actuals: Mapping[str, Actual], *, nearest_only: bool = False
) -> Iterator[EvaluatedPrediction]:
    """Every prediction that has an actual, in the order of the records; invalid figures are skipped.

    Only what was observed at or after the request is its truth: what a house was sold for before somebody asked about
    it, or a month's figure that was known by then, was no prediction's to make.

    With `nearest_only`, no more than the first point of each record: a record's points stand in the order of their
    horizons, and the errors of overlapping horizons come together, so that whoever counts errors takes one of them.
    """
    for record in records:
        for point in record.points[:1] if nearest_only else record.points:
            actual = actuals.get(point.join_key)
            if actual is None or actual.observed_at < record.received_at:
                continue
            if abs(point.prediction) <= LARGEST and is_valid_actual(actual.value):
                yield EvaluatedPrediction(record, point, actual)


def is_valid_actual(value: float) -> bool:
    """Whether errors against this figure are meaningful."""
    return value == 0 or SMALLEST <= abs(value) <= LARGEST
