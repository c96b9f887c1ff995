"""Drift: arithmetic held against SciPy's, properties of counts, false alarms and power in small."""

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from bellwether.models.domain.bundle_manifest import CategoricalReference, DriftReference, NumericReference, Reference
from bellwether.models.domain.specs import MonitorPolicy
from bellwether.monitoring.domain.drift import (
    Aspect,
    Column,
    DriftState,
    Tally,
    bin_labels,
    chi_square_p,
    chi_square_sf,
    columns_of,
    compare,
    debiased_psi,
    detect_drift,
    exact_p,
    independent_share,
    kappa,
    placing,
    pool,
    reference_counts,
    tally,
    trend_p,
)

POLICY = MonitorPolicy()
DECILES = NumericReference(kind="numeric", edges=tuple(range(1, 10)), counts=(1000,) * 10)
TOWNS = CategoricalReference(kind="categorical", levels={"north": 5000, "south": 3000, "west": 2000})
values = st.lists(st.one_of(st.none(), st.floats(-3, 14), st.integers(-3, 14), st.just("4.5")), max_size=60)


def places(reference: Reference, sent: Sequence[object]) -> tuple[int | None, ...]:
    return tuple(map(placing(reference), sent))


def counted(reference: Reference, sent: Sequence[object]) -> Tally:
    return tally(len(reference_counts(reference).counts), places(reference, sent))


def uniform(rng: random.Random, rows: int, *, shift: float = 0.0) -> list[float]:
    return [rng.uniform(0, 10) + shift for _ in range(rows)]


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret


# --- arithmetic -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 10, 29, 69, 200])
def test_chi_square_is_scipy_s(degrees: int) -> None:
    for x in (1e-9, 0.01, 0.5, 1.0, 5.0, 20.0, 80.0, 300.0, 1200.0):
        expected = float(stats.chi2.sf(x, degrees))
        if expected > 1e-290:
            assert chi_square_sf(x, degrees) == pytest.approx(expected, rel=1e-12)
    assert chi_square_sf(0, degrees) == 1
    assert chi_square_sf(1e6, degrees) == 0


def test_tests_of_two_samples_are_scipy_s() -> None:
    cells = [(310.0, 40.0), (290.0, 25.0), (400.0, 60.0)]
    table = np.array(cells).T
    assert chi_square_p(cells) == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-12)
    then, now = (np.repeat([0, 1, 2], row.astype(int)) for row in table)
    wanted = stats.mannwhitneyu(then, now, use_continuity=False, method="asymptotic").pvalue
    assert trend_p(cells) == pytest.approx(wanted, rel=1e-9)
    for a, b, c, d in ((30, 4, 9970, 996), (0, 3, 10000, 97), (12, 0, 88, 60), (5, 5, 5, 5)):
        wanted = stats.fisher_exact([[a, b], [c, d]])[1]
        assert exact_p([(a, b), (c, d)]) == pytest.approx(wanted, rel=1e-9)


def test_psi_without_its_bias_is_about_nought_where_nothing_moved() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(300):
        then, now = rng.multinomial(10_000, [0.1] * 10), rng.multinomial(200, [0.1] * 10)
        found.append(debiased_psi(list(zip(then.tolist(), now.tolist(), strict=True))))
    assert np.mean(found) < 0.02
    assert debiased_psi([(500, 90), (500, 10)]) > 0.5


# --- counting ---------------------------------------------------------------------------------------------------------


@given(values, values)
def test_counts_of_two_days_add_up_to_those_of_both(one: list[object], other: list[object]) -> None:
    assert counted(DECILES, one) + counted(DECILES, other) == counted(DECILES, one + other)


@given(st.permutations([0.5, 1, 1.5, None, 7, 99, -4, "3", ""]))
def test_the_order_of_rows_does_not_change_their_counts(sent: list[object]) -> None:
    assert counted(DECILES, sent) == counted(DECILES, [0.5, 1, 1.5, None, 7, 99, -4, "3", ""])


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=40))
def test_bins_are_those_of_the_training_job(sent: list[float]) -> None:
    # Given the job's way to count: above the edge before, not above one's own
    edges = np.asarray(DECILES.edges)
    expected = np.bincount(np.searchsorted(edges, sent, side="left"), minlength=10)
    assert counted(DECILES, sent).counts == tuple(expected.tolist())


