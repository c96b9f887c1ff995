"""Anomalies: each planted truth once with its amount, nothing from fees, tax, credits, lateness or corrections."""

import json
import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest

from bellwether.finops.domain.anomalies import (
    Anomaly,
    AnomalyKind,
    Mute,
    SeriesName,
    Spend,
    cause_chain,
    find_anomalies,
    series_by_usage_type,
)
from bellwether.finops.domain.charges import Charge, ChargeCategory, ChargeKey
from samples.billing import spend
from samples.billing.answers import answers
from samples.billing.deliveries import delivered, deliveries_of
from samples.billing.exports import FOCUS_CATEGORY
from samples.billing.lines import Line
from samples.billing.organisation import Calendar, bill

MONTHS = Calendar(date(2026, 1, 1), date(2026, 6, 1))
LINES = bill(MONTHS)
NAME = SeriesName("1", "AmazonEC2", "BoxUsage")
PROVISIONAL_DAYS = 3


def _charge(line: Line) -> Charge:
    category = ChargeCategory(FOCUS_CATEGORY[line.kind])
    key = ChargeKey(
        line.day, line.account, line.service, line.usage_type, line.region, "", category, line.correction, "USD"
    )
    return Charge(key, line.billed, line.effective, line.listed, 1)


def _known_on(name: str) -> list[Anomaly]:
    delivery = next(each for each in deliveries_of(MONTHS.newest) if each.name == name)
    known = [line for line in LINES if line.billing_month < MONTHS.newest] + delivered(LINES, delivery)
    closed = min(delivery.on - timedelta(days=1 + PROVISIONAL_DAYS), MONTHS.end - timedelta(days=1))
    return find_anomalies(series_by_usage_type(map(_charge, known), closed), usd_min=5.0)


def test_the_planted_truths_and_nothing_else() -> None:
    sheet = json.loads(json.dumps(answers(LINES, MONTHS)))
    leak, spike, level = _known_on("final")
    assert (leak.kind, leak.name.usage_type, str(leak.first_day)) == (
        AnomalyKind.LEAK,
        "TimedStorage-ByteHrs",
        sheet["leak"]["first_day"],
    )
    assert leak.extra == pytest.approx(float(sheet["leak"]["extra"]), rel=0.02)
    assert (spike.kind, spike.name.service) == (AnomalyKind.SPIKE, sheet["anomaly"]["service"])
    assert (str(spike.first_day), str(spike.last_day)) == (sheet["anomaly"]["first_day"], sheet["anomaly"]["last_day"])
    assert spike.extra == pytest.approx(float(sheet["anomaly"]["extra"]), rel=0.02)
    assert (level.kind, str(level.first_day)) == (AnomalyKind.LEVEL_CHANGE, sheet["level_change"]["first_day"])


@pytest.mark.parametrize("name", ["day03", "day10", "day20", "closed"])
def test_requirement_01_late_days_are_never_an_anomaly(name: str) -> None:
    final = {(found.name, found.first_day) for found in _known_on("final")}
    assert {(found.name, found.first_day) for found in _known_on(name)} <= final


def test_requirement_14_a_plain_level_is_one_finding() -> None:
    values = [100.0 + day % 3 for day in range(60)] + [70.0 + day % 3 for day in range(60)]
    (found,) = find_anomalies([Spend(NAME, date(2026, 1, 1), values)], usd_min=1)
    assert (found.kind, found.first_day) == (AnomalyKind.LEVEL_CHANGE, date(2026, 3, 2))
    assert found.extra == pytest.approx(-210, abs=15)


def test_requirement_14_seasonality_and_fees_are_no_anomaly() -> None:
    week = (100, 100, 100, 100, 100, 30, 30)
    charges = [_day(number, ChargeCategory.USAGE, week[number % 7]) for number in range(120)]
    charges += [_day(number, ChargeCategory.PURCHASE, 5000) for number in range(0, 120, 30)]
    charges += [
        _day(100, category, -3000) for category in (ChargeCategory.CREDIT, ChargeCategory.REFUND, ChargeCategory.TAX)
    ]
    assert find_anomalies(series_by_usage_type(charges, date(2026, 4, 30)), usd_min=1) == []


def _day(number: int, category: ChargeCategory, amount: int) -> Charge:
    key = ChargeKey(
        date(2026, 1, 1) + timedelta(days=number),
        "1",
        "AmazonEC2",
        "BoxUsage",
        "",
        "",
        category,
        correction=False,
        currency="USD",
    )
    return Charge(key, Decimal(amount), Decimal(amount), None, 1)


def test_a_spike_that_goes_on_is_the_same_finding_on_the_next_day() -> None:
    values = [100.0 + day % 5 for day in range(40)]
    looks = [find_anomalies([Spend(NAME, date(2026, 1, 1), values + [300.0] * days)], usd_min=1) for days in (1, 2, 3)]
    assert [[(found.first_day, found.ongoing) for found in look] for look in looks] == [[(date(2026, 2, 10), True)]] * 3


def test_few_false_alarms_and_no_tripled_day_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spend, "STEPS_A_YEAR", 0)
    series = series_by_usage_type(spend.simulate_spend(1, 20, 5, date(2026, 1, 1), 150), date(2026, 5, 30))
    months = sum(len(each.values) for each in series) / 30
    assert len(find_anomalies(series, usd_min=1)) < 0.02 * months
    daily = [each for each in series if sum(value <= 0 for value in each.values) < 0.3 * len(each.values)]
    assert all(_finds_a_tripled_day(each) for each in daily)


def _finds_a_tripled_day(series: Spend) -> bool:
    at = random.Random(series.name.account).randrange(60, 140)  # noqa: S311
    values: Sequence[float] = [value * (3 if index == at else 1) for index, value in enumerate(series.values)]
    found = find_anomalies([Spend(series.name, series.first, values)], usd_min=0)
    return any(each.first_day <= series.day(at) <= each.last_day for each in found)


def test_a_mute_covers_what_it_names_until_it_ends() -> None:
    found = Anomaly(NAME, AnomalyKind.SPIKE, date(2026, 6, 1), date(2026, 6, 2), 10, 30, ongoing=False)
    mute = Mute("", "AmazonEC2", "", AnomalyKind.SPIKE, date(2026, 7, 1))
    assert mute.covers(found, date(2026, 7, 1))
    assert not mute.covers(found, date(2026, 7, 2))
    assert not Mute("", "AmazonS3", "", None, date(2026, 7, 1)).covers(found, date(2026, 6, 3))


def test_the_cause_chain_ends_where_no_part_explains_most() -> None:
    chain = cause_chain(
        {
            "usage type": {"Lambda-GB-Second": (33.0, 112.0), "Request": (5.0, 6.0)},
            "resource": {"image-resize": (33.0, 112.0), "tokenize": (15.0, 15.0)},
            "tag": {"a": (10.0, 30.0), "b": (10.0, 30.0), "c": (10.0, 30.0), "d": (10.0, 30.0)},
        },
        extra=80.0,
    )
    assert [(cause.dimension, cause.name) for cause in chain] == [
        ("usage type", "Lambda-GB-Second"),
        ("resource", "image-resize"),
    ]


def test_a_short_history_finds_nothing() -> None:
    assert find_anomalies([Spend(NAME, date(2026, 1, 1), [1.0] * 10 + [50.0])], usd_min=1) == []


def test_a_missing_delivery_is_not_a_fall() -> None:
    charges = [_day(number, ChargeCategory.USAGE, 100 + number % 3) for number in range(60) if number not in (40, 41)]
    assert find_anomalies(series_by_usage_type(charges, date(2026, 3, 20)), usd_min=1) == []
