"""Features of the macro model: named columns, each computed from rows up to its own of the view of what was known.

Every building block looks back over a fixed number of rows, so a feature has the same bits whether it is computed from
the whole history or from its last `LOOKBACK_MONTHS` rows. Changes of logarithms are in percent.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .known import Known, delayed
from .transforms import Array, log_of_positive

LOOKBACK_MONTHS = 75  # 60-month mean of a series after 12 months of changes and a 3-month mean

Named = Iterator[tuple[str, Array]]

ROUNDING_PERCENT = 0.06  # the published rate is rounded to one decimal
EMPLOYED, LABOUR_FORCE, SHORT_TERM = "CE16OV", "CLF16OV", "UEMPLT5"
CLAIMS = ("CLAIMSx", "ICSA")
DURATIONS = (SHORT_TERM, "UEMP5TO14", "UEMP15OV", "UEMP15T26", "UEMP27OV")
HELP_WANTED = ("HWI", "JTSJOL")
SHORT_RATES = ("FEDFUNDS", "DFF", "TB3MS")
LONG_RATES = ("GS10", "GS5", "GS1", "AAA", "BAA")


@dataclass(frozen=True)
class FeatureTable:
    """`values[row, feature]`, and the target's level in each row from which changes are counted."""

    first_month: int
    names: tuple[str, ...]
    values: Array
    level: Array


def build(known: Known, target: str) -> FeatureTable:
    """Compute all features that the series at hand allow, in a fixed order."""
    level = level_of(known, target)
    recipes: Sequence[Callable[[], Named]] = (
        lambda: _of_target(level),
        lambda: _of_flows(known, level),
        lambda: _of_durations(known),
        lambda: _of_claims(known),
        lambda: _of_vacancies(known),
        lambda: _of_spreads(known),
        lambda: _of_series(known, target),
    )
    columns = dict(column for recipe in recipes for column in recipe())
    return FeatureTable(known.first_month, tuple(columns), np.column_stack(list(columns.values())), level)


def level_of(known: Known, target: str) -> Array:
    """The target as a level, without the rounding of the published unemployment rate where its components tell it.

    Where employed and labour force are missing or stale, so that their rate doesn't round to the published one, the
    published one it is.
    """
    published = known.column(target)
    if target != "UNRATE" or not known.has(EMPLOYED, LABOUR_FORCE):
        return published.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = 100.0 * (1.0 - known.column(EMPLOYED) / known.column(LABOUR_FORCE))
        return np.where(np.abs(exact - published) <= ROUNDING_PERCENT, exact, published)


# --- building blocks: each looks back from a row, never ahead ---------------------------------------------------------


def change(values: Array, months: int) -> Array:
    """Difference from some months before."""
    return values - delayed(values, months)


def mean_over(values: Array, months: int) -> Array:
    """Mean of the last months, this one included; NaN while one of them is missing."""
    return _over(values, months, lambda windows: windows.mean(axis=1))


def minimum_over(values: Array, months: int) -> Array:
    """Smallest of the last months, this one included; NaN while one of them is missing."""
    return _over(values, months, lambda windows: windows.min(axis=1))


def _over(values: Array, months: int, reduce: Callable[[Array], Array]) -> Array:
    result = np.full(values.shape, np.nan)
    if len(values) >= months:
        # Contiguous copies: the same window gives the same bits wherever it starts.
        result[months - 1 :] = reduce(np.ascontiguousarray(sliding_window_view(values, months)))
    return result


def _log(values: Array) -> Array:
    result: Array = 100.0 * log_of_positive(values)
    return result


def _ratio(numerator: Array, denominator: Array) -> Array:
    result: Array = np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)
    return result


# --- recipes -------------------------------------------------------------------------------------------------------


def _of_target(level: Array) -> Named:
    monthly = change(level, 1)
    for lag in range(6):
        yield f"target.change1.lag{lag}", delayed(monthly, lag)
    for months in (3, 6, 12):
        yield f"target.change{months}", change(level, months)
    yield "target.level", level
    yield "target.deviation60", level - mean_over(level, 60)
    smooth = mean_over(level, 3)
    yield "target.sahm_gap", smooth - minimum_over(smooth, 12)


