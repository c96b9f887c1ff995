"""Has what a model is asked, or what it answers, moved away from what it learned from?

Counts on the reference's own bins are compared by Pearson's chi-square test for two samples and, where the bins have
an order, by Wilcoxon's rank sum besides (p = twice the smaller). Missing values and levels never seen in training are
compared as shares. A difference counts when it is both sure and large: p at most `family_alpha` divided by the number
of comparisons that could have said something (Bonferroni), and a PSI, less what it is without any drift, above
`psi_floor`. The first keeps few rows from giving false alarms, the second many rows from telling of what is negligible.

What holds: one look at one model gives a false alarm with a chance of `family_alpha`. Each model and each day is a look
of its own. Windows of following days share most of their rows, so a false alarm, once there, mostly stays for days.
Rows that follow one another may resemble one another, such as one question asked all day; they then count for fewer,
n (1 - r) / (1 + r) for a first autocorrelation of r. The reference's rows are taken as independent.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from bellwether.models.domain.bundle_manifest import CategoricalReference, DriftReference, NumericReference, Reference
from bellwether.models.domain.specs import MonitorPolicy

EXPECTED_MIN = 8.0  # in every cell, of the smaller sample
INDEPENDENT_MIN = 2 * EXPECTED_MIN  # below that not even two cells are left
RESEMBLANCE_SIGMAS = 1.645  # below so many standard errors an autocorrelation is taken for noise
KIND_PREFIX = "prediction."  # a reference may write h1 as prediction.h1
PSI_PRIOR = 0.5  # added to each cell, so that an empty one has a logarithm

Cells = Sequence[tuple[float, float]]  # what the reference has in each cell, and what is there now
Place = int | None  # bin of a value; None where it is missing


# --- counting --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """How many values fell into each bin of a reference; the tallies of two days add up to that of both.

    A category's bins are its levels in the reference's order and, last, every level that it does not name.
    """

    counts: tuple[int, ...]
    missing: int = 0

    @property
    def rows(self) -> int:
        """Values counted, missing ones too."""
        return sum(self.counts) + self.missing

    def __add__(self, other: "Tally") -> "Tally":
        """Raises ValueError for a tally of other bins."""
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Tally(counts, self.missing + other.missing)


def tally(bins: int, places: Iterable[Place]) -> Tally:
    """Count values by their place."""
    counted = Counter(places)
    return Tally(tuple(counted[each] for each in range(bins)), counted[None])


def reference_counts(reference: Reference) -> Tally:
    """What the reference itself counted."""
    if isinstance(reference, NumericReference):
        return Tally(reference.counts, reference.missing)
    return Tally((*reference.levels.values(), reference.other), reference.missing)


def placing(reference: Reference) -> Callable[[Any], Place]:
    """The function that puts a value as it was sent into the reference's bins."""
    if isinstance(reference, NumericReference):
        return lambda value: _bin(reference.edges, value)
    levels = {level: place for place, level in enumerate(reference.levels)}
    return lambda value: None if _is_missing(value) else levels.get(level_name(value), len(levels))


def level_name(value: Any) -> str:
    """A category as text: 98178, 98178.0 and "98178" are one level."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value).strip()


def _bin(edges: Sequence[float], value: Any) -> Place:
    number = number_of(value)
    if number is None:
        return None
    low, high = 0, len(edges)
    while low < high:  # as numpy's searchsorted from the left
        middle = (low + high) // 2
        low, high = (middle + 1, high) if edges[middle] < number else (low, middle)
    return low


def number_of(value: Any) -> float | None:
    """A figure as it was sent, text or not; None for what is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


# --- comparing one column --------------------------------------------------------------------------------------------


class Aspect(StrEnum):
    """In which way a column may have moved."""

    DISTRIBUTION = "distribution"
    MISSING = "missing"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class Comparison:
    """One aspect of one column, then and now. `psi` is without its bias; a share's `then` and `now` are that share."""

    aspect: Aspect
    p_value: float
    psi: float
    then: float | None = None
    now: float | None = None


def compare(reference: Reference, current: Tally, *, independent_share: float = 1.0) -> tuple[Comparison, ...]:
    """Every comparison that can say something; none for a column that is the same everywhere.

    `independent_share` is what a row counts for, 1 when rows have nothing to do with one another.
    """
    past = reference_counts(reference)
    return tuple(_comparisons(past, current, isinstance(reference, NumericReference), independent_share))


