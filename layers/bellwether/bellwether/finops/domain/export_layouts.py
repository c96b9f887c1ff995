"""Layouts of cost exports: which column of FOCUS or CUR is what, and what is lost where a column is missing."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bellwether.shared.domain.errors import InvalidInputError

PLAIN_FILE = "column of the file"


class FileFormat(StrEnum):
    """How a file of an export is written."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as our queries name it; `sources` are the export's names for it, folded, the preferred one first."""

    name: str
    sources: tuple[str, ...]
    without: str = ""  # what is lost when the export lacks it
    setting: str = PLAIN_FILE  # what to switch on


@dataclass(frozen=True, slots=True)
class Layout:
    """A family of exports. `query` is the SQL that judges its line items."""

    name: str
    query: str
    required: tuple[Column, ...]
    optional: tuple[Column, ...]
    reference: tuple[str, ...]  # columns that identify a line item to a person

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every column that the query uses."""
        return (*self.required, *self.optional)


FOCUS = Layout(
    "FOCUS",
    "focus.sql",
    required=(
        Column("charge_start", ("chargeperiodstart",)),
        Column("charge_category", ("chargecategory",)),
        Column("billed_cost", ("billedcost",)),
        Column("effective_cost", ("effectivecost",)),
    ),
    optional=(
        Column("charge_end", ("chargeperiodend",)),
        Column("charge_class", ("chargeclass",), "corrections are not told apart"),
        Column("charge_description", ("chargedescription",)),
        Column("billing_account", ("billingaccountid",), "payers are unknown"),
        Column("sub_account", ("subaccountid",), "accounts are unknown"),
        Column("service_code", ("xservicecode",), "services have names instead of codes", "FOCUS 1.2 with AWS columns"),
        Column("service_name", ("servicename",), "services are unknown"),
        Column("usage_type", ("xusagetype",), "usage types are unknown", "FOCUS 1.2 with AWS columns"),
        Column("operation", ("xoperation",)),
        Column("region", ("regionid",), "regions are unknown"),
        Column("resource", ("resourceid",), "resources are unknown", "Include resource IDs"),
        Column("sku_price", ("skupriceid",)),
        Column("commitment", ("commitmentdiscountid",), "commitments are not told apart"),
        Column("commitment_status", ("commitmentdiscountstatus",), "unused commitments are not told apart"),
        Column("capacity_reservation", ("capacityreservationid",)),
        Column("consumed_quantity", ("consumedquantity",)),
        Column("pricing_quantity", ("pricingquantity",)),
        Column("list_cost", ("listcost",), "no cost at list prices"),
        Column("currency", ("billingcurrency",), "the currency is unknown"),
        Column("invoice", ("invoiceid",), "a closed month is final after 14 days", "FOCUS 1.2"),
        Column("tags_text", ("tags",), "all spend is untagged", "cost allocation tags in the Billing console"),
    ),
    reference=("charge_start", "charge_category", "billed_cost", "effective_cost", "sub_account", "resource"),
)

CUR = Layout(
    "CUR",
    "cur.sql",
    required=(
        Column("usage_start", ("lineitemusagestartdate",)),
        Column("line_type", ("lineitemlineitemtype",)),
        Column("unblended_cost", ("lineitemunblendedcost",)),
        Column("period_start", ("billbillingperiodstartdate",)),
    ),
    optional=(
        Column("line_id", ("identitylineitemid",), "", "chapter identity"),
        Column("time_interval", ("identitytimeinterval",), "", "chapter identity"),
        Column("payer_account", ("billpayeraccountid",), "payers are unknown"),
        Column("usage_account", ("lineitemusageaccountid",), "accounts are unknown"),
        Column("product_code", ("lineitemproductcode",), "services are unknown"),
        Column("usage_type", ("lineitemusagetype",), "usage types are unknown"),
        Column("operation", ("lineitemoperation",)),
        Column("region", ("productregioncode", "productregion"), "regions are unknown", "chapter product"),
        Column("resource", ("lineitemresourceid",), "resources are unknown", "Include resource IDs"),
        Column("description", ("lineitemlineitemdescription",)),
        Column("usage_amount", ("lineitemusageamount",)),
        Column("public_cost", ("pricingpublicondemandcost",), "no cost at list prices", "chapter pricing"),
        Column("currency", ("lineitemcurrencycode",), "the currency is unknown"),
        Column("invoice", ("billinvoiceid",), "a closed month is final after 14 days"),
        Column("plan_arn", ("savingsplansavingsplanarn",), "", "chapter savings plan"),
        Column(
            "plan_effective_cost",
            ("savingsplansavingsplaneffectivecost",),
            "usage under a Savings Plan costs nothing",
            "chapter savings plan",
        ),
        Column("plan_commitment", ("savingsplantotalcommitmenttodate",), "", "chapter savings plan"),
        Column("plan_used_commitment", ("savingsplanusedcommitment",), "", "chapter savings plan"),
        Column(
            "reservation_arn", ("reservationreservationarn", "reservationsubscriptionid"), "", "chapter reservation"
        ),
        Column(
            "reservation_effective_cost",
            ("reservationeffectivecost",),
            "usage under a reservation costs nothing",
            "chapter reservation",
        ),
        Column("unused_upfront", ("reservationunusedamortizedupfrontfeeforbillingperiod",), "", "chapter reservation"),
        Column("unused_recurring", ("reservationunusedrecurringfee",), "", "chapter reservation"),
        Column("split_parent", ("splitlineitemparentresourceid",)),
        Column("tags_text", ("resourcetags",)),
    ),
    reference=("line_id", "usage_start", "line_type", "unblended_cost", "usage_account", "resource"),
)

LAYOUTS = (FOCUS, CUR)
_TAG_COLUMN = "resourcetags"  # CUR before 2.0 has a column for each tag: resourceTags/user:CostCenter


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column of an export: its name there, and its type in Glue."""

    name: str
    type: str = "string"


