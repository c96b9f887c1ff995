"""Cost exports without AWS: files in an object store, Glue's tables in memory, and Athena's SQL by DuckDB."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bellwether.finops.adapters.glue_tables import GlueTables
from bellwether.finops.adapters.query_texts import packaged_queries
from bellwether.finops.domain.aggregation import Source
from bellwether.finops.domain.manifests import EXPORTS
from bellwether.finops.ports.charge_store import ChargeStore
from bellwether.finops.usecases.find_deliveries import find_deliveries
from bellwether.finops.usecases.prepare_delivery import PreparedDelivery, prepare_delivery
from bellwether.finops.usecases.store_charges import StoredCharges, store_charges
from bellwether.shared.domain.errors import NotFoundError
from localcloud.emulator.athena_engine import answer
from tests.fakes.objects import InMemoryObjectStore

BUCKET = "fred-fintech-data-000000000000"
DATABASE = "bellwether_test_costs"
COST_CENTER_TAGS = ("CostCenter",)
Row = dict[str, str]

FOCUS_ROW = {
    "BillingAccountId": "099999999999",
    "SubAccountId": "0012345678901",
    "BillingPeriodStart": "2026-05-01T00:00:00Z",
    "ChargePeriodStart": "2026-05-04T10:00:00Z",
    "ChargePeriodEnd": "2026-05-04T11:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeClass": "",
    "BilledCost": "1.10",
    "EffectiveCost": "1.00",
    "ListCost": "1.25",
    "BillingCurrency": "USD",
    "InvoiceId": "",
    "ServiceName": "Amazon Elastic Compute Cloud",
    "x_ServiceCode": "AmazonEC2",
    "x_UsageType": "BoxUsage:m5.large",
    "RegionId": "us-east-1",
    "ResourceId": "i-1",
    "CommitmentDiscountId": "",
    "CommitmentDiscountStatus": "",
    "ChargeDescription": "",
    "Tags": '{"CostCenter":"retail"}',
}

CUR_ROW = {
    "identity_line_item_id": "",
    "identity_time_interval": "",
    "bill_billing_period_start_date": "2026-05-01 00:00:00.000",
    "bill_invoice_id": "",
    "bill_payer_account_id": "099999999999",
    "line_item_usage_account_id": "0012345678901",
    "line_item_usage_start_date": "2026-05-04 10:00:00.000",
    "line_item_line_item_type": "Usage",
    "line_item_product_code": "AmazonEC2",
    "line_item_usage_type": "BoxUsage:m5.large",
    "line_item_resource_id": "i-1",
    "line_item_currency_code": "USD",
    "line_item_unblended_cost": "1.10",
    "line_item_line_item_description": "",
    "pricing_public_on_demand_cost": "1.25",
    "product_region_code": "us-east-1",
    "reservation_effective_cost": "",
    "reservation_reservation_a_r_n": "",
    "reservation_unused_amortized_upfront_fee_for_billing_period": "",
    "reservation_unused_recurring_fee": "",
    "savings_plan_savings_plan_a_r_n": "",
    "savings_plan_savings_plan_effective_cost": "",
    "savings_plan_total_commitment_to_date": "",
    "savings_plan_used_commitment": "",
    "split_line_item_parent_resource_id": "",
    "resource_tags": '{"user:CostCenter":"retail"}',
}


def csv_gz(rows: Sequence[Row]) -> bytes:
    """Rows as AWS writes them."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode(), mtime=0)