def _comparisons(past: Tally, current: Tally, ordered: bool, share: float) -> Iterator[Comparison]:
    bins = [(float(then), now * share) for then, now in zip(past.counts, current.counts, strict=True)]
    if (p_value := _distribution_p(bins, ordered)) is not None:
        yield Comparison(Aspect.DISTRIBUTION, p_value, debiased_psi(pool(bins, ordered=ordered)))
    missing = ((past.missing, sum(past.counts)), (current.missing, sum(current.counts)))
    unseen = ((past.counts[-1], sum(past.counts[:-1])), (current.counts[-1], sum(current.counts[:-1])))
    for aspect, (then, now) in ((Aspect.MISSING, missing), (Aspect.UNSEEN, unseen)):
        if aspect is Aspect.UNSEEN and ordered:
            continue
        cells = [(float(a), b * share) for a, b in zip(then, now, strict=True)]
        if (p_value := _two_cells_p(cells)) is not None:
            yield Comparison(aspect, p_value, debiased_psi(cells), then[0] / sum(then), now[0] / sum(now))


def _distribution_p(bins: Cells, ordered: bool) -> float | None:
    cells = pool(bins, ordered=ordered)
    if len(cells) < 3:
        return _two_cells_p(cells)
    p_value = chi_square_p(cells)
    return min(1.0, 2 * min(p_value, trend_p(bins))) if ordered else p_value


def _two_cells_p(cells: Cells) -> float | None:
    """None unless each sample has rows and each cell has some of them: nothing else could have come out."""
    if len(cells) < 2 or not all(sum(row) for row in (*cells, *zip(*cells, strict=True))):
        return None
    return chi_square_p(cells) if _expected_min(cells) >= EXPECTED_MIN else exact_p(cells)


def pool(bins: Cells, *, ordered: bool) -> Cells:
    """Join bins until each expects `EXPECTED_MIN` of the smaller sample: neighbours with an order, the rarest without.

    Where that would leave one alone, the fullest stays apart from the rest, for the exact test.
    """
    filled = [cell for cell in bins if sum(cell)]
    smaller = min(_sum(filled)) if filled else 0.0
    needed = EXPECTED_MIN * sum(map(sum, filled)) / smaller if smaller else math.inf
    cells = _joined(filled if ordered else sorted(filled, key=sum), needed)
    if len(cells) == 1 and len(filled) > 1:
        fullest = max(range(len(filled)), key=lambda at: sum(filled[at]))
        return [filled[fullest], _sum(cell for at, cell in enumerate(filled) if at != fullest)]
    return cells


def _joined(cells: Cells, needed: float) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    then = now = 0.0
    for a, b in cells:
        then, now = then + a, now + b
        if then + now >= needed:
            joined.append((then, now))
            then = now = 0.0
    if (then or now) and joined:
        joined[-1] = (joined[-1][0] + then, joined[-1][1] + now)
    elif then or now:
        joined.append((then, now))
    return joined


def _sum(cells: Iterable[tuple[float, float]]) -> tuple[float, float]:
    then, now = zip(*cells, strict=True)
    return sum(then), sum(now)


def _expected_min(cells: Cells) -> float:
    m, n = _sum(cells)
    return min(map(sum, cells)) * min(m, n) / (m + n)


def chi_square_p(cells: Cells) -> float:
    """Pearson's test that two samples come from one distribution."""
    m, n = _sum(cells)
    expected = [n * (then + now) / (m + n) for then, now in cells]
    statistic = (m + n) / m * sum((now - e) ** 2 / e for (_, now), e in zip(cells, expected, strict=True))
    return chi_square_sf(statistic, len(cells) - 1)


def trend_p(bins: Cells) -> float:
    """Wilcoxon's rank-sum test on bins in order, two-sided, with all rows of a bin tied."""
    m, n = _sum(bins)
    total = m + n
    below = statistic = spread = 0.0
    for then, now in bins:
        score = below + (then + now) / 2 - total / 2  # mid-rank, from the mean
        statistic += now * score
        spread += (then + now) * score**2
        below += then + now
    variance = n * m / (total * max(total - 1, 1)) * spread
    return math.erfc(abs(statistic) / math.sqrt(2 * variance)) if variance > 0 else 1.0


