"""The made-up bill keeps the rules that real exports keep, and its answer sheet agrees with its files."""

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from bellwether.finops.domain.charges import ChargeCategory
from samples.billing.answers import answers
from samples.billing.deliveries import all_deliveries, delivered, deliveries_of
from samples.billing.exports import cur_rows, focus_rows
from samples.billing.lines import NOTHING, Kind
from samples.billing.organisation import Calendar, bill
from samples.billing.spend import simulate_spend
from samples.make_bill_sample import write_deliveries

MONTHS = Calendar(date(2026, 4, 1), date(2026, 6, 1))
LINES = bill(MONTHS)


def test_billed_equals_effective_over_a_plans_whole_term() -> None:
    term = [
        line
        for line in bill(Calendar(date(2025, 7, 1), date(2026, 7, 1)))
        if line.plan and line.plan.first == date(2025, 7, 1)
    ]
    assert sum(line.billed for line in term) == sum(line.effective for line in term) == Decimal(60 * 365)


@pytest.mark.parametrize("month", [date(2026, 5, 1), date(2026, 6, 1)])
def test_cur_and_focus_agree_to_the_cent_in_every_delivery(month: date) -> None:
    for delivery in deliveries_of(month):
        shown = delivered(LINES, delivery)
        focus, cur = list(focus_rows(shown, delivery)), list(cur_rows(shown, delivery))
        billed = sum(Decimal(row["BilledCost"]) for row in focus)
        assert billed == sum(Decimal(row["line_item_unblended_cost"]) for row in cur)
        assert _by_day(focus) == _amortised_by_day(cur)


def _by_day(rows: list[Mapping[str, str]]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["ChargeCategory"] in ("Usage", "Tax", "Credit"):
            total[row["ChargePeriodStart"][:10]] += Decimal(row["EffectiveCost"])
    return total


def _amortised_by_day(rows: list[Mapping[str, str]]) -> dict[str, Decimal]:
    """Amortise by AWS's rules for Savings Plans: fees count as the unused commitment, negations as nothing."""
    total: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        amount = {
            "Usage": "line_item_unblended_cost",
            "Tax": "line_item_unblended_cost",
            "Credit": "line_item_unblended_cost",
            "SavingsPlanCoveredUsage": "savings_plan_savings_plan_effective_cost",
        }.get(row["line_item_line_item_type"])
        day = row["line_item_usage_start_date"][:10]
        if amount:
            total[day] += Decimal(row[amount])
        elif row["line_item_line_item_type"] == "SavingsPlanRecurringFee":
            total[day] += Decimal(row["savings_plan_total_commitment_to_date"]) - Decimal(
                row["savings_plan_used_commitment"]
            )
    return total


def test_negative_amounts_are_credits_refunds_or_corrections() -> None:
    assert {line.kind for line in LINES if line.billed < 0 and not line.correction} == {Kind.CREDIT, Kind.REFUND}


def test_the_last_delivery_shows_the_bill_as_it_is_in_the_end() -> None:
    for month in (date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)):
        final = delivered(LINES, deliveries_of(month)[-1])
        assert sum(line.billed for line in final) == sum(line.billed for line in LINES if line.billing_month == month)


def test_each_delivery_knows_only_what_had_arrived() -> None:
    for delivery in all_deliveries(MONTHS):
        shown = delivered(LINES, delivery)
        assert all(line.day < delivery.on for line in shown)
        assert not any(line.arrives and line.arrives >= delivery.on for line in shown)
    day10 = next(each for each in deliveries_of(MONTHS.newest) if each.name == "day10")
    assert any(line.correction and line.day.month == 5 for line in delivered(LINES, day10))


def test_planted_truths_have_the_promised_sizes() -> None:
    sheet = answers(LINES, MONTHS)
    assert sheet["savings_plan"]["utilisation"] == 0.71
    assert sheet["untagged"]["share"] == pytest.approx(0.07, abs=0.005)
    assert all(Decimal(amount) > 100 for amount in sheet["spellings"].values())
    assert sheet["credit"]["last_day"] == "2026-06-19"
    assert Decimal(sheet["anomaly"]["extra"]) > 50
    assert [name for name, each in sheet["budgets"].items() if Decimal(each["actual"]) > Decimal(each["envelope"])] == [
        "retail"
    ]
    assert sheet["budgets"]["retail"]["breach_day"] == "2026-06-23"


def test_files_hold_what_the_answer_sheet_says(tmp_path: Path) -> None:
    write_deliveries(tmp_path, Calendar(date(2026, 5, 1), date(2026, 6, 1)), 11, "exports")
    sheet = json.loads((tmp_path / "answers.json").read_text())
    manifest = json.loads(
        (tmp_path / "2026-07-14/focus/metadata/BILLING_PERIOD=2026-06/focus-Manifest.json").read_text()
    )
    rows = [
        row
        for uri in manifest["dataFiles"]
        for row in _rows(tmp_path / "2026-07-14" / uri.removeprefix("s3://exports/"))
    ]
    assert sum((Decimal(row["BilledCost"]) for row in rows), NOTHING).quantize(Decimal("0.01")) == Decimal(
        sheet["months"]["2026-06-01"]["invoice"]
    )
    assert {row["InvoiceId"] for row in rows} == {"2026060042"}
    assert list(rows[0]) == [column["name"] for column in manifest["columns"]]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as text:
        yield from csv.DictReader(text)


def test_simulated_spend_is_the_same_each_time_and_has_every_category() -> None:
    charges = simulate_spend(3, accounts=12, services=4, first=date(2026, 1, 1), days=120)
    assert charges == simulate_spend(3, accounts=12, services=4, first=date(2026, 1, 1), days=120)
    assert {charge.key.category for charge in charges} == {
        ChargeCategory.USAGE,
        ChargeCategory.PURCHASE,
        ChargeCategory.TAX,
        ChargeCategory.CREDIT,
    }
    assert len({charge.key for charge in charges if charge.key.category is ChargeCategory.USAGE}) == sum(
        charge.key.category is ChargeCategory.USAGE for charge in charges
    )
