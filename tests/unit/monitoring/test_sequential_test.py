"""Sequential tests: their error rate under continuous monitoring, and their power."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.models.domain.specs import ExperimentPolicy
from bellwether.monitoring.domain.sequential_test import SCALE_POINTS, Comparison, Finding, Pair, share_above

POLICY = ExperimentPolicy()
losses = st.integers(0, 10**6).map(lambda cents: cents / 128)  # exact when doubled
pairs = st.lists(st.builds(Pair, losses, losses), max_size=60).map(tuple)


def drawn(improvement: float, count: int, seed: int, *, likeness: float = 0.8) -> tuple[Pair, ...]:
    """Absolute errors of two versions on the same things, the challenger's smaller by this share."""
    dice = np.random.default_rng(seed)
    shared, own = dice.standard_normal((2, count))
    other = likeness * shared + math.sqrt(1 - likeness**2) * own
    return tuple(Pair(abs(float(a)), (1 - improvement) * abs(float(b))) for a, b in zip(shared, other, strict=True))


# --- what is found ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_a_better_challenger_is_found_better(seed: int) -> None:
    finding, after = Comparison(drawn(0.25, 600, seed), POLICY).finding
    assert finding is Finding.BETTER
    assert POLICY.points_min <= after < 600


@pytest.mark.parametrize("seed", range(5))
def test_a_worse_challenger_is_given_up(seed: int) -> None:
    finding, after = Comparison(drawn(-0.25, 600, seed), POLICY).finding
    assert finding is Finding.NOT_BETTER
    assert after < 600


def test_the_same_answers_are_given_up_without_a_difference_to_learn_from() -> None:
    # Given a challenger that always says what the champion says
    same = tuple(Pair(loss, loss) for loss in range(1, 600))
    # Then there is nothing to gain by it
    assert Comparison(same, POLICY).finding[0] is Finding.NOT_BETTER
    assert Comparison(same, POLICY).improvement == 0


def test_nothing_is_found_before_there_are_enough() -> None:
    # Given a challenger that never errs
    perfect = tuple(Pair(1 + n / 100, 0.0) for n in range(200))
    late = replace(POLICY, points_min=100)
    # Then it is found out as soon as anything is said at all
    assert Comparison(perfect[:99], late).finding == (Finding.UNDECIDED, 99)
    assert Comparison(perfect, late).finding == (Finding.BETTER, 100)


def test_one_wild_figure_decides_nothing() -> None:
    # Given versions that are alike, and one error of the champion that is beyond all others
    alike = drawn(0.0, 100, 7)
    wild = (*alike[:50], Pair(1e9, 0.0), *alike[50:])
    assert Comparison(wild, POLICY).finding[0] is Finding.UNDECIDED


def test_without_pairs_nothing_is_known() -> None:
    nothing = Comparison((), POLICY)
    assert (nothing.finding, nothing.improvement) == ((Finding.UNDECIDED, 0), None)
    assert (nothing.interval.lower, nothing.interval.upper) == (None, None)


# --- error rate ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("likeness", [0.0, 0.8])
def test_looking_after_every_point_finds_no_better_challenger_where_there_is_none(likeness: float) -> None:
    # Given 300 experiments between versions that are equally good, each looked at after each of 300 points
    found = [
        Comparison(drawn(0.0, 300, seed, likeness=likeness), POLICY).finding[0] is Finding.BETTER for seed in range(300)
    ]
    # Then no more than 5% of them, and what chance adds to that, call the challenger better
    assert sum(found) <= 300 * (0.05 + 2.33 * math.sqrt(0.05 * 0.95 / 300))


@pytest.mark.slow
def test_the_limits_hold_the_improvement_at_all_times() -> None:
    # Given 60 experiments with a challenger that is a tenth better
    missed = 0
    for seed in range(60):
        path = Comparison(drawn(0.1, 250, 1000 + seed), POLICY).path
        missed += any((each.lower or -9) > 0.1 or (9 if each.upper is None else each.upper) < 0.1 for each in path)
    # Then few have ever told otherwise (each limit errs in 5% at most)
    assert missed <= 60 * 0.1 + 2.33 * math.sqrt(60 * 0.1 * 0.9)


@given(pairs)
def test_the_limits_only_ever_close_in(given_pairs: tuple[Pair, ...]) -> None:
    path = Comparison(given_pairs, POLICY).path
    assert path[-1].pairs == len(given_pairs)
    for before, after in pairwise(path):
        assert before.pairs < after.pairs
        assert before.lower is None or (after.lower is not None and after.lower >= before.lower)
        assert before.upper is None or (after.upper is not None and after.upper <= before.upper)


@given(pairs, st.lists(st.builds(Pair, losses, losses), max_size=10).map(tuple))
def test_what_was_found_stays_found(before: tuple[Pair, ...], after: tuple[Pair, ...]) -> None:
    finding, count = Comparison(before, POLICY).finding
    if finding is not Finding.UNDECIDED:
        assert Comparison(before + after, POLICY).finding == (finding, count)


@given(pairs, st.sampled_from([0.125, 0.5, 8.0, 1024.0]))
def test_the_unit_of_the_losses_does_not_matter(given_pairs: tuple[Pair, ...], unit: float) -> None:
    scaled = tuple(Pair(each.champion * unit, each.challenger * unit) for each in given_pairs)
    assert Comparison(scaled, POLICY).finding == Comparison(given_pairs, POLICY).finding


def test_the_first_pairs_only_tell_how_large_differences_are() -> None:
    # Given the same pairs, the first of them turned round
    usual = drawn(0.2, 200, 3)
    turned = (*(Pair(each.challenger, each.champion) for each in usual[:SCALE_POINTS]), *usual[SCALE_POINTS:])
    assert Comparison(usual, POLICY).finding == Comparison(turned, POLICY).finding


# --- shares ----------------------------------------------------------------------------------------------------------


def test_a_share_that_keeps_its_limit_is_seldom_taken_for_more() -> None:
    # Given 1000 sequences of 500 requests of which 2% fail, each looked at after each request
    dice, alarms = np.random.default_rng(11), 0
    for _ in range(1000):
        failed, wealth = 0, -math.inf
        for total, is_failure in enumerate(dice.random(500) < 0.02, start=1):
            if is_failure:
                failed += 1
                wealth = max(wealth, share_above(failed, total, 0.02))
        alarms += wealth >= math.log(100)
    # Then 1% at most are taken for more, and what chance adds to that
    assert alarms <= 10 + 2.33 * math.sqrt(1000 * 0.01 * 0.99)


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.001, 0.5))
def test_more_of_it_is_more_sure(count: int, others: int, limit: float) -> None:
    total = count + others
    assert share_above(count + 1, total + 1, limit) > share_above(count, total + 1, limit)


def test_half_of_all_requests_failing_is_seen_soon() -> None:
    assert share_above(5, 10, 0.02) > math.log(100)
    assert share_above(1, 20, 0.02) < math.log(100)
