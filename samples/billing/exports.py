"""Write a delivery as AWS Data Exports does: FOCUS 1.2 with AWS's columns, or CUR 2.0, as CSV.gz with a manifest.

Layout: `<export>/data/BILLING_PERIOD=YYYY-MM/<refresh>/<export>-00001.csv.gz` and
`<export>/metadata/BILLING_PERIOD=YYYY-MM/<export>-Manifest.json`, which names the files of the newest refresh. Source:
AWS's user guide, "Understanding export delivery". The manifest's keys are not documented there; these are assumptions.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from samples.billing.deliveries import Delivery
from samples.billing.lines import NOTHING, Kind, Line

PAYER = "999999999999"
NAMES = {
    "AmazonEC2": ("Amazon Elastic Compute Cloud", "Compute"),
    "AmazonRDS": ("Amazon Relational Database Service", "Databases"),
    "AmazonDynamoDB": ("Amazon DynamoDB", "Databases"),
    "AmazonS3": ("Amazon Simple Storage Service", "Storage"),
    "AmazonCloudWatch": ("AmazonCloudWatch", "Management and Governance"),
    "AWSDataTransfer": ("AWS Data Transfer", "Networking"),
    "AmazonVPC": ("Amazon Virtual Private Cloud", "Networking"),
    "AmazonSageMaker": ("Amazon SageMaker", "AI and Machine Learning"),
    "AWSLambda": ("AWS Lambda", "Compute"),
    "AmazonAthena": ("Amazon Athena", "Analytics"),
    "ComputeSavingsPlans": ("Savings Plans for AWS Compute usage", "Compute"),
    "AWSSupportBusiness": ("AWS Support (Business)", "Management and Governance"),
}
FOCUS_CATEGORY = {
    Kind.USAGE: "Usage",
    Kind.COVERED: "Usage",
    Kind.UNUSED: "Usage",
    Kind.UPFRONT: "Purchase",
    Kind.FEE: "Purchase",
    Kind.TAX: "Tax",
    Kind.CREDIT: "Credit",
    Kind.REFUND: "Adjustment",
}
Row = Mapping[str, str]


def focus_rows(lines: Sequence[Line], delivery: Delivery) -> Iterator[Row]:
    """Return the delivery's rows in FOCUS 1.2."""
    for line in lines:
        name, group = NAMES[line.service]
        yield {
            **_focus_period(line, delivery),
            "BilledCost": _amount(line.billed),
            "EffectiveCost": _amount(line.effective),
            "ListCost": _amount(line.listed),
            "ContractedCost": _amount(line.listed),
            "BillingCurrency": "USD",
            "ChargeCategory": FOCUS_CATEGORY[line.kind],
            "ChargeClass": "Correction" if line.correction else "",
            "ChargeDescription": line.description,
            "ChargeFrequency": "One-Time" if line.kind in (Kind.UPFRONT, Kind.REFUND) else "Usage-Based",
            "CommitmentDiscountId": line.plan.arn if line.plan else "",
            "CommitmentDiscountType": "Compute Savings Plan" if line.plan else "",
            "CommitmentDiscountStatus": {Kind.COVERED: "Used", Kind.UNUSED: "Unused"}.get(line.kind, ""),
            "ConsumedQuantity": _amount(line.quantity) if line.quantity else "",
            "ConsumedUnit": line.unit,
            "ProviderName": "AWS",
            "PublisherName": "Amazon Web Services, Inc.",
            "InvoiceIssuerName": "Amazon Web Services, Inc.",
            "BillingAccountId": PAYER,
            "SubAccountId": line.account,
            "RegionId": line.region,
            "ResourceId": line.resource,
            "ServiceName": name,
            "ServiceCategory": group,
            "Tags": json.dumps(dict(line.tags), separators=(",", ":")) if line.tags else "",
            "x_ServiceCode": line.service,
            "x_UsageType": line.usage_type,
            "x_Operation": line.operation,
        }


def _focus_period(line: Line, delivery: Delivery) -> Row:
    end = (delivery.month + timedelta(days=31)).replace(day=1)
    return {
        "InvoiceId": delivery.invoice,
        "BillingPeriodStart": _midnight(delivery.month),
        "BillingPeriodEnd": _midnight(end),
        "ChargePeriodStart": _midnight(line.day),
        "ChargePeriodEnd": _midnight(line.day + timedelta(days=1)),
    }


