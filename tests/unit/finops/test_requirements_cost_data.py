"""What users of other tools complain about in cost data, each with the right value."""

import gzip
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from bellwether.finops.domain.aggregation import glue_names
from bellwether.finops.domain.charges import Charge, ChargeCategory
from bellwether.finops.domain.export_layouts import ExportColumn, FileFormat
from bellwether.finops.domain.provisional import DeliveryState, is_provisional
from bellwether.finops.usecases.store_charges import StoredCharges
from bellwether.shared.domain.errors import InvalidInputError
from tests.fakes.charges import InMemoryCharges
from tests.fakes.cost_exports import CUR_ROW, FOCUS_ROW, CostWorld, Row, csv_gz

USAGE, PURCHASE = ChargeCategory.USAGE, ChargeCategory.PURCHASE
PLAN = "arn:aws:savingsplans::0012345678901:savingsplan/1"
MID_MAY, AUGUST = datetime(2026, 5, 20, 7, tzinfo=UTC), datetime(2026, 8, 1, 7, tzinfo=UTC)
RESERVATION = "arn:aws:ec2:us-east-1:0012345678901:reserved-instances/1"


def at(day: int, month: int = 5) -> datetime:
    """Seven in the morning."""
    return datetime(2026, month, day, 7, tzinfo=UTC)


def usd(*amounts: int) -> tuple[Decimal, ...]:
    """Whole amounts."""
    return tuple(map(Decimal, amounts))


def focus(**cells: str) -> Row:
    return FOCUS_ROW | cells


def cur(line_type: str = "Usage", unblended: str = "1.10", **cells: str) -> Row:
    return CUR_ROW | {"line_item_line_item_type": line_type, "line_item_unblended_cost": unblended} | cells


@pytest.fixture
def world() -> CostWorld:
    return CostWorld(InMemoryCharges())


def loaded(world: CostWorld, rows: Sequence[Row], known_at: datetime = MID_MAY) -> StoredCharges:
    """Deliver and refresh; the one delivery that was stored."""
    world.deliver(rows, refresh=f"{known_at}")
    (stored,) = world.refresh(known_at)
    assert stored.outcome == "loaded", stored.reason
    return stored


def charges(world: CostWorld, known_at: datetime = AUGUST) -> Sequence[Charge]:
    return world.charges.as_known_at(known_at, date(2026, 1, 1), date(2026, 12, 31))


def billed(world: CostWorld, category: ChargeCategory | None = None, known_at: datetime = AUGUST) -> Decimal:
    found = charges(world, known_at)
    return sum((each.billed for each in found if category in (None, each.key.category)), Decimal(0))


def effective(world: CostWorld, category: ChargeCategory | None = None, known_at: datetime = AUGUST) -> Decimal:
    found = charges(world, known_at)
    return sum((each.effective for each in found if category in (None, each.key.category)), Decimal(0))


def rejected(world: CostWorld) -> list[tuple[str, int | None]]:
    assert isinstance(world.charges, InMemoryCharges)
    return sorted((each.reason, each.line) for each in world.charges.rejected)


# --- cost data -------------------------------------------------------------------------------------------------------


def test_requirement_01_late_days(world: CostWorld) -> None:
    # Given a day that is delivered at 60%, at 90% and whole
    for day, amount in ((5, "60.00"), (6, "90.00"), (7, "100.00")):
        stored = loaded(world, [focus(EffectiveCost=amount, BilledCost=amount)], at(day))
    # Then each morning knew what it knew, and the restatement is said in USD
    assert [effective(world, known_at=at(day)) for day in (5, 6, 7)] == [60, 90, 100]
    assert stored.restated == {"USD": {"billed": "10", "effective": "10"}}
    # And the day is provisional until it is three days old
    assert [is_provisional(date(2026, 5, 4), at(day), None) for day in (5, 6, 7)] == [True, True, False]


