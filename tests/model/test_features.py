"""No feature sees the future: neither a later month, nor a figure that was not out yet."""

import numpy as np
import pytest

from jobs.training.learning.macro.dataset import Panel, Series
from jobs.training.learning.macro.features import LOOKBACK_MONTHS, FeatureTable, build, level_of
from jobs.training.learning.macro.known import carried_months, relative_lags, view
from tests.model.builders import Economy, economy

TARGET = "UNRATE"


def features_of(made: Economy) -> FeatureTable:
    return build(view(made.panel, made.series, TARGET), TARGET)


@pytest.mark.parametrize("origin", [80, 130, 171, 200])
def test_changing_everything_not_yet_published_changes_no_feature(made: Economy, origin: int) -> None:
    # Given features at an origin, of an economy that has every kind of series
    before = features_of(made)
    # When every figure is changed whose reference month plus lag lies after the origin, some of them to missing
    random = np.random.default_rng(origin)
    values = made.panel.values.copy()
    for column, entry in enumerate(made.series):
        unpublished = slice(max(0, origin - entry.publication_lag_months + 1), None)
        values[unpublished, column] *= random.uniform(0.1, 9.0, len(values[unpublished, column]))
        values[unpublished, column][:: random.integers(2, 9)] = np.nan
    after = features_of(made.with_values(values))
    # Then no feature moved by a bit, at the origin or before it
    np.testing.assert_array_equal(after.values[: origin + 1], before.values[: origin + 1])
    np.testing.assert_array_equal(after.level[: origin + 1], before.level[: origin + 1])


def test_the_newest_published_figure_does_count(made: Economy) -> None:
    # Given a series that comes a month later than the target
    origin, column = 150, made.panel.names.index("INDPRO")
    before = features_of(made)
    # When its newest published figure changes
    values = made.panel.values.copy()
    values[origin - 1, column] *= 1.1
    after = features_of(made.with_values(values))
    # Then its features at the origin move: the test above could fail
    moved = [
        name
        for name, old, new in zip(before.names, before.values[origin], after.values[origin], strict=True)
        if old != new
    ]
    assert moved
    assert all(name.startswith("INDPRO") for name in moved)


def test_recent_rows_alone_give_the_same_bits(made: Economy) -> None:
    # Given the whole history, and its last rows
    whole = features_of(made)
    start = len(made.panel.values) - LOOKBACK_MONTHS - 1
    recent = Economy(Panel(made.panel.first_month + start, made.panel.names, made.panel.values[start:]), made.series)
    # When features are computed of both, then the newest row is the same, bit for bit
    np.testing.assert_array_equal(features_of(recent).values[-1], whole.values[-1])


def test_lags_count_from_the_target_s_own() -> None:
    # Given a manifest that counts the target's own lag too
    series = (
        Series("UNRATE", "", "monthly", 2, 1),
        Series("INDPRO", "", "monthly", 5, 2),
        Series("GS10", "", "monthly", 2, 0),
    )
    # When lags are counted from the target's release, then one that is out earlier counts as out
    assert relative_lags(series, "UNRATE") == {"UNRATE": 0, "INDPRO": 1, "GS10": 0}


def test_a_late_figure_is_replaced_for_some_months_only() -> None:
    # Given a series that ends
    figures = np.where(np.arange(20) < 10, 1.0 + np.arange(20), np.nan)
    panel = Panel(0, ("T", "X"), np.column_stack([np.ones(20), figures]))
    series = (Series("T", "", "monthly", 2, 0), Series("X", "", "monthly", 2, 0))
    # When one looks at it later
    seen = view(panel, series, "T").column("X")
    # Then its last figure stands in for a while, and then there is none
    limit = 10 + carried_months("monthly")
    assert seen[9:limit].tolist() == [10.0] * (limit - 9)
    assert np.isnan(seen[limit:]).all()


def test_the_level_loses_its_rounding_only_where_the_components_agree(made: Economy) -> None:
    # Given a month whose components are stale
    values = made.panel.values.copy()
    values[-1, made.panel.names.index("CE16OV")] *= 0.98
    known = view(made.with_values(values).panel, made.series, TARGET)
    # When the level is taken
    level, published = level_of(known, TARGET), known.column(TARGET)
    # Then it is the published rate there, and the unrounded one elsewhere
    assert level[-1] == published[-1]
    assert 0 < np.abs(level[:-1] - published[:-1]).max() <= 0.06


def test_series_without_components_still_give_features() -> None:
    # Given a pack without the labour force survey's components
    lean = economy().without("CE16OV", "CLF16OV", "UEMPLT5", "GS10")
    # When features are built
    names = features_of(lean).names
    # Then the target's own, claims' and the others' are there, and no spread
    assert {"target.sahm_gap", "ICSA.change1", "INDPRO.change12", "HOUST.level", "FEDFUNDS.change1"} <= set(names)
    assert not [name for name in names if name.startswith(("flows", "GS10"))]
    assert len(set(names)) == len(names)
