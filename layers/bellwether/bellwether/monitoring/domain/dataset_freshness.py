"""How old a dataset and the features made from it are, beside how old they may be."""

from dataclasses import dataclass
from datetime import date

from bellwether.datasets.domain.monthly import month_end, parse_month
from bellwether.models.domain.manifests import DatasetManifest, Manifest, SeriesEntry
from bellwether.models.domain.specs import TrainedSpec

GRACE_MONTHS = {
    "daily": 1,
    "weekly": 1,
    "monthly": 1,
    "quarterly": 4,
}  # beyond the lag: until the next one is published


@dataclass(frozen=True)
class DatasetFreshness:
    """Ages in days of a model's dataset and of its oldest feature; `stale` names the features that are overdue.

    A feature that is dated in the future is stale too: nobody knows how old it is.
    """

    model: str
    dataset: str
    ends: str
    age_days: int
    fresh_days: int
    oldest_feature_days: int
    stale: tuple[str, ...]


def dataset_freshness(spec: TrainedSpec, manifest: Manifest, today: date) -> DatasetFreshness:
    """Series of a merged dataset age each by itself and by its own calendar; the columns of sales age together."""
    age_days = (today - _last_day(manifest.ends)).days
    if isinstance(manifest, DatasetManifest):
        ages = {each.series: (today - _last_day(each.last_month)).days for each in manifest.series}
        overdue = {each.series for each in manifest.series if _is_overdue(each, today)}
    else:
        ages = dict.fromkeys(manifest.origins, age_days)
        overdue = set(ages) if not 0 <= age_days <= spec.dataset.fresh_days else set()
    return DatasetFreshness(
        model=spec.name,
        dataset=spec.dataset.name,
        ends=manifest.ends,
        age_days=age_days,
        fresh_days=spec.dataset.fresh_days,
        oldest_feature_days=max(ages.values(), default=age_days),
        stale=tuple(sorted(overdue)),
    )


def _is_overdue(entry: SeriesEntry, today: date) -> bool:
    """A projection, which may reach ahead, is no input of training."""
    behind = _months_behind(entry.last_month, today)
    if behind < 0:
        return not entry.left_out
    return behind > entry.publication_lag_months + GRACE_MONTHS[entry.frequency]


def _last_day(text: str) -> date:
    """Of a month `2016-06` its last day, of a day itself."""
    return month_end(parse_month(text)) if len(text) == len("2016-06") else date.fromisoformat(text)


def _months_behind(month: str, today: date) -> int:
    last = _last_day(month)
    return (today.year - last.year) * 12 + today.month - last.month