def test_requirement_02_a_closed_month_still_changes(world: CostWorld) -> None:
    # Given a closed month without invoice ids: it is provisional for 14 days
    loaded(world, [focus()], at(2, 6))
    (state,) = world.charges.deliveries_as_known_at(at(3, 6))
    assert not state.invoiced
    assert is_provisional(date(2026, 5, 4), at(14, 6), state)
    assert not is_provisional(date(2026, 5, 4), at(15, 6), state)
    # And final as soon as it has them
    loaded(world, [focus(InvoiceId="4711")], at(4, 6))
    (state,) = world.charges.deliveries_as_known_at(at(5, 6))
    assert not is_provisional(date(2026, 5, 4), at(5, 6), state)
    # When June's delivery corrects a day of May
    correction = focus(
        BillingPeriodStart="2026-06-01T00:00:00Z", ChargeClass="Correction", BilledCost="-0.50", EffectiveCost="-0.50"
    )
    world.deliver([correction], period="2026-06")
    (stored,) = world.refresh(at(9, 6))
    # Then it belongs to May, and June's run rate does not move
    found = charges(world)
    assert {(each.key.day, each.key.correction, each.effective) for each in found} == {
        (date(2026, 5, 4), False, Decimal(1)),
        (date(2026, 5, 4), True, Decimal("-0.50")),
    }
    assert stored.rejections == 0


def test_requirement_02_open_month_is_provisional_for_its_newest_days_only() -> None:
    state = DeliveryState(date(2026, 5, 1), "id", at(20), 1, 1)
    days = [date(2026, 5, 20) - timedelta(days=number) for number in range(5)]
    assert [is_provisional(day, at(20), state) for day in days] == [True, True, True, False, False]


def test_requirement_03_the_same_month_twice(world: CostWorld) -> None:
    # Given two refreshes in one folder and a half-written third one, which has no manifest
    loaded(world, [focus(BilledCost="5.01"), focus(BilledCost="5.02")], at(5))
    world.deliver([focus(BilledCost="7.77")], refresh="2")
    world.deliver([focus(BilledCost="900.00")], refresh="3", without_manifest=True)
    # When it is refreshed, twice
    (stored,) = world.refresh(at(6))
    assert world.refresh(at(7)) == []
    # Then the total is the newest manifest's, to the cent
    assert billed(world) == Decimal("7.77")
    assert (stored.outcome, stored.reconciliations[0].agrees) == ("loaded", True)


def test_requirement_03_a_missing_file_leaves_the_numbers(world: CostWorld) -> None:
    loaded(world, [focus()], at(5))
    first, second = world.deliver([[focus(BilledCost="2.00")], [focus(BilledCost="3.00")]], refresh="2")
    world.objects.delete(second)
    # When the manifest names a file that is not there
    (stored,) = world.refresh(at(6))
    # Then the delivery is in quarantine with the file's name, and yesterday's numbers stay
    assert (stored.outcome, second in stored.reason, first in stored.reason) == ("quarantined", True, False)
    assert billed(world) == Decimal("1.10")
    # And people are told once, until the file has arrived: then the delivery is loaded
    assert [each.outcome for each in world.refresh(at(7))] == ["unchanged"]
    world.objects.put(second, csv_gz([focus(BilledCost="3.00")]))
    assert [each.outcome for each in world.refresh(at(8))] == ["loaded"]
    assert billed(world) == Decimal("5.00")


def test_requirement_03_a_file_named_twice_counts_once(world: CostWorld) -> None:
    (key,) = world.deliver([focus()])
    world.write_manifest([key, key], [{"name": name} for name in FOCUS_ROW])
    world.refresh(at(5))
    assert billed(world) == Decimal("1.10")


