"""Scores of past forecasts, as they were made, against what is known now."""

from datetime import UTC, date, datetime

import pytest

from bellwether.finops.domain.spend_forecast import Level
from bellwether.finops.usecases.forecast_costs import forecast_costs
from bellwether.finops.usecases.score_costs import TOTAL, score_costs
from tests.fakes.charges import InMemoryCharges
from tests.fakes.charges_suite import delivery
from tests.fakes.outlooks import InMemoryOutlooks
from tests.unit.finops.test_forecast_costs import LINES, SHEET, summed


def test_forecasts_of_a_month_are_scored_once_it_is_over_and_again_when_it_is_corrected() -> None:
    # Given a forecast of June made on its tenth day, from final figures
    charges, outlooks = InMemoryCharges(), InMemoryOutlooks()
    known = [line for line in LINES if line.day < date(2026, 6, 10) and not line.correction]
    charges.load(delivery(1, datetime(2026, 6, 10, 6, tzinfo=UTC), date(2026, 6, 1)), summed(known), [], [])
    forecast_costs(charges, outlooks, datetime(2026, 6, 10, 7, tzinfo=UTC))
    # Then nothing is scored before June is final
    assert score_costs(charges, outlooks, datetime(2026, 6, 30, tzinfo=UTC)).by_day == {}
    # And afterwards the variance is that of the total
    charges.load(delivery(2, datetime(2026, 7, 14, 6, tzinfo=UTC), date(2026, 6, 1)), summed(LINES), [], [])
    card = score_costs(charges, outlooks, datetime(2026, 7, 14, 7, tzinfo=UTC))
    (made,) = (each for each in outlooks.month_forecasts(date(2026, 7, 2)) if each.level is Level.TOTAL)
    actual = float(SHEET["months"]["2026-06-01"]["usage_effective"])
    assert card.by_cost_center[TOTAL].weighted == pytest.approx(abs(made.mean - actual) / actual, abs=1e-4)
    assert set(card.by_day) == {10}
    assert card.by_cost_center[TOTAL].naive_weighted is not None
