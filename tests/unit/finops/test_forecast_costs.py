"""Forecasts, budgets and anomalies of the made-up bill, as known on days of its newest month."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache

import pytest

from bellwether.finops.domain.anomalies import AnomalyKind, Mute
from bellwether.finops.domain.budgets import Envelope
from bellwether.finops.domain.charges import Charge, ChargeCategory, ChargeKey
from bellwether.finops.domain.outlook import ForecastLine, Outlook
from bellwether.finops.domain.spend_forecast import Level
from bellwether.finops.usecases.forecast_costs import Forecasted, forecast_costs
from bellwether.shared.domain.errors import NotFoundError
from samples.billing.answers import answers
from samples.billing.deliveries import delivered, deliveries_of
from samples.billing.exports import FOCUS_CATEGORY
from samples.billing.lines import Line
from samples.billing.organisation import Calendar, bill
from tests.fakes.charges import InMemoryCharges
from tests.fakes.charges_suite import delivery
from tests.fakes.outlooks import InMemoryOutlooks

MONTHS = Calendar(date(2026, 1, 1), date(2026, 6, 1))
LINES = bill(MONTHS)
SHEET = answers(LINES, MONTHS)
ENVELOPES = [Envelope(name, MONTHS.newest, Decimal(each["envelope"])) for name, each in SHEET["budgets"].items()]


def _charge(line: Line) -> Charge:
    center = dict(line.tags).get("CostCenter", "")
    category = ChargeCategory(FOCUS_CATEGORY[line.kind])
    key = ChargeKey(line.day, line.account, line.service, line.usage_type, "", center, category, line.correction, "USD")
    return Charge(key, line.billed, line.effective, line.listed, 1)


def summed(lines: list[Line]) -> list[Charge]:
    found: dict[ChargeKey, Charge] = {}
    for charge in map(_charge, lines):
        same = found.get(charge.key)
        found[charge.key] = (
            charge
            if same is None
            else Charge(charge.key, same.billed + charge.billed, same.effective + charge.effective, None, same.rows + 1)
        )
    return list(found.values())


@cache
def _known(name: str) -> tuple[InMemoryCharges, datetime]:
    """Charges as after a delivery of the newest month, and when it came."""
    store = InMemoryCharges()
    newest = next(each for each in deliveries_of(MONTHS.newest) if each.name == name)
    known_at = datetime(newest.on.year, newest.on.month, newest.on.day, 7, tzinfo=UTC)
    for number, month in enumerate(sorted({day.replace(day=1) for day in MONTHS.days})):
        of_month = newest if month == MONTHS.newest else deliveries_of(month)[-1]
        arrived = min(known_at, datetime(of_month.on.year, of_month.on.month, of_month.on.day, 6, tzinfo=UTC))
        store.load(delivery(number, arrived, month), summed(delivered(LINES, of_month)), [], [])
    return store, known_at


def _forecast(name: str, outlooks: InMemoryOutlooks | None = None) -> Forecasted:
    charges, known_at = _known(name)
    return forecast_costs(charges, outlooks or InMemoryOutlooks(ENVELOPES), known_at)


def _month(outlook: Outlook, level: Level = Level.TOTAL, center: str = "") -> ForecastLine:
    return next(
        line
        for line in outlook.lines
        if line.level is level and line.key.cost_center == center and line.first_day == MONTHS.newest
        if line.last_day == date(2026, 6, 30)
    )


@pytest.mark.parametrize(("name", "error"), [("day03", 0.12), ("day10", 0.08), ("day20", 0.05)])
def test_the_month_is_forecast_beside_its_planted_total(name: str, error: float) -> None:
    actual = float(SHEET["months"]["2026-06-01"]["usage_effective"])
    line = _month(_forecast(name).outlook)
    assert line.mean == pytest.approx(actual, rel=error)
    assert line.lower_95 <= line.lower_80 <= line.mean <= line.upper_80 <= line.upper_95


def test_days_reach_ninety_days_and_add_up_to_the_month() -> None:
    outlook = _forecast("day20").outlook
    days = [line for line in outlook.lines if line.level is Level.TOTAL and line.first_day == line.last_day]
    assert days[-1].last_day == date(2026, 9, 18)
    in_june = sum(line.mean for line in days if line.first_day.month == 6)
    assert _month(outlook).mean == pytest.approx(_month(outlook).booked + in_june)


def test_the_budget_that_breaks_is_announced_before_the_breach_and_only_once() -> None:
    outlooks = InMemoryOutlooks(ENVELOPES)
    earlier, later = _forecast("day10", outlooks), _forecast("day20", outlooks)
    budgets = [
        alert.subject for made in (earlier, later) for alert in made.alerts if alert.subject.startswith("budget/")
    ]
    assert budgets == ["budget/retail/2026-06/USD"]
    by_center = {status.envelope.cost_center: status.chance_of_exceeding for status in later.outlook.budgets}
    assert by_center["retail"] > 0.95
    assert by_center["data-science"] < 0.05


def test_the_planted_anomalies_are_announced_with_their_extra_cost() -> None:
    alerts = {
        alert.subject.split("/", 2)[2]: alert for alert in _forecast("day20").alerts if "anomaly" in alert.subject
    }
    assert set(alerts) == {
        "AmazonS3/TimedStorage-ByteHrs/2026-05-25",
        "AWSLambda/Lambda-GB-Second/2026-06-12",
    }
    assert "+80.32 USD" in alerts["AWSLambda/Lambda-GB-Second/2026-06-12"].message
    assert float(SHEET["anomaly"]["extra"]) == pytest.approx(80.32, rel=0.02)


def test_a_muted_anomaly_is_found_and_not_announced() -> None:
    mute = Mute("", "AmazonS3", "", AnomalyKind.LEAK, date(2026, 12, 31))
    made = _forecast("day20", InMemoryOutlooks(mutes=[mute]))
    assert any(each.name.service == "AmazonS3" for each in made.outlook.anomalies)
    assert not any("AmazonS3" in alert.subject for alert in made.alerts)


def test_the_same_run_again_returns_the_same_alerts() -> None:
    outlooks = InMemoryOutlooks(ENVELOPES)
    assert _forecast("day20", outlooks).alerts == _forecast("day20", outlooks).alerts != []


def test_a_cost_center_without_spend_is_named() -> None:
    made = _forecast("day10", InMemoryOutlooks([Envelope("archive", MONTHS.newest, Decimal(10))]))
    assert made.without_spend == ["archive"]


def test_no_cost_data_says_what_to_do() -> None:
    with pytest.raises(NotFoundError, match="switch a cost export on"):
        forecast_costs(InMemoryCharges(), InMemoryOutlooks(), datetime(2026, 6, 20, tzinfo=UTC))