def test_requirement_04_each_delivery_is_reconciled(world: CostWorld) -> None:
    # Given usage, tax and a credit, and an invoice that says a cent and a half less
    rows = [
        focus(BilledCost="10.00"),
        focus(ChargeCategory="Tax", BilledCost="0.80", EffectiveCost="0.80"),
        focus(ChargeCategory="Credit", BilledCost="-2.00", EffectiveCost="-2.00"),
    ]
    world.deliver(rows)
    (stored,) = world.refresh(at(5), expected={"USD": Decimal("8.785")})
    (line,) = stored.reconciliations
    # Then the line has the sum of all, the sums by category, and the difference; its metric has a name
    assert (line.line_items, line.billed) == (3, Decimal("8.80"))
    assert line.billed_by_category == {"Usage": 10, "Tax": Decimal("0.80"), "Credit": -2}
    assert (line.difference, line.agrees) == (Decimal("0.015"), False)
    # And within a cent they agree
    world.deliver([*rows, focus(BilledCost="0")], refresh="2")
    (stored,) = world.refresh(at(6), expected={"USD": Decimal("8.79")})
    assert stored.reconciliations[0].agrees


def test_requirement_05_a_negation_is_not_doubled(world: CostWorld) -> None:
    # Given a plan of 10.00 a day, all upfront, with 60% use: 6.00 used that list at 9.00, 4.00 unused
    rows = [
        cur("SavingsPlanUpfrontFee", "10.00", savings_plan_savings_plan_a_r_n=PLAN),
        cur(
            "SavingsPlanCoveredUsage",
            "9.00",
            savings_plan_savings_plan_a_r_n=PLAN,
            savings_plan_savings_plan_effective_cost="6.00",
        ),
        cur("SavingsPlanNegation", "-9.00", savings_plan_savings_plan_a_r_n=PLAN),
        cur(
            "SavingsPlanRecurringFee",
            "0.00",
            savings_plan_savings_plan_a_r_n=PLAN,
            savings_plan_total_commitment_to_date="10.00",
            savings_plan_used_commitment="6.00",
        ),
    ]
    stored = loaded(world, rows)
    # Then amortised cost is used and unused, and over the term what was billed
    assert effective(world, USAGE) == Decimal("10.00") == billed(world)
    assert (effective(world, PURCHASE), billed(world, USAGE)) == usd(0, 0)
    # And a purchase has no cost at list prices, so that it counts in no saving
    assert sum(each.listed or 0 for each in charges(world) if each.key.category is PURCHASE) == 0
    assert (stored.reconciliations[0].line_items, stored.reconciliations[0].agrees) == (4, True)


def test_requirement_05_reservations_by_line_item_type(world: CostWorld) -> None:
    rows = [
        cur("DiscountedUsage", "0", reservation_effective_cost="0.70", reservation_reservation_a_r_n=RESERVATION),
        cur(
            "RIFee",
            "5.00",
            reservation_reservation_a_r_n=RESERVATION,
            reservation_unused_amortized_upfront_fee_for_billing_period="1.00",
            reservation_unused_recurring_fee="0.50",
        ),
        cur("Fee", "100.00", reservation_reservation_a_r_n=RESERVATION),  # upfront
        cur("Fee", "3.00"),  # a domain, say
    ]
    loaded(world, rows)
    assert effective(world, USAGE) == Decimal("2.20")
    assert (effective(world, PURCHASE), billed(world, PURCHASE)) == usd(3, 108)


def test_requirement_06_the_refund_of_a_returned_plan_is_no_saving(world: CostWorld) -> None:
    rows = [
        cur("Usage", "40.00"),
        cur("SavingsPlanUpfrontFee", "9000.00", savings_plan_savings_plan_a_r_n=PLAN),
        cur("Refund", "-9000.00", savings_plan_savings_plan_a_r_n=PLAN),
        cur("Refund", "-2.00"),
    ]
    loaded(world, rows)
    # Then the amortised month is unchanged by the plan, and an ordinary refund counts
    assert (effective(world), billed(world)) == usd(38, 38)
    assert billed(world, ChargeCategory.REFUND) == -9002


