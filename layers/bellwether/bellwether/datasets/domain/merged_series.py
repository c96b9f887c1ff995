"""Merge the vintages of a series, oldest to newest, into what is known of it now.

A later figure replaces an earlier one, a figure that a later vintage calls missing is withdrawn, a date that it has no
row for keeps what it had. When a later vintage shows the same history on another base (an index rebased, other chained
dollars), figures of the old base are left out rather than spliced.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, TypeAdapter

from bellwether.datasets.domain.monthly import month_text, to_months
from bellwether.datasets.domain.rebasing import base_change, uncovered
from bellwether.datasets.domain.series import Frequency, SeriesSpec, frequency_of
from bellwether.datasets.domain.series_catalogue import spec_of
from bellwether.datasets.domain.series_descriptions import DESCRIPTIONS_FILE, SeriesDescription
from bellwether.datasets.domain.stationarity import TCODE_NAMES, propose_tcode
from bellwether.datasets.domain.vintages import Vintage
from bellwether.models.domain.manifests import SeriesEntry

Figures = dict[date, float | None]


class Finding(BaseModel):
    """Something about a series that a person should know."""

    model_config = ConfigDict(frozen=True)

    series: str
    reason: str


@dataclass(frozen=True)
class Column:
    """One series of the merged data: its manifest entry and its values by month."""

    entry: SeriesEntry
    months: Mapping[int, float]


@dataclass(frozen=True)
class Merged:
    """The merged vintages of one series; no column when no month is complete."""

    series: str
    column: Column | None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _State:
    """A merge in progress, as checkpoints store it. `folds`: figures by frequency, the one seen last at the end."""

    latest: str
    latest_sha256: str
    folds: dict[Frequency, Figures]
    findings: tuple[Finding, ...]


_STATE = TypeAdapter(_State)


class SeriesMerge:
    """One series while its vintages are merged, oldest first."""

    def __init__(self, series: str) -> None:
        self.series = series
        self._spec = spec_of(series)
        self._figures: dict[Frequency, Figures] = {}
        self._findings: list[Finding] = []
        self._latest = ("", "")

    @classmethod
    def resume(cls, series: str, state: bytes) -> "SeriesMerge":
        """Continue from a `state`; raises ValueError when it is none."""
        found = _STATE.validate_json(state)
        merge = cls(series)
        merge._figures, merge._findings = dict(found.folds), list(found.findings)
        merge._latest = found.latest, found.latest_sha256
        return merge

    def state(self) -> bytes:
        """All that `resume` needs; the same vintages give the same bytes."""
        return _STATE.dump_json(_State(*self._latest, folds=self._figures, findings=tuple(self._findings)))

    def add(self, vintage: Vintage) -> None:
        """Merge the next vintage."""
        frequency = frequency_in(self._spec, vintage)
        figures = self._figures.pop(frequency, {})
        if change := base_change(figures, vintage.values):
            lost = uncovered(figures, vintage.values)
            covered = sum(value is not None for value in vintage.values.values())
            left_out = f"{lost} figures of the old base" if covered >= lost else f"its {covered} figures"
            reason = f"rebased in {vintage.name} {change}: {left_out} left out"
            self._findings.append(Finding(series=self.series, reason=reason))
            if covered < lost:
                self._figures[frequency] = figures
                return
            figures = {}
        figures.update(vintage.values)
        self._figures[frequency] = figures
        self._latest = str(vintage.name), vintage.sha256

    def merged(self, description: SeriesDescription | None = None) -> Merged:
        """What was merged so far, by month. A series without a transformation is left out of training."""
        spec = description.apply(self._spec) if description and not self._spec.known else self._spec
        months: dict[int, float] = {}
        for frequency, figures in self._figures.items():
            months.update(to_months(figures, frequency, spec.aggregation))
        findings = list(self._findings)
        if not months:
            reason = "no complete month" if self._figures else "no vintage was known then"
            return Merged(self.series, None, (*findings, Finding(series=self.series, reason=reason)))
        left_out = "" if spec.known else _unknown_reason(self.series, [months[month] for month in sorted(months)])
        if left_out:
            findings.append(Finding(series=self.series, reason=left_out))
        frequency = next(reversed(self._figures))
        if description and description.frequency not in (None, frequency):
            reason = f"described as {description.frequency}, but its dates are {frequency}; the dates decide"
            findings.append(Finding(series=self.series, reason=reason))
        if frequency is Frequency.QUARTERLY and not self._spec.known and not (description and description.has_lag):
            spec = replace(spec, publication_lag_months=2 * spec.publication_lag_months)
        entry = _entry(spec, frequency, self._latest, months, left_out)
        return Merged(self.series, Column(entry, months), tuple(findings))


def merge_series(series: str, vintages: Iterable[Vintage], *, as_of: datetime | None = None) -> Merged:
    """Merge a series' vintages, which come oldest first; with `as_of`, only those that were known then."""
    merge = SeriesMerge(series)
    for vintage in vintages:
        if as_of is None or vintage.known_at <= as_of:
            merge.add(vintage)
    return merge.merged()


def frequency_in(spec: SeriesSpec, vintage: Vintage) -> Frequency:
    """How often a vintage has values."""
    days = [each.day for each in vintage.observations if each.value is not None]
    return frequency_of(spec, days) or spec.frequency


def _unknown_reason(series: str, figures: Sequence[float]) -> str:
    """Why an unknown series is no input of training, what a test proposes, and what a person can do."""
    tcode = propose_tcode(figures)
    proposal = (
        "no transformation made it stationary in a unit-root test"
        if tcode is None
        else f"a unit-root test proposes tcode {tcode} ({TCODE_NAMES[tcode]})"
    )
    return (
        f"left out of training: it is not in the catalogue, so its transformation is unknown; {proposal}. "
        f'To use it, add {{"{series}": {{"tcode": {tcode or "1 to 7"}}}}} to a file {DESCRIPTIONS_FILE} in the pack'
    )


def _entry(
    spec: SeriesSpec, frequency: Frequency, latest: tuple[str, str], months: Mapping[int, float], left_out: str
) -> SeriesEntry:
    vintage, sha256 = latest
    return SeriesEntry(
        series=spec.series,
        title=spec.title,
        unit=spec.unit,
        frequency=frequency.value,
        aggregation=spec.aggregation.value,
        tcode=spec.tcode,
        publication_lag_months=spec.publication_lag_months,
        first_month=month_text(min(months)),
        last_month=month_text(max(months)),
        rows=len(months),
        vintage=vintage,
        sha256=sha256,
        stands_for=spec.stands_for,
        left_out=left_out,
    )