def cur_rows(lines: Sequence[Line], delivery: Delivery) -> Iterator[Row]:
    """Return the delivery's rows in CUR 2.0. Covered usage comes with a line that takes its list price back."""
    for line in lines:
        covered = line.kind is Kind.COVERED
        yield _cur_row(line, delivery, line.kind.value, line.listed if covered else line.billed)
        if covered:
            yield _cur_row(line, delivery, "SavingsPlanNegation", -line.listed)


def _cur_row(line: Line, delivery: Delivery, kind: str, unblended: Decimal) -> Row:
    unused = line.kind is Kind.UNUSED
    return {
        "bill_billing_period_start_date": _cur_time(delivery.month),
        "bill_billing_period_end_date": _cur_time((delivery.month + timedelta(days=31)).replace(day=1)),
        "bill_bill_type": "Anniversary",
        "bill_billing_entity": "AWS",
        "bill_invoice_id": delivery.invoice,
        "bill_payer_account_id": PAYER,
        "line_item_usage_account_id": line.account,
        "line_item_usage_start_date": _cur_time(line.day),
        "line_item_usage_end_date": _cur_time(line.day + timedelta(days=1)),
        "line_item_line_item_type": kind,
        "line_item_product_code": line.service,
        "line_item_usage_type": line.usage_type,
        "line_item_operation": line.operation,
        "line_item_resource_id": line.resource,
        "line_item_usage_amount": _amount(line.quantity),
        "line_item_currency_code": "USD",
        "line_item_unblended_cost": _amount(unblended),
        "line_item_line_item_description": line.description,
        "pricing_public_on_demand_cost": _amount(line.listed),
        "pricing_unit": line.unit,
        "product_region_code": line.region,
        "savings_plan_savings_plan_a_r_n": line.plan.arn if line.plan else "",
        "savings_plan_savings_plan_effective_cost": _amount(line.effective) if kind == Kind.COVERED else "0",
        "savings_plan_total_commitment_to_date": _amount(_used(line) + line.effective) if unused else "0",
        "savings_plan_used_commitment": _amount(line.plan.daily_commitment - line.effective)
        if unused and line.plan
        else "0",
        "resource_tags": json.dumps({_cur_tag(key): value for key, value in line.tags}, separators=(",", ":"))
        if line.tags
        else "{}",
    }


def write(folder: Path, bucket: str, export: str, rows: Sequence[Row], delivery: Delivery) -> Path:
    """Write one refresh and its manifest below `folder`; return the manifest. Earlier refreshes stay beside it."""
    partition = f"BILLING_PERIOD={delivery.period}"
    refresh = f"{delivery.on:%Y-%m-%d}T060000Z-{delivery.name}"
    data = folder / export / "data" / partition / refresh / f"{export}-00001.csv.gz"
    data.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    columns = list(rows[0])
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    data.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=6, mtime=0))
    manifest = folder / export / "metadata" / partition / f"{export}-Manifest.json"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "executionId": refresh,
        "billingPeriod": delivery.period,
        "contentType": "text/csv",
        "compression": "GZIP",
        "columns": [
            {"name": name, "type": "map<string,string>" if name == "resource_tags" else "string"} for name in columns
        ],
        "dataFiles": [f"s3://{bucket}/{data.relative_to(folder).as_posix()}"],
    }
    manifest.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return manifest


EXPORTS: Mapping[str, Callable[[Sequence[Line], Delivery], Iterator[Row]]] = {"focus": focus_rows, "cur": cur_rows}


def _used(line: Line) -> Decimal:
    return line.plan.daily_commitment - line.effective if line.plan else NOTHING


def _cur_tag(key: str) -> str:
    return key if key.startswith("user:") else f"user:{key}"


def _amount(amount: Decimal) -> str:
    return f"{amount if amount else NOTHING:f}"


def _midnight(day: date) -> str:
    return f"{day:%Y-%m-%d}T00:00:00Z"


def _cur_time(day: date) -> str:
    return f"{day:%Y-%m-%d} 00:00:00.000"