def _of_flows(known: Known, level: Array) -> Named:
    """Hazards of finding and losing work, from those unemployed for less than five weeks (after Shimer 2012)."""
    if not known.has(EMPLOYED, LABOUR_FORCE, SHORT_TERM):
        return
    employed = known.column(EMPLOYED)
    unemployed = known.column(LABOUR_FORCE) - employed
    short_term = known.column(SHORT_TERM)
    finding = -log_of_positive(_ratio(unemployed - short_term, delayed(unemployed, 1)))
    separation = _ratio(short_term, delayed(employed, 1))
    gap = _log(_ratio(separation, separation + finding)) - _log(level / 100.0)
    yield "flows.finding", finding
    yield "flows.separation", 100.0 * separation
    yield "flows.steady_state_gap", gap
    yield "flows.steady_state_gap.mean3", mean_over(gap, 3)
    yield "flows.finding.change3", change(mean_over(finding, 3), 3)
    yield "flows.separation.change3", 100.0 * change(mean_over(separation, 3), 3)


def _of_durations(known: Known) -> Named:
    if not known.has(EMPLOYED, LABOUR_FORCE):
        return
    labour_force = known.column(LABOUR_FORCE)
    unemployed = labour_force - known.column(EMPLOYED)
    for name in DURATIONS:
        if known.has(name):
            rate = 100.0 * _ratio(known.column(name), labour_force)
            for months in (1, 3, 12):
                yield f"{name}.rate.change{months}", change(rate, months)
            yield f"{name}.share", _ratio(known.column(name), unemployed)


def _of_claims(known: Known) -> Named:
    for name in CLAIMS:
        if known.has(name):
            claims = known.column(name)
            rate = _log(_ratio(claims, known.column(LABOUR_FORCE)) if known.has(LABOUR_FORCE) else claims)
            for months in (1, 2, 3, 6, 12):
                yield f"{name}.change{months}", change(rate, months)
            yield f"{name}.change1.lag1", delayed(change(rate, 1), 1)
            yield f"{name}.above_low12", rate - minimum_over(rate, 12)
            yield f"{name}.deviation60", rate - mean_over(rate, 60)


def _of_vacancies(known: Known) -> Named:
    for name in HELP_WANTED:
        if known.has(name):
            wanted = known.column(name)
            rate = _log(_ratio(wanted, known.column(LABOUR_FORCE)) if known.has(LABOUR_FORCE) else wanted)
            for months in (1, 3, 6, 12):
                yield f"{name}.change{months}", change(rate, months)
            if known.has(EMPLOYED, LABOUR_FORCE):
                tightness = rate - _log(
                    _ratio(known.column(LABOUR_FORCE) - known.column(EMPLOYED), known.column(LABOUR_FORCE))
                )
                yield f"{name}.tightness.deviation60", tightness - mean_over(tightness, 60)
                yield f"{name}.tightness.change3", change(tightness, 3)


def _of_spreads(known: Known) -> Named:
    for name, short in _spreads(known):
        spread = known.column(name) - known.column(short)
        yield f"{name}-{short}", spread
        if name == "GS10":
            yield f"{name}-{short}.lag6", delayed(spread, 6)


def _spreads(known: Known) -> Sequence[tuple[str, str]]:
    short = next((name for name in SHORT_RATES if known.has(name)), None)
    return [(name, short) for name in LONG_RATES if short is not None and known.has(name)]


def _of_series(known: Known, target: str) -> Named:
    """Changes of every series that no other recipe stands for, in the form that its tcode asks for."""
    covered = {target, *CLAIMS, *HELP_WANTED, *(name for pair in _spreads(known) for name in pair)}
    if known.has(EMPLOYED, LABOUR_FORCE):
        covered |= {EMPLOYED, LABOUR_FORCE, *DURATIONS}
    for entry in known.series:
        name = entry.stands_for or entry.name
        if name in covered:
            continue
        values = known.column(name)
        base = _log(values) if entry.tcode >= 4 else values
        if entry.tcode in {1, 4}:
            yield f"{name}.level", base
        monthly = entry.frequency != "quarterly" and entry.tcode in {1, 2, 4, 5}
        for months in (1, 3, 6, 12) if monthly else (3, 12):
            yield f"{name}.change{months}", change(base, months)