def test_requirement_06_focus_tells_refunds_of_purchases(world: CostWorld) -> None:
    rows = [
        focus(ChargeCategory="Purchase", BilledCost="9000.00", EffectiveCost="0", CommitmentDiscountId=PLAN),
        focus(ChargeCategory="Purchase", BilledCost="-9000.00", EffectiveCost="0", CommitmentDiscountId=PLAN),
    ]
    loaded(world, rows)
    assert [(each.key.category.value, each.billed) for each in charges(world)] == [
        ("Purchase", Decimal(9000)),
        ("Refund", Decimal(-9000)),
    ]
    assert effective(world) == 0


def test_requirement_07_credits_do_not_hide_usage(world: CostWorld) -> None:
    loaded(world, [cur("Usage", "50.00"), cur("Credit", "-50.00")])
    assert (effective(world, USAGE), effective(world, ChargeCategory.CREDIT), effective(world)) == usd(50, -50, 0)


def test_requirement_08_fees_of_the_first_are_purchases(world: CostWorld) -> None:
    rows = [
        cur("Usage", "50.00"),
        cur("SavingsPlanUpfrontFee", "7300.00", savings_plan_savings_plan_a_r_n=PLAN),
        cur("Fee", "100.00", line_item_product_code="AWSSupportBusiness"),
    ]
    loaded(world, rows)
    # Then neither stands in the usage that is forecast and watched
    assert effective(world, USAGE) == 50
    assert (billed(world, PURCHASE), effective(world, PURCHASE)) == usd(7400, 100)


def test_requirement_09_negative_usage_is_quarantined_with_its_line(world: CostWorld) -> None:
    # Given a negative row of each kind
    rows = [
        focus(),
        focus(BilledCost="-3.00", EffectiveCost="-3.00", ResourceId="i-2"),
        focus(ChargeCategory="Credit", BilledCost="-1.00", EffectiveCost="-1.00"),
        focus(ChargeCategory="Adjustment", BilledCost="-1.00", EffectiveCost="-1.00"),
        focus(ChargeClass="Correction", BilledCost="-1.00", EffectiveCost="-1.00"),
        focus(BilledCost="abc"),
        focus(ChargePeriodStart="2026-05-04T02:00:00+05:30"),
        focus(ChargeCategory="Gift"),
        focus(ChargePeriodStart="2999-01-01T00:00:00Z"),
        focus(ChargeCategory="Purchase", ChargePeriodStart="2999-01-01T00:00:00Z", BilledCost="0", EffectiveCost="0"),
    ]
    stored = loaded(world, rows)
    # Then what has no right to be negative, and what can't be read, counts nowhere and is found by file and line
    assert rejected(world) == [
        ("BilledCost is no number", 7),
        ("ChargePeriodStart is no time in UTC", 8),
        ("negative usage", 3),
        ("unknown ChargeCategory", 9),
        ("usage in the future", 10),
    ]
    assert stored.rejections == 5
    assert billed(world) == Decimal("1.10") - 3
    assert isinstance(world.charges, InMemoryCharges)
    assert all(each.file.endswith("focus-00001.csv.gz") for each in world.charges.rejected)


def test_requirement_10_a_missing_column_works_with_less(world: CostWorld) -> None:
    # Given an export without resources, list cost, tags and AWS's own columns
    lacking = {"ResourceId", "ListCost", "Tags", "x_ServiceCode", "x_UsageType"}
    stored = loaded(world, [{name: cell for name, cell in FOCUS_ROW.items() if name not in lacking}])
    (charge,) = charges(world)
    assert (charge.effective, charge.listed, charge.key.service) == (Decimal(1), None, "Amazon Elastic Compute Cloud")
    # Then each loss names the setting to switch on
    reasons = stored.findings["why_empty"]
    assert "resources are unknown: switch on Include resource IDs (resourceid)" in reasons
    assert "all spend is untagged: switch on cost allocation tags in the Billing console (tags)" in reasons
    assert len(reasons) == len(lacking)


def test_requirement_10_a_missing_required_column_is_refused(world: CostWorld) -> None:
    world.deliver([{name: cell for name, cell in FOCUS_ROW.items() if name != "EffectiveCost"}])
    (stored,) = world.refresh(at(5))
    assert (stored.outcome, stored.reason) == (
        "quarantined",
        "columns: neither FOCUS nor CUR; for FOCUS it lacks effective_cost",
    )