class CostWorld:
    """A bucket with an export, and the steps of the refresh in the order of the state machine."""

    def __init__(self, charges: ChargeStore, cost_center_tags: Sequence[str] = COST_CENTER_TAGS) -> None:
        self.charges = charges
        self.objects = InMemoryObjectStore()
        self.tables: dict[str, Any] = {}
        self.scanned_bytes: list[int] = []
        self._cost_center_tags = cost_center_tags

    # --- what AWS does

    def deliver(
        self,
        rows: Sequence[Row] | Sequence[Sequence[Row]],
        *,
        period: str = "2026-05",
        refresh: str = "1",
        export: str = "focus",
        without_manifest: bool = False,
    ) -> list[str]:
        """Write a refresh of an export in CSV.gz, its manifest last; returns the keys of its files."""
        parts: Any = [rows] if isinstance(rows[0], Mapping) else rows
        files = {
            f"{EXPORTS}{export}/data/BILLING_PERIOD={period}/{refresh}/{export}-{number:05}.csv.gz": csv_gz(part)
            for number, part in enumerate(parts, start=1)
        }
        for key, content in files.items():
            self.objects.put(key, content)
        if not without_manifest:
            self.objects.tick()
            self.write_manifest(list(files), [{"name": name} for name in parts[0][0]], period=period, export=export)
        return list(files)

    def write_manifest(
        self,
        files: Sequence[str],
        columns: Sequence[Mapping[str, str]],
        *,
        period: str = "2026-05",
        export: str = "focus",
        content_type: str = "text/csv",
    ) -> None:
        """Write the manifest of a billing period."""
        content = {
            "contentType": content_type,
            "columns": list(columns),
            "dataFiles": [f"s3://{BUCKET}/{key}" for key in files],
        }
        key = f"{EXPORTS}{export}/metadata/BILLING_PERIOD={period}/{export}-Manifest.json"
        self.objects.put(key, json.dumps(content).encode())

    # --- what the state machine does

    def refresh(
        self,
        known_at: datetime,
        *,
        export: str | None = None,
        expected: Mapping[str, Decimal] | None = None,
    ) -> list[StoredCharges]:
        """Find, prepare, add up and store whatever changed."""
        return [
            self.store(delivery, self.add_up(query), known_at, expected)
            for delivery, query in self.prepared(export=export)
        ]

    def prepared(self, *, export: str | None = None) -> list[tuple[PreparedDelivery, str]]:
        """The deliveries that are not loaded, with their queries."""
        return [
            prepare_delivery(
                self.objects,
                self,
                place,
                packaged_queries(),
                bucket=BUCKET,
                database=DATABASE,
                cost_center_tags=self._cost_center_tags,
            )
            for place in find_deliveries(self.objects, export=export, periods=())
        ]

    def ensure(self, source: Source) -> None:
        self.tables[source.table] = GlueTables(BUCKET).table_input(source)

    def add_up(self, query: str) -> str | None:
        """The key of the query's result; None without a query."""
        if not query:
            return None
        found = answer(query, lambda _database, name: self.tables.get(name), self._read, self._listing)
        text = io.StringIO(newline="")
        writer = csv.writer(text, quoting=csv.QUOTE_NOTNULL, lineterminator="\n")
        writer.writerow(found.columns)
        writer.writerows(found.rows)
        key = f"cost-data/results/{len(self.scanned_bytes)}.csv"
        self.objects.put(key, text.getvalue().encode())
        self.scanned_bytes.append(found.scanned_bytes)
        return key

    def store(
        self,
        delivery: PreparedDelivery,
        result_key: str | None,
        known_at: datetime,
        expected: Mapping[str, Decimal] | None = None,
    ) -> StoredCharges:
        """Store one delivery."""
        return store_charges(
            self.charges,
            self.objects,
            delivery,
            known_at=known_at,
            result_key=result_key,
            scanned_bytes=0,
            expected=expected or {},
        )

    def _read(self, address: str) -> bytes:
        try:
            return self.objects.get(address.removeprefix(f"s3://{BUCKET}/")).content
        except NotFoundError as error:
            raise FileNotFoundError(address) from error

    def _listing(self, folder: str) -> list[str]:
        return [f"s3://{BUCKET}/{key}" for key in self.objects.keys(folder.removeprefix(f"s3://{BUCKET}/"))]