def test_values_are_read_as_they_were_sent() -> None:
    assert places(DECILES, ["3.5", 3.5, None, "", "much", float("nan"), True]) == (3, 3, None, None, None, None, 0)
    zips = CategoricalReference(kind="categorical", levels={"98178": 5, "98004": 4})
    assert places(zips, [98178, 98178.0, "98178", "1", None, ""]) == (0, 0, 0, 2, None, None)


def test_other_bins_do_not_add_up() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        Tally((1, 2)) + Tally((1, 2, 3))


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 60)), min_size=1, max_size=14), st.booleans())
def test_pooling_loses_no_row_and_leaves_no_thin_cell(bins: list[tuple[float, float]], ordered: bool) -> None:
    cells = pool(bins, ordered=ordered)
    assert sum(map(sum, cells)) == sum(map(sum, bins))
    m, n = (sum(column) for column in zip(*bins, strict=True))
    if len(cells) > 2:
        assert min(map(sum, cells)) * min(m, n) / (m + n) >= 8 - 1e-9


def test_bins_have_names() -> None:
    assert bin_labels(NumericReference(kind="numeric", edges=(1.5, 20000.0), counts=(1, 1, 1))) == (
        "≤ 1.5",
        "1.5 – 20,000",
        "> 20,000",
    )
    assert bin_labels(TOWNS) == ("north", "south", "west", "any other")
    assert bin_labels(NumericReference(kind="numeric", edges=(), counts=(3,))) == ("any",)


# --- comparing --------------------------------------------------------------------------------------------------------


def test_without_drift_p_values_are_uniform() -> None:
    rng = np.random.default_rng(7)
    shares = np.array([0.5, 0.3, 0.2])
    found = []
    for _ in range(800):
        reference = CategoricalReference(
            kind="categorical", levels=dict(zip("abc", rng.multinomial(10_000, shares).tolist(), strict=True))
        )
        (comparison,) = compare(reference, Tally((*rng.multinomial(400, shares).tolist(), 0)))
        found.append(comparison.p_value)
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_a_shift_is_found_and_a_trifle_is_not() -> None:
    rng = seeded(3)
    shifted = compare(DECILES, counted(DECILES, uniform(rng, 500, shift=1.5)))[0]
    assert (shifted.aspect, shifted.p_value < 1e-9, shifted.psi > 0.02) == (Aspect.DISTRIBUTION, True, True)
    # Given very many rows that moved by very little
    trifle = compare(DECILES, counted(DECILES, uniform(rng, 200_000, shift=0.25)))[0]
    assert trifle.p_value < 1e-6
    assert trifle.psi < POLICY.psi_floor
    (column,) = detect_drift([Column("x", DECILES, places(DECILES, uniform(rng, 200_000, shift=0.25)))], POLICY).columns
    assert column.state is DriftState.STABLE


@pytest.mark.parametrize(
    ("sent", "aspect"),
    [
        (["north", "south", "west", "north", "south"] * 40 + [None] * 20, Aspect.MISSING),
        (["north", "south", "west", "north", "south"] * 40 + ["east"] * 20, Aspect.UNSEEN),
    ],
)
def test_missing_and_unknown_levels_are_found(sent: list[object], aspect: Aspect) -> None:
    seeded(2).shuffle(sent)
    (column,) = detect_drift([Column("town", TOWNS, places(TOWNS, sent))], POLICY).columns
    assert column.state is DriftState.DRIFTED
    assert aspect in column.drifted
    moved = next(each for each in column.comparisons if each.aspect is aspect)
    assert moved.then == 0
    assert moved.now == pytest.approx(20 / 220)


def test_a_column_that_is_the_same_everywhere_says_nothing() -> None:
    constant = NumericReference(kind="numeric", edges=(0.0,), counts=(900, 0))
    assert compare(constant, Tally((80, 0))) == ()
    drift = detect_drift([Column("x", constant, (0,) * 80), Column("y", DECILES, tuple(range(10)) * 8)], POLICY)
    assert drift.comparisons == 1
    assert drift.p_value_max == POLICY.family_alpha


def test_looks_without_drift_are_quiet() -> None:
    # Given 400 looks at six columns without drift
    rng, numbers = seeded(11), np.random.default_rng(11)
    alarms = 0
    for _ in range(400):
        columns = [Column(str(at), DECILES, places(DECILES, uniform(rng, 60))) for at in range(3)]
        columns += [
            Column(f"c{at}", TOWNS, tuple(numbers.choice(3, size=60, p=[0.5, 0.3, 0.2]).tolist())) for at in range(3)
        ]
        alarms += detect_drift(columns, POLICY).state is DriftState.DRIFTED
    # Then about one in a hundred gives an alarm
    assert alarms <= 12