def test_requirement_10_moved_columns_are_refused(world: CostWorld) -> None:
    # Given a file whose columns stand in another order than the manifest says: they would be read as each other
    (key,) = world.deliver([focus()])
    names = list(FOCUS_ROW)
    names[8], names[9] = names[9], names[8]
    world.write_manifest([key], [{"name": name} for name in names])
    (stored,) = world.refresh(at(5))
    assert stored.outcome == "quarantined"
    assert "its columns differ from the manifest's from column 9 on" in stored.reason


def test_requirement_11_tag_keys_are_joined_by_an_explicit_list_only() -> None:
    # Given three spellings of a tag in one file, and a row without tags
    rows = [
        focus(EffectiveCost="4.00"),
        focus(EffectiveCost="2.00", Tags='{"costcenter":"retail"}'),
        focus(EffectiveCost="1.00", Tags='{"user:CostCenter":"retail"}'),
        focus(EffectiveCost="0.50", Tags=""),
        focus(EffectiveCost="0.25", Tags="no JSON"),
    ]
    # When only one spelling is listed
    world = CostWorld(InMemoryCharges(), ["CostCenter"])
    stored = loaded(world, rows)
    # Then the others are untagged and reported with their amounts
    by_center = {each.key.cost_center: each.effective for each in charges(world)}
    assert by_center == {"retail": 4, "": Decimal("3.75")}
    assert stored.findings["tag_keys"] == {"CostCenter": {"line_items": 1, "effective": "4"}}
    others = stored.findings["other_tag_keys"]
    assert {key: Decimal(each["effective"]) for key, each in others.items()} == {"costcenter": 2, "user:CostCenter": 1}
    # And when all three are listed they are one cost center; untagged is a part of its own
    world = CostWorld(InMemoryCharges(), ["CostCenter", "costcenter", "user:CostCenter"])
    stored = loaded(world, rows)
    assert {each.key.cost_center: each.effective for each in charges(world)} == {"retail": 7, "": Decimal("0.75")}
    assert "other_tag_keys" not in stored.findings
    assert stored.findings["tag_keys"].keys() == {"CostCenter", "costcenter", "user:CostCenter"}


def test_requirement_11_cur_adds_its_prefix_to_tags(world: CostWorld) -> None:
    rows = [cur(), cur(resource_tags='{"user:costcenter":"retail"}'), cur(resource_tags="{}")]
    stored = loaded(world, rows)
    assert {each.key.cost_center: each.rows for each in charges(world)} == {"retail": 1, "": 2}
    assert stored.findings["other_tag_keys"].keys() == {"user:costcenter"}


def test_requirement_11_legacy_cur_has_a_column_for_each_tag(world: CostWorld) -> None:
    legacy = {
        "bill/BillingPeriodStartDate": "2026-05-01T00:00:00Z",
        "lineItem/UsageStartDate": "2026-05-04T10:00:00Z",
        "lineItem/LineItemType": "Usage",
        "lineItem/UnblendedCost": "1.00",
        "lineItem/CurrencyCode": "USD",
        "resourceTags/user:CostCenter": "retail",
        "resourceTags/user:costcenter": "",
    }
    untagged = legacy | {"resourceTags/user:CostCenter": "", "resourceTags/user:costcenter": "shop"}
    stored = loaded(world, [legacy, untagged])
    assert {each.key.cost_center: each.rows for each in charges(world)} == {"retail": 1, "": 1}
    assert stored.findings["other_tag_keys"].keys() == {"user:costcenter"}