def folded(name: str) -> str:
    """A column's name without case and signs: `lineItem/UnblendedCost` is `line_item_unblended_cost`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def layout_of(columns: Sequence[ExportColumn]) -> Layout:
    """The layout that has these columns; raises InvalidInputError that names the missing ones."""
    names = {folded(column.name) for column in columns}
    for layout in LAYOUTS:
        if all(names & set(column.sources) for column in layout.required):
            return layout
    nearest = min(LAYOUTS, key=lambda layout: len(_missing(layout, names)))
    lacking = ", ".join(column.name for column in _missing(nearest, names))
    raise InvalidInputError(f"neither FOCUS nor CUR; for {nearest.name} it lacks {lacking}", field="columns")


def _missing(layout: Layout, names: set[str]) -> list[Column]:
    return [column for column in layout.required if not names & set(column.sources)]


def sources_of(layout: Layout, columns: Sequence[ExportColumn]) -> dict[str, tuple[ExportColumn, ...]]:
    """For each column of the layout, the export's columns that hold it, the preferred one first; empty for none."""
    by_name: dict[str, ExportColumn] = {}
    for column in columns:
        by_name.setdefault(folded(column.name), column)
    return {
        column.name: tuple(by_name[source] for source in column.sources if source in by_name)
        for column in layout.columns
    }


def tag_columns(columns: Sequence[ExportColumn]) -> Iterator[tuple[str, ExportColumn]]:
    """Tag key and column for each tag that has a column of its own."""
    for column in columns:
        if folded(column.name).startswith(_TAG_COLUMN) and folded(column.name) != _TAG_COLUMN:
            key = re.sub(r"^resource_?tags[/_]", "", column.name, flags=re.IGNORECASE)
            yield key, column


def why_empty(layout: Layout, columns: Sequence[ExportColumn]) -> tuple[str, ...]:
    """What is lost for lack of an optional column, and what to switch on in the export."""
    present = sources_of(layout, columns)
    tagged = any(tag_columns(columns))
    return tuple(
        f"{column.without}: switch on {column.setting} ({column.sources[0]})"
        for column in layout.optional
        if column.without and not present[column.name] and not (column.name == "tags_text" and tagged)
    )