# --- too few, or too alike --------------------------------------------------------------------------------------------


def test_not_enough_data_is_said_with_how_much_is_missing() -> None:
    sent = uniform(seeded(1), 30)
    (column,) = detect_drift([Column("x", DECILES, places(DECILES, sent))], POLICY).columns
    assert (column.state, column.rows_missing, column.p_value) == (DriftState.NOT_ENOUGH_DATA, 20, None)
    (empty,) = detect_drift([Column("x", DECILES, ())], POLICY).columns
    assert (empty.state, empty.rows_missing) == (DriftState.NOT_ENOUGH_DATA, 50)


def test_one_question_asked_all_day_is_one_question() -> None:
    # Given 400 rows that are eight questions, each asked fifty times in a row
    rng = seeded(5)
    questions = [(rng.uniform(0, 10), rng.uniform(0, 10)) for _ in range(8)]
    rows = [question for question in questions for _ in range(50)]
    columns = [Column(str(at), DECILES, places(DECILES, [row[at] for row in rows])) for at in range(2)]
    drift = detect_drift(columns, POLICY, row_kappa=kappa(rows))
    # Then nothing is said
    assert drift.state is DriftState.NOT_ENOUGH_DATA
    assert all(each.rows_missing > 0 and each.independent_rows < 16 for each in drift.columns)
    # And of one single question neither
    same = [Column("x", DECILES, (4,) * 300)]
    assert detect_drift(same, POLICY, row_kappa=kappa(["same"] * 300)).state is DriftState.NOT_ENOUGH_DATA


@pytest.mark.parametrize(
    ("reference", "sent", "aspect"),
    [
        (TOWNS, "south", Aspect.DISTRIBUTION),
        (TOWNS, "somewhere else", Aspect.UNSEEN),
        (DECILES, 0, Aspect.DISTRIBUTION),
    ],
)
def test_a_column_that_all_send_alike_has_moved(reference: Reference, sent: object, aspect: Aspect) -> None:
    # Given a caller who sends one value only, in rows that differ in everything else
    rng = seeded(3)
    rows = [(each, sent) for each in uniform(rng, 300)]
    columns = [
        Column("size", DECILES, places(DECILES, [size for size, _ in rows])),
        Column("same", reference, places(reference, [sent] * len(rows))),
    ]
    # When it is looked at; Then it has moved, and the other one has not
    size, same = detect_drift(columns, POLICY, row_kappa=kappa(rows)).columns
    assert (size.state, same.state) == (DriftState.STABLE, DriftState.DRIFTED)
    assert aspect in same.drifted
    # And where that is what was learned, it says nothing
    alike = CategoricalReference(kind="categorical", levels={"south": 10_000})
    drift = detect_drift(
        [columns[0], Column("same", alike, places(alike, ["south"] * 300))], POLICY, row_kappa=kappa(rows)
    )
    assert drift.state is DriftState.STABLE


def test_rows_count_for_fewer_when_they_resemble_their_neighbours() -> None:
    rng = seeded(9)
    loose = [rng.randrange(10) for _ in range(2000)]
    assert independent_share(loose, ordered=True) > 0.9
    assert independent_share(sorted(loose), ordered=True) < 0.01
    # AR(1) with .6: (1 - .6) / (1 + .6) = .25
    value, walk = 0.0, []
    for _ in range(20_000):
        value = 0.6 * value + math.sqrt(1 - 0.36) * rng.gauss(0, 1)
        walk.append(int(np.searchsorted(stats.norm.ppf(np.arange(1, 10) / 10), value)))
    assert independent_share(walk, ordered=True) == pytest.approx(0.25, abs=0.03)
    assert independent_share([], ordered=True) == independent_share([None], ordered=False) == 1


# --- what was recorded, in columns ------------------------------------------------------------------------------------


def test_columns_are_the_reference_s_without_what_is_not_recorded() -> None:
    answered = {"prediction.h1": DECILES, "h3": DECILES}
    reference = DriftReference(features={"x": DECILES, "town": TOWNS}, prediction=answered)
    columns = columns_of(
        reference, [{"x": 2.5, "town": "west"}, {"town": "east"}], [{"h1": 1.0}], redacted=frozenset({"town"})
    )
    assert [(each.name, each.is_prediction, list(each.places)) for each in columns] == [
        ("x", False, [2, None]),
        ("prediction.h1", True, [0]),
        ("h3", True, []),
    ]
