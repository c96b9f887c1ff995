"""Who may learn from what: sales are divided by days, never by chance."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InvalidDatasetError, TooLittleDataError
from .dataset import Sales, format_day, parse_day
from .fitting import FEWEST_SALES
from .parameters import AUTO, CUTOFFS, JobParameters

AUTO_SHARES = (0.6, 0.8)  # of the sales, before which training and choosing end
FEWEST_COUNTED = 50


@dataclass(frozen=True)
class Split:
    """Three spans of days that follow each other; cutoffs are ordinals, the day itself belongs to the later span."""

    train: Sales
    eval: Sales
    holdout: Sales
    everything: Sales
    cutoffs: tuple[int, int, int]
    by: str

    @property
    def before_holdout(self) -> Sales:
        """All that a model may learn from which the holdout is to count."""
        return self.everything.before(self.cutoffs[1])

    def to_json(self) -> Mapping[str, Any]:
        """As evaluation.json tells it."""
        return {
            "by": self.by,
            "first_day": format_day(self.train.houses.days[0]),
            **{name: format_day(day) for name, day in zip(CUTOFFS, self.cutoffs, strict=True)},
            "n_train": len(self.train),
            "n_eval": len(self.eval),
            "n_holdout": len(self.holdout),
        }


def split(sales: Sales, job: JobParameters) -> Split:
    """Divide sales, sorted by day, as a job's hyperparameters say; raises TooLittleDataError that names the span."""
    if not job.by_default:
        return _divide(sales, job)
    try:
        return _divide(sales, job)
    except TooLittleDataError:
        return _divide(sales, replace(job, train_before=AUTO, eval_before=AUTO, holdout_before=AUTO))


def _divide(sales: Sales, job: JobParameters) -> Split:
    if not len(sales):
        raise InvalidDatasetError("there are no sales")
    days = sales.houses.days
    if job.is_auto:
        first, second = (int(days[round(share * len(days))]) for share in AUTO_SHARES)
        cutoffs, by = (first, second, int(days[-1]) + 1), "auto"
    else:
        cutoffs = (parse_day(job.train_before), parse_day(job.eval_before), parse_day(job.holdout_before))
        by = "dates"
    train, chosen_on = sales.before(cutoffs[0]), sales.since(cutoffs[0]).before(cutoffs[1])
    holdout = sales.since(cutoffs[1]).before(cutoffs[2])
    made = Split(train, chosen_on, holdout, sales, cutoffs, by)
    spans = (("train", train, FEWEST_SALES), ("eval", chosen_on, FEWEST_COUNTED), ("holdout", holdout, FEWEST_COUNTED))
    for name, part, least in spans:
        if len(part) < least:
            span = f"{format_day(days[0])} to {format_day(days[-1])}"
            said = ", ".join(f"{each} {getattr(job, each)}" for each in CUTOFFS)
            raise TooLittleDataError(
                f"{len(part)} sales in {name}, at least {least} are needed: sales are from {span}, with {said} "
                f"(auto divides by number)"
            )
    return made