def test_requirement_12_accounts_regions_and_currencies(world: CostWorld) -> None:
    rows = [
        focus(SubAccountId="0099999999999", RegionId="global"),
        focus(SubAccountId="99999999999", RegionId=""),
        focus(BillingCurrency="NOK", BilledCost="11.00", EffectiveCost="11.00"),
    ]
    world.deliver(rows)
    (stored,) = world.refresh(at(5), expected={"USD": Decimal("2.20")})
    # Then account ids are text, a global service has no region, and currencies are kept apart
    found = charges(world)
    assert {each.key.account for each in found} == {"0099999999999", "99999999999", "0012345678901"}
    assert {each.key.region for each in found if each.key.currency == "USD"} == {""}
    assert {line.currency: (line.billed, line.agrees) for line in stored.reconciliations} == {
        "USD": (Decimal("2.20"), True),
        "NOK": (11, True),
    }
    assert stored.findings["currencies"] == ["NOK", "USD"]


def test_parquet_is_read_as_csv_is(world: CostWorld) -> None:
    # Given the same line items in Parquet, typed as AWS types them: names in any case, doubles, times, a map
    rows = [focus(BilledCost="0.1"), focus(BilledCost="0.2", Tags="{}"), focus(BilledCost="-0.3")]
    key = "cost-data/exports/focus/data/BILLING_PERIOD=2026-05/1/focus-00001.snappy.parquet"
    world.objects.put(key, parquet(rows))
    columns = [
        {"name": each.name, "type": PARQUET_TYPES.get(each.name, "string")} for each in map(ExportColumn, FOCUS_ROW)
    ]
    world.write_manifest([key], columns, content_type="application/vnd.apache.parquet")
    (stored,) = world.refresh(at(5))
    assert stored.outcome == "loaded", stored.reason
    # Then charges are the same, and a rejected line item is told by its file
    assert {each.key.cost_center: each.billed for each in charges(world)} == {
        "retail": Decimal("0.1"),
        "": Decimal("0.2"),
    }
    assert {(each.key.day, each.listed) for each in charges(world)} == {(date(2026, 5, 4), Decimal("1.25"))}
    assert rejected(world) == [("negative usage", None)]


PARQUET_TYPES = {
    "BilledCost": "double",
    "EffectiveCost": "double",
    "ListCost": "double",
    "BillingPeriodStart": "timestamp(3)",
    "ChargePeriodStart": "timestamp(3)",
    "ChargePeriodEnd": "timestamp(3)",
    "Tags": "map<string, string>",
}


