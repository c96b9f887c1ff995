"""Charges, deliveries, reconciliations and quarantine in Postgres."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from bellwether.finops.domain.charges import Charge, ChargeCategory, ChargeKey
from bellwether.finops.domain.provisional import DeliveryState
from bellwether.finops.domain.reconciliation import Reconciliation, Rejected, plain
from bellwether.finops.ports.charge_store import CurrencyTotals, DeliveryRecord, LastDelivery, Restated
from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.errors import ConflictError

_KEY = "day, account, service, usage_type, region, cost_center, category, correction, currency"
_LOAD_MILLISECONDS = 240_000
_LOCK = 7_301_174  # of the loading of cost data

CHARGES_AS_KNOWN = f"""
SELECT {_KEY}, sum(billed), sum(effective), sum(listed), sum(line_items)::bigint
FROM (
    SELECT DISTINCT ON ({_KEY}, period) {_KEY}, period, billed, effective, listed, line_items
    FROM cost_charges
    WHERE day BETWEEN %(first_day)s AND %(last_day)s AND known_at <= %(known_at)s
    ORDER BY {_KEY}, period, known_at DESC
) AS newest
WHERE line_items > 0 OR billed <> 0 OR effective <> 0
GROUP BY {_KEY} ORDER BY {_KEY}
"""  # noqa: S608 - a constant

DELIVERIES_AS_KNOWN = """
SELECT DISTINCT ON (period) period, delivery_id, known_at, line_items, not_invoiced
FROM cost_deliveries WHERE status = 'loaded' AND known_at <= %s ORDER BY period, known_at DESC
"""

_STAGE = f"""
CREATE TEMPORARY TABLE cost_staging ON COMMIT DROP AS
SELECT {_KEY}, billed, effective, listed, line_items FROM cost_charges WITH NO DATA
"""  # noqa: S608

_MERGE = f"""
WITH known AS (
    SELECT DISTINCT ON ({_KEY}) {_KEY}, billed, effective, listed, line_items
    FROM cost_charges WHERE period = %(period)s ORDER BY {_KEY}, known_at DESC
), changed AS (
    SELECT {_KEY},
        coalesce(staged.billed, 0) AS billed, coalesce(staged.effective, 0) AS effective, staged.listed,
        coalesce(staged.line_items, 0) AS line_items,
        coalesce(staged.billed, 0) - coalesce(known.billed, 0) AS billed_change,
        coalesce(staged.effective, 0) - coalesce(known.effective, 0) AS effective_change,
        known.billed IS NULL AS is_new, staged.billed IS NULL AS is_gone
    FROM cost_staging AS staged FULL JOIN known USING ({_KEY})
    WHERE (coalesce(staged.billed, 0), coalesce(staged.effective, 0), staged.listed, coalesce(staged.line_items, 0))
        IS DISTINCT FROM (known.billed, known.effective, known.listed, known.line_items)
), stored AS (
    INSERT INTO cost_charges ({_KEY}, period, known_at, billed, effective, listed, line_items, delivery_id)
    SELECT {_KEY}, %(period)s, %(known_at)s, billed, effective, listed, line_items, %(delivery_id)s FROM changed
)
SELECT currency, count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new AND NOT is_gone),
    count(*) FILTER (WHERE is_gone), sum(billed_change), sum(effective_change)
