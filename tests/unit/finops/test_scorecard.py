"""The scorecard: as known then, beside what came."""

from dataclasses import replace
from datetime import date

import pytest

from bellwether.finops.domain.scorecard import MATURITY, MonthScore, scorecard, variance

APRIL = date(2026, 4, 1)
SCORE = MonthScore(date(2026, 4, 10), APRIL, "retail", "effective", 110.0, 100.0, 90.0, 120.0, 80.0, 130.0)


def test_variance_by_hand() -> None:
    # Given 110 for 100, and 880 for 1000
    found = variance([SCORE, replace(SCORE, cost_center="web", forecast=880.0, actual=1000.0)])
    assert found.median == pytest.approx(0.11)
    assert found.weighted == pytest.approx(130 / 1100)
    assert found.bias == pytest.approx(-110 / 1100)
    assert found.within_12 == 1.0
    assert (found.coverage_80, found.coverage_95) == (0.5, 0.5)
    assert found.maturity == "run"


def test_levels_of_the_finops_foundation_are_the_lines() -> None:
    assert dict(MATURITY) == {"run": 0.12, "walk": 0.15, "crawl": 0.20}
    names = [variance([replace(SCORE, forecast=100 + off)]).maturity for off in (12, 14, 19, 21)]
    assert names == ["run", "walk", "crawl", "below crawl"]


def test_forecasts_are_scored_by_the_day_they_were_made_on() -> None:
    made = [
        replace(SCORE, made_on=date(2026, 3, 28), forecast=150.0),
        replace(SCORE, made_on=date(2026, 4, 10), forecast=110.0),
        replace(SCORE, made_on=date(2026, 4, 11), forecast=105.0),  # the first of a checkpoint counts
        replace(SCORE, made_on=date(2026, 4, 27), forecast=101.0),
        replace(SCORE, made_on=date(2026, 4, 27), metric="billed", forecast=900.0),
        replace(SCORE, made_on=date(2026, 4, 27), cost_center="lab", too_small=True),
    ]
    found = scorecard(made, "effective")
    assert {day: each.weighted for day, each in found.by_day.items()} == pytest.approx({1: 0.5, 10: 0.1, 25: 0.01})
    assert found.by_cost_center["retail"].forecasts == 3
    assert found.too_small == ("lab",)


def test_requirement_2_a_correction_of_last_month_scores_last_month_anew() -> None:
    # Given a correction of 10 USD that arrived later; Then the same forecast is scored against the corrected actual
    before, after = variance([SCORE]), variance([replace(SCORE, actual=110.0)])
    assert before.weighted == pytest.approx(0.1)
    assert after.weighted == 0.0


def test_a_month_without_spend_has_no_variance() -> None:
    assert replace(SCORE, actual=0.0).variance is None
    assert scorecard([replace(SCORE, actual=0.0)], "effective").by_day == {}
    with pytest.raises(ValueError, match="months with spend"):
        variance([])
