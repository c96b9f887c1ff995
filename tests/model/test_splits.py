"""Splits by cutoff: what may be learnt at an origin, what may be scored."""

import numpy as np

from jobs.training.learning.macro.splits import make_pairs
from jobs.training.learning.months import Span, parse_month


def test_a_pair_is_known_when_its_target_month_is() -> None:
    # Given 30 months, when asked at origin 20 for pairs 6 months apart, then the last one started at 14
    pairs = make_pairs(np.arange(30.0), np.arange(30.0), 6, None, 0)
    rows = pairs.known_at(20)
    assert rows.tolist() == list(range(15))
    assert pairs.outcome[rows].tolist() == [6.0] * 15


def test_no_pair_touches_an_excluded_month() -> None:
    # Given months from 2019-01 and the pandemic's exclusion
    first = parse_month("2019-01")
    span = Span(parse_month("2020-03"), parse_month("2021-06"))
    pairs = make_pairs(np.arange(60.0), np.arange(60.0), 3, span, first)
    # When everything is known
    rows = pairs.known_at(59)
    # Then each pair ends before the exclusion or starts after it
    assert all(first + row + 3 < span.first or first + row > span.last for row in rows)
    assert first + rows.max() == first + 56
    # And the excluded ones can still be scored
    assert len(pairs.origins(range(3, 60))) == 57


def test_a_missing_target_is_neither_learnt_nor_scored() -> None:
    # Given a month that was never published
    published = np.arange(20.0)
    published[10] = np.nan
    pairs = make_pairs(np.arange(20.0), published, 2, None, 0)
    # When pairs are made, then none starts or ends there
    assert {8, 10}.isdisjoint(pairs.known_at(19).tolist())
    assert {8, 10}.isdisjoint(pairs.origins(range(2, 20)).tolist())


def test_a_problem_cut_off_knows_nothing_later() -> None:
    # Given pairs cut at row 12, then no outcome of a later target is left in them
    cut = make_pairs(np.arange(20.0) ** 2, np.arange(20.0), 3, None, 0).until(12)
    assert np.isnan(cut.outcome[9:]).all()
    assert cut.known_at(11).tolist() == list(range(9))