def parquet(rows: Sequence[Row]) -> bytes:
    """Rows as AWS writes them in Parquet."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    kinds = {
        "double": pa.float64(),
        "timestamp(3)": pa.timestamp("ms"),
        "map<string, string>": pa.map_(pa.string(), pa.string()),
    }
    read: dict[str, Callable[[str], object]] = {
        "double": float,
        "timestamp(3)": lambda text: datetime.fromisoformat(text).replace(tzinfo=None),
        "map<string, string>": lambda text: list(json.loads(text).items()),
    }
    columns = {}
    for name in rows[0]:
        kind = PARQUET_TYPES.get(name)
        cells = [read[kind](row[name]) if kind else row[name] or None for row in rows]
        columns[name] = pa.array(cells, kinds[kind] if kind else pa.string())
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


# --- validation ------------------------------------------------------------------------------------------------------


def test_a_line_item_that_is_delivered_twice_counts_once(world: CostWorld) -> None:
    line = cur(identity_line_item_id="a", identity_time_interval="2026-05-04T10:00:00Z/2026-05-04T11:00:00Z")
    stored = loaded(world, [line, line, line | {"identity_line_item_id": "b"}])
    assert billed(world) == Decimal("2.20")
    assert stored.findings["left_out"] == {"duplicate line item": {"line_items": 1, "amount": "1.1"}}


def test_equal_line_items_without_ids_are_counted_and_said(world: CostWorld) -> None:
    # FOCUS has no line item ids, and the specification's own examples have equal rows that are both right
    stored = loaded(world, [focus(), focus()])
    assert billed(world) == Decimal("2.20")
    assert stored.findings["equal_line_items"] == 1


def test_split_cost_allocation_counts_once(world: CostWorld) -> None:
    pod = cur("Usage", "0", split_line_item_parent_resource_id="i-1", line_item_resource_id="pod/1")
    stored = loaded(world, [cur(), pod, pod])
    assert (billed(world), stored.rejections) == (Decimal("1.10"), 0)
    assert stored.findings["left_out"]["split cost allocation"]["line_items"] == 2


def test_missing_days_are_said(world: CostWorld) -> None:
    rows = [focus(ChargePeriodStart=f"2026-05-{day:02}T00:00:00Z") for day in (1, 2, 5)]
    assert loaded(world, rows).findings["missing_days"] == ["2026-05-03", "2026-05-04"]


def test_a_file_in_another_bucket_is_refused(world: CostWorld) -> None:
    world.deliver([focus()])
    key = "cost-data/exports/focus/metadata/BILLING_PERIOD=2026-05/focus-Manifest.json"
    manifest = json.loads(world.objects.get(key).content)
    manifest["dataFiles"] = ["s3://elsewhere/cost-data/exports/focus/data/1.csv.gz"]
    world.objects.put(key, json.dumps(manifest).encode())
    (stored,) = world.refresh(at(5))
    assert stored.reason == "dataFiles: names a file in another bucket, elsewhere"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"dataFiles": []}', b'{"dataFiles": ["x"], "columns": [{}]}'])
def test_a_manifest_that_cannot_be_read_is_refused(world: CostWorld, content: bytes) -> None:
    world.deliver([focus()])
    key = "cost-data/exports/focus/metadata/BILLING_PERIOD=2026-05/focus-Manifest.json"
    world.objects.put(key, content)
    (stored,) = world.refresh(at(5))
    assert stored.outcome == "quarantined"
    assert charges(world) == []


def test_damaged_files_are_refused(world: CostWorld) -> None:
    (key,) = world.deliver([focus()])
    for content in (b"", b"no gzip", gzip.compress(b"a,b\n1,2\n")):
        world.objects.put(key, content)
        (stored,) = world.refresh(at(5))
        assert (stored.outcome, key in stored.reason) == ("quarantined", True), content


def test_several_exports_are_not_added_up(world: CostWorld) -> None:
    world.deliver([focus()])
    world.deliver([cur()], export="cur")
    with pytest.raises(InvalidInputError, match="several exports, cur, focus: set CostExport"):
        world.refresh(at(5))
    (stored,) = world.refresh(at(5), export="cur")
    assert stored.outcome == "loaded"


def test_a_query_reads_the_files_of_its_delivery_only(world: CostWorld) -> None:
    # Given three months of history
    for month in range(4, 7):
        start = f"2026-{month:02}-01T00:00:00Z"
        world.deliver([focus(ChargePeriodStart=start, BillingPeriodStart=start)], period=f"2026-{month:02}")
    world.refresh(at(1, 8))
    world.scanned_bytes.clear()
    # When one of them is delivered again
    (key,) = world.deliver([focus()], refresh="2")
    world.refresh(at(2, 8))
    # Then one file is read
    assert world.scanned_bytes == [len(world.objects.get(key).content)]


def test_numbers_in_exponents_and_many_places_are_exact(world: CostWorld) -> None:
    rows = [focus(BilledCost="1E-7", EffectiveCost="0.000000800001"), focus(BilledCost="0.1", EffectiveCost="0.2")]
    loaded(world, rows)
    assert (billed(world), effective(world)) == (Decimal("0.1000001"), Decimal("0.200000800001"))


def test_names_of_columns_in_csv_differ() -> None:
    columns = [ExportColumn(name) for name in ("lineItem/UnblendedCost", "resourceTags/user:A", "resourceTags/user:a")]
    assert glue_names(columns, FileFormat.CSV) == (
        "line_item_unblended_cost",
        "resource_tags_user_a",
        "resource_tags_user_a_2",
    )
    assert glue_names([ExportColumn("BilledCost")], FileFormat.PARQUET) == ("billedcost",)
