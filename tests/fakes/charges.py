"""Charges in memory."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from bellwether.finops.domain.charges import Charge, ChargeKey
from bellwether.finops.domain.provisional import DeliveryState
from bellwether.finops.domain.reconciliation import Reconciliation, Rejected, plain
from bellwether.finops.ports.charge_store import CurrencyTotals, DeliveryRecord, LastDelivery, Restated
from bellwether.shared.domain.errors import ConflictError

NOTHING = Decimal(0)


class InMemoryCharges:
    """ChargeStore that keeps each delivery whole."""

    def __init__(self) -> None:
        self.deliveries: dict[str, tuple[DeliveryRecord, dict[ChargeKey, Charge]]] = {}
        self.refused: dict[str, DeliveryRecord] = {}
        self.totals: dict[str, tuple[CurrencyTotals, ...]] = {}
        self.rejected: list[Rejected] = []

    def as_known_at(self, known_at: datetime, first_day: date, last_day: date) -> Sequence[Charge]:
        found: dict[ChargeKey, Charge] = {}
        for charges in self._newest(known_at).values():
            for key, charge in charges[1].items():
                if first_day <= key.day <= last_day and (charge.rows or charge.billed or charge.effective):
                    known = found.get(key)
                    found[key] = charge if known is None else _sum(known, charge)
        return [found[key] for key in sorted(found, key=_order)]

    def deliveries_as_known_at(self, known_at: datetime) -> Sequence[DeliveryState]:
        return [
            DeliveryState(period, record.delivery_id, record.known_at, record.line_items, record.not_invoiced)
            for period, (record, _) in sorted(self._newest(known_at).items())
        ]

    def last_delivery(self, period: date, known_at: datetime) -> LastDelivery | None:
        loaded = [(each, "loaded") for each, _ in self.deliveries.values()]
        known = [
            (each, status)
            for each, status in (*loaded, *((each, "quarantined") for each in self.refused.values()))
            if each.period == period and each.known_at <= known_at
        ]
        if not known:
            return None
        newest, status = max(known, key=lambda each: each[0].known_at)
        return LastDelivery(
            newest.delivery_id,
            newest.export,
            newest.layout,
            newest.known_at,
            status,
            newest.reason,
            newest.files,
            newest.scanned_bytes,
            newest.line_items,
            dict(newest.findings or {}),
            self.totals.get(newest.delivery_id, ()),
        )

    def load(
        self,
        delivery: DeliveryRecord,
        charges: Sequence[Charge],
        reconciliations: Sequence[Reconciliation],
        rejected: Sequence[Rejected],
    ) -> Restated | None:
        if delivery.delivery_id in self.deliveries:
            return None
        same = [each for each, _ in self.deliveries.values() if each.period == delivery.period]
        if any(each.known_at >= delivery.known_at for each in same):
            raise ConflictError("a newer delivery is stored")
        _, known = self._newest(delivery.known_at).get(delivery.period, (None, {}))
        new = {charge.key: charge for charge in charges}
        self.deliveries[delivery.delivery_id] = (delivery, new)
        self.totals[delivery.delivery_id] = tuple(
            CurrencyTotals(
                each.currency,
                each.totals.line_items,
                each.totals.billed,
                each.exported,
                each.expected,
                each.difference,
                each.agrees,
            )
            for each in reconciliations
        )
        self.rejected += rejected
        changed = {key for key in new.keys() & known.keys() if _figures(new[key]) != _figures(known[key])}
        moved: dict[str, tuple[str, str]] = {}
        for currency in sorted({key.currency for key in (new.keys() ^ known.keys()) | changed}):
            totals = [
                sum((getattr(c, name) for c in side.values() if c.key.currency == currency), NOTHING)
                for name in ("billed", "effective")
                for side in (new, known)
            ]
            moved[currency] = (plain(totals[0] - totals[1]), plain(totals[2] - totals[3]))
        return Restated(len(new.keys() - known.keys()), len(changed), len(known.keys() - new.keys()), moved)

    def refuse(self, delivery: DeliveryRecord) -> bool:
        if delivery.delivery_id in self.refused or delivery.delivery_id in self.deliveries:
            return False
        self.refused[delivery.delivery_id] = delivery
        return True

    def _newest(self, known_at: datetime) -> dict[date, tuple[DeliveryRecord, dict[ChargeKey, Charge]]]:
        newest: dict[date, tuple[DeliveryRecord, dict[ChargeKey, Charge]]] = {}
        for each in sorted(self.deliveries.values(), key=lambda each: each[0].known_at):
            if each[0].known_at <= known_at:
                newest[each[0].period] = each
        return newest


def _sum(one: Charge, other: Charge) -> Charge:
    listed = (
        None if one.listed is None and other.listed is None else (one.listed or NOTHING) + (other.listed or NOTHING)
    )
    return Charge(one.key, one.billed + other.billed, one.effective + other.effective, listed, one.rows + other.rows)


def _figures(charge: Charge) -> tuple[Decimal, Decimal, Decimal | None, int]:
    return charge.billed, charge.effective, charge.listed, charge.rows


def _order(key: ChargeKey) -> tuple[date, str, str, str, str, str, str, bool, str]:
    return (
        key.day,
        key.account,
        key.service,
        key.usage_type,
        key.region,
        key.cost_center,
        key.category.value,
        key.correction,
        key.currency,
    )
