"""Which truth belongs to which prediction."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bellwether.models.domain.capture import CaptureRecord
from bellwether.models.domain.specs import MonitorPolicy
from bellwether.monitoring.domain.accuracy import ExpectedErrors, measure
from bellwether.monitoring.domain.evaluated_predictions import join_actuals
from tests.builders import actual, capture

ASKED = datetime(2026, 3, 1, 12, tzinfo=UTC)


def valuation(prediction: float = 100.0, **changes: Any) -> CaptureRecord:
    point = {"join_key": "house 7", "prediction": prediction}
    return capture(
        **{"model": "housing", "received_at": ASKED, "output": {"prediction": prediction}, "points": [point], **changes}
    )


def sale(value: float = 90.0, observed_at: datetime = ASKED) -> Any:
    return {"house 7": actual("house 7", value, model="housing", observed_at=observed_at)}


@pytest.mark.parametrize(
    ("days", "counts"), [(-40, False), (-1 / 86_400, False), (0, True), (1 / 86_400, True), (40, True)]
)
def test_what_a_house_was_sold_for_before_is_no_later_prediction_s_truth(days: float, counts: bool) -> None:
    # Given a house that was asked about at noon; When it is joined with a sale before, at, or after that
    joined = list(join_actuals([valuation()], sale(observed_at=ASKED + timedelta(days=days))))
    # Then only a sale since then has come true
    assert [each.error for each in joined] == ([10.0] if counts else [])


def test_of_two_requests_only_the_earlier_one_is_about_the_sale() -> None:
    early, late = valuation(request_id="early"), valuation(request_id="late", received_at=ASKED + timedelta(days=9))
    joined = join_actuals([early, late], sale(observed_at=ASKED + timedelta(days=3)))
    assert [each.record.request_id for each in joined] == ["early"]


def test_the_order_of_instants_does_not_hang_on_their_zones() -> None:
    asked = valuation(received_at=datetime.fromisoformat("2026-03-01T23:30:00-05:00"))
    for sold_at, counts in (("2026-03-02T05:00:00+00:00", True), ("2026-03-02T04:00:00+00:00", False)):
        assert bool(list(join_actuals([asked], sale(observed_at=datetime.fromisoformat(sold_at))))) is counts


@pytest.mark.parametrize(
    ("prediction", "truth"),
    [(math.inf, 1.0), (math.nan, 1.0), (1e200, 1.0), (100.0, math.inf), (100.0, -1e200), (100.0, 5e-324)],
)
def test_absurd_figures_are_left_out_and_break_no_arithmetic(prediction: float, truth: float) -> None:
    # Given a house's absurd figures beside another house's plain ones
    records = [
        valuation(prediction),
        valuation(
            request_id="r-2", points=[{"join_key": "house 8", "prediction": 100.0}], output={"prediction": 100.0}
        ),
    ]
    actuals = sale(truth) | {"house 8": actual("house 8", 0.0, observed_at=ASKED)}
    # When they are measured; Then the plain ones count
    accuracy = measure(
        join_actuals(records, actuals), {"prediction": ExpectedErrors(5.0)}, MonitorPolicy(actuals_min=1)
    )
    assert [(each.actuals, each.rmse) for each in accuracy.kinds] == [(1, 100.0)]