FROM changed GROUP BY currency ORDER BY currency
"""  # noqa: S608


class PostgresCharges:
    """ChargeStore over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def as_known_at(self, known_at: datetime, first_day: date, last_day: date) -> Sequence[Charge]:
        """Charges of some days as of a time, by key."""
        parameters = {"first_day": first_day, "last_day": last_day, "known_at": known_at}
        with self._database.transaction() as connection:
            return charges_of(connection.execute(CHARGES_AS_KNOWN, parameters, binary=True).fetchall())

    def deliveries_as_known_at(self, known_at: datetime) -> Sequence[DeliveryState]:
        """The newest loaded delivery of each billing period as of a time."""
        with self._database.transaction() as connection:
            return [DeliveryState(*row) for row in connection.execute(DELIVERIES_AS_KNOWN, (known_at,)).fetchall()]

    def last_delivery(self, period: date, known_at: datetime) -> LastDelivery | None:
        """The newest delivery of a billing period as of a time, also a refused one."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """
                SELECT delivery_id, export, layout, known_at, status, reason, files, scanned_bytes, line_items, findings
                FROM cost_deliveries WHERE period = %s AND known_at <= %s ORDER BY known_at DESC, stored_at DESC LIMIT 1
                """,
                (period, known_at),
            ).fetchone()
            if row is None:
                return None
            totals = connection.execute(
                """
                SELECT currency, line_items, billed, exported, expected, difference, agrees
                FROM cost_reconciliations WHERE delivery_id = %s ORDER BY currency
                """,
                (row[0],),
            ).fetchall()
        delivery_id, export, layout, at, status, reason, files, scanned_bytes, line_items, findings = row
        lines = tuple(CurrencyTotals(*each) for each in totals)
        return LastDelivery(
            delivery_id, export, layout, at, status, reason, files, scanned_bytes, line_items, findings, lines
        )

    def load(
        self,
        delivery: DeliveryRecord,
        charges: Sequence[Charge],
        reconciliations: Sequence[Reconciliation],
        rejected: Sequence[Rejected],
    ) -> Restated | None:
        """Store a delivery in one transaction: staging, changed aggregates, totals and quarantine."""
        with self._database.transaction() as connection:
            connection.execute(f"SET LOCAL statement_timeout = {_LOAD_MILLISECONDS}")  # the function's limit is longer
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            if not self._note(connection, delivery, "loaded"):
                return None
            self._refuse_older(connection, delivery)
            self._stage(connection, charges)
            restated = self._merge(connection, delivery)
            self._keep_totals(connection, delivery, reconciliations)
            self._keep_rejected(connection, delivery, rejected)
            return restated

    def refuse(self, delivery: DeliveryRecord) -> bool:
        """Note a refused delivery with its reason."""
        with self._database.transaction() as connection:
            return self._note(connection, delivery, "quarantined")

    def _note(self, connection: Connection[TupleRow], delivery: DeliveryRecord, status: str) -> bool:
        noted = connection.execute(
            """
            INSERT INTO cost_deliveries (
                delivery_id, export, layout, period, manifest_key, known_at, status, reason, files, bytes,
                scanned_bytes, line_items, not_invoiced, findings
            ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)
            ON CONFLICT (delivery_id) DO NOTHING
            """,
            (
                delivery.delivery_id,
                delivery.export,
                delivery.layout,
                delivery.period,
                delivery.manifest_key,
                delivery.known_at,
                status,
                delivery.reason,
                delivery.files,
                delivery.bytes,
                delivery.scanned_bytes,
                delivery.line_items,
                delivery.not_invoiced,
                json.dumps(dict(delivery.findings or {})),
            ),
        )
        return noted.rowcount == 1

    def _refuse_older(self, connection: Connection[TupleRow], delivery: DeliveryRecord) -> None:
        row = connection.execute(
            """
            SELECT delivery_id, known_at FROM cost_deliveries
            WHERE period = %s AND status = 'loaded' AND known_at >= %s AND delivery_id <> %s LIMIT 1
            """,
            (delivery.period, delivery.known_at, delivery.delivery_id),
        ).fetchone()
        if row is not None:
            raise ConflictError(
                f"{delivery.period:%Y-%m} has delivery {row[0]}, known since {row[1]:%Y-%m-%dT%H:%M:%SZ}: not before "
                f"{delivery.known_at:%Y-%m-%dT%H:%M:%SZ}"
            )

    def _stage(self, connection: Connection[TupleRow], charges: Sequence[Charge]) -> None:
        connection.execute(_STAGE)
        with connection.cursor().copy("COPY cost_staging FROM STDIN") as copy:
            for charge in charges:
                key = charge.key
                copy.write_row(
                    (
                        key.day,
                        key.account,
                        key.service,
                        key.usage_type,
                        key.region,
                        key.cost_center,
                        key.category.value,
                        key.correction,
                        key.currency,
                        charge.billed,
                        charge.effective,
                        charge.listed,
                        charge.rows,
                    )
                )

    def _merge(self, connection: Connection[TupleRow], delivery: DeliveryRecord) -> Restated:
        connection.execute("ANALYZE cost_staging")
        parameters = {
            "period": delivery.period,
            "known_at": delivery.known_at,
            "delivery_id": delivery.delivery_id,
        }
        rows = connection.execute(_MERGE, parameters).fetchall()
        return Restated(
            new=sum(row[1] for row in rows),
            changed=sum(row[2] for row in rows),
            vanished=sum(row[3] for row in rows),
            by_currency={row[0]: (plain(row[4]), plain(row[5])) for row in rows},
        )

    def _keep_totals(
        self, connection: Connection[TupleRow], delivery: DeliveryRecord, reconciliations: Sequence[Reconciliation]
    ) -> None:
        for each in reconciliations:
            categories = {
                category.value: {name: str(value) for name, value in asdict(totals).items()}
                for category, totals in each.by_category.items()
            }
            connection.execute(
                """
                INSERT INTO cost_reconciliations (
                    delivery_id, currency, line_items, billed, effective, listed, by_category, exported, expected,
                    difference, agrees
                ) VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s)
                """,
                (
                    delivery.delivery_id,
                    each.currency,
                    each.totals.line_items,
                    each.totals.billed,
                    each.totals.effective,
                    each.totals.listed,
                    json.dumps(categories),
                    each.exported,
                    each.expected,
                    each.difference,
                    each.agrees,
                ),
            )

    def _keep_rejected(
        self, connection: Connection[TupleRow], delivery: DeliveryRecord, rejected: Sequence[Rejected]
    ) -> None:
        connection.cursor().executemany(
            """
            INSERT INTO cost_quarantine (delivery_id, number, file, line, reason, reference, amount, currency)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    delivery.delivery_id,
                    number,
                    each.file,
                    each.line,
                    each.reason,
                    each.reference,
                    each.amount,
                    each.currency,
                )
                for number, each in enumerate(rejected, start=1)
            ],
        )


def charges_of(rows: Sequence[TupleRow]) -> list[Charge]:
    """Charges from the rows of CHARGES_AS_KNOWN."""
    return [
        Charge(
            ChargeKey(
                day, account, service, usage_type, region, center, ChargeCategory(category), correction, currency
            ),
            *amounts,
        )
        for day, account, service, usage_type, region, center, category, correction, currency, *amounts in rows
    ]