def exact_p(cells: Cells) -> float:
    """Fisher's exact test of two cells, two-sided: all tables that are no more probable than the one seen."""
    (a, b), (c, d) = ((round(then), round(now)) for then, now in cells)
    hits, m, n = a + b, a + c, b + d
    least, most = max(0, hits - m), min(hits, n)
    logs = [_log_choose(n, k) + _log_choose(m, hits - k) - _log_choose(m + n, hits) for k in range(least, most + 1)]
    return min(1.0, math.fsum(math.exp(each) for each in logs if each <= logs[b - least] + 1e-9))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def debiased_psi(cells: Cells) -> float:
    """Population stability index, less what two samples of one distribution show of it: (K - 1)(1/m + 1/n)."""
    m, n = _sum(cells)
    more = PSI_PRIOR * len(cells)
    shares = [((then + PSI_PRIOR) / (m + more), (now + PSI_PRIOR) / (n + more)) for then, now in cells]
    psi = sum((now - then) * math.log(now / then) for then, now in shares)
    return max(0.0, psi - (len(cells) - 1) * (1 / m + 1 / n))


def chi_square_sf(x: float, degrees: int) -> float:
    """Chance of a chi-square with so many degrees of freedom above x.

    The incomplete gamma function of a half or a whole number is a finite sum of positive terms, so nothing cancels
    (Abramowitz and Stegun, 26.4.4 and 26.4.5).
    """
    if x <= 0:
        return 1.0
    half = x / 2
    start = 0.5 * (degrees % 2)
    terms = [
        math.exp((start + k) * math.log(half) - half - math.lgamma(start + k + 1)) for k in range((degrees + 1) // 2)
    ]
    if degrees % 2:
        return min(1.0, math.erfc(math.sqrt(half)) + math.fsum(terms[: degrees // 2]))
    return min(1.0, math.fsum(terms))


# --- rows that resemble their neighbours -----------------------------------------------------------------------------


def independent_share(places: Sequence[Place], *, ordered: bool) -> float:
    """What one of these rows, in the order in which they came, counts for.

    By the first autocorrelation: of mid-ranks where bins have an order, else of belonging to the same level (kappa).
    Where all are alike there is none: a caller who sends one level only has moved, and one question asked all day is
    known by its whole rows.
    """
    present = [place for place in places if place is not None]
    if len(set(present)) < 2:
        return 1.0
    return _share_at(_rank_autocorrelation(present) if ordered else kappa(present), len(present))


def _share_at(r: float, rows: int) -> float:
    """(1 - r) / (1 + r), r without its bias of -(1 + 3r) / n (Marriott and Pope 1954); 1 where r may be noise."""
    if rows == 0 or r * math.sqrt(rows) <= RESEMBLANCE_SIGMAS:
        return 1.0
    unbiased = r + (1 + 3 * r) / rows
    return max(0.0, (1 - unbiased) / (1 + unbiased))


def kappa(values: Sequence[Any]) -> float:
    """How much more often neighbours are equal than strangers are; 1 when all are equal, 0 for fewer than two."""
    if len(values) < 2:
        return 0.0
    agreement = sum(count**2 for count in Counter(values).values()) / len(values) ** 2
    equal = sum(a == b for a, b in pairwise(values)) / (len(values) - 1)
    return (equal - agreement) / (1 - agreement) if agreement < 1 else 1.0


def _rank_autocorrelation(places: Sequence[int]) -> float:
    counted, below, scores = Counter(places), 0, {}
    for place in sorted(counted):
        scores[place] = below + (counted[place] - len(places)) / 2
        below += counted[place]
    spread = sum(count * scores[place] ** 2 for place, count in counted.items())
    return sum(scores[a] * scores[b] for a, b in pairwise(places)) / spread if spread else 0.0


# --- all columns together --------------------------------------------------------------------------------------------


class DriftState(StrEnum):
    """What can be said of a column, or of all of them."""

    STABLE = "stable"
    DRIFTED = "drifted"
    NOT_ENOUGH_DATA = "not_enough_data"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True)
class Column:
    """A column of what was asked or answered, beside its reference; `places` in the order in which the rows came."""

    name: str
    reference: Reference
    places: Sequence[Place]
    is_prediction: bool = False


@dataclass(frozen=True)
class ColumnDrift:
    """What became of a column. `rows_missing` is how many more rows it would take to say anything."""

    column: Column
    state: DriftState
    current: Tally
    independent_rows: float
    comparisons: tuple[Comparison, ...] = ()
    drifted: frozenset[Aspect] = frozenset()
    rows_missing: int = 0

    @property
    def p_value(self) -> float | None:
        """The smallest of its comparisons."""
        return min((each.p_value for each in self.comparisons), default=None)

    @property
    def psi(self) -> float | None:
        """The largest of its comparisons, each without its bias."""
        return max((each.psi for each in self.comparisons), default=None)


@dataclass(frozen=True)
class Drift:
    """All columns of one look. A comparison had to show p at most `p_value_max` to count."""

    columns: tuple[ColumnDrift, ...]
    comparisons: int
    p_value_max: float

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """Columns that moved."""
        return tuple(each for each in self.columns if each.state is DriftState.DRIFTED)

    @property
    def state(self) -> DriftState:
        """The worst of what is known; nothing is known without a column that had data enough."""
        states = {each.state for each in self.columns}
        for state in (DriftState.DRIFTED, DriftState.STABLE, DriftState.NOT_ENOUGH_DATA):
            if state in states:
                return state
        return DriftState.NOT_MEASURED


def detect_drift(columns: Sequence[Column], policy: MonitorPolicy, *, row_kappa: float = 0.0) -> Drift:
    """Compare every column that has data enough, and judge them as one family.

    `row_kappa` is the resemblance of whole rows that follow one another (`kappa`): no column counts for more than that.
    """
    weighed = [_weigh(column, policy, row_kappa) for column in columns]
    family = sum(len(each.comparisons) for each in weighed)
    p_value_max = policy.family_alpha / max(family, 1)
    return Drift(tuple(_judge(each, p_value_max, policy.psi_floor) for each in weighed), family, p_value_max)


def _weigh(column: Column, policy: MonitorPolicy, row_kappa: float) -> ColumnDrift:
    ordered = isinstance(column.reference, NumericReference)
    current = tally(len(reference_counts(column.reference).counts), column.places)
    rows = len(column.places)
    share = min(independent_share(column.places, ordered=ordered), _share_at(row_kappa, rows))
    independent = max(rows * share, min(rows, 1))
    lacking = max(policy.rows_min - rows, math.ceil((INDEPENDENT_MIN - independent) * rows / max(independent, 1e-9)))
    if rows < policy.rows_min or independent < INDEPENDENT_MIN:
        return ColumnDrift(column, DriftState.NOT_ENOUGH_DATA, current, independent, rows_missing=lacking)
    comparisons = compare(column.reference, current, independent_share=share)
    return ColumnDrift(column, DriftState.STABLE, current, independent, comparisons)


def _judge(found: ColumnDrift, p_value_max: float, psi_floor: float) -> ColumnDrift:
    moved = frozenset(each.aspect for each in found.comparisons if each.p_value <= p_value_max and each.psi > psi_floor)
    if not moved:
        return found
    return ColumnDrift(
        found.column, DriftState.DRIFTED, found.current, found.independent_rows, found.comparisons, moved
    )


# --- what was recorded, in columns -----------------------------------------------------------------------------------


def columns_of(
    reference: DriftReference,
    inputs: Sequence[Mapping[str, Any]],
    predictions: Sequence[Mapping[str, float]],
    *,
    redacted: frozenset[str] = frozenset(),
) -> tuple[Column, ...]:
    """The reference's columns, each with what was sent of it, in order; those that are not recorded are left out."""
    asked = (
        Column(name, each, _places(each, [row.get(name) for row in inputs]))
        for name, each in reference.features.items()
        if name not in redacted
    )
    answered = (
        Column(name, each, _places(each, [row[kind] for row in predictions if kind in row]), is_prediction=True)
        for name, each in reference.prediction.items()
        for kind in (name.removeprefix(KIND_PREFIX),)
    )
    return (*asked, *answered)


def _places(reference: Reference, values: Iterable[Any]) -> tuple[Place, ...]:
    return tuple(map(placing(reference), values))


def bin_labels(reference: Reference) -> tuple[str, ...]:
    """What people call each bin."""
    if isinstance(reference, CategoricalReference):
        return (*reference.levels, "any other")
    edges = [f"{edge:,.0f}" if abs(edge) >= 10_000 else f"{edge:.4g}" for edge in reference.edges]
    if not edges:
        return ("any",)
    return (f"≤ {edges[0]}", *(f"{low} – {high}" for low, high in pairwise(edges)), f"> {edges[-1]}")
