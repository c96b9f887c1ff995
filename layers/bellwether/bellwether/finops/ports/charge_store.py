"""Charges as they were known at any time, and the deliveries that they came with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from bellwether.finops.domain.charges import Charge
from bellwether.finops.domain.provisional import DeliveryState
from bellwether.finops.domain.reconciliation import Reconciliation, Rejected


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery as it is noted, loaded or refused. `reason` is empty for a loaded one."""

    delivery_id: str
    export: str
    layout: str
    period: date
    manifest_key: str
    known_at: datetime
    files: int
    bytes: int
    reason: str = ""
    scanned_bytes: int = 0
    line_items: int = 0
    not_invoiced: int = 0
    findings: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Restated:
    """How a delivery changed what was known of its period: aggregates inserted, and by how much cost moved."""

    new: int
    changed: int
    vanished: int
    by_currency: Mapping[str, tuple[str, str]]  # billed and effective, newer less older


@dataclass(frozen=True, slots=True)
class CurrencyTotals:
    """A line of a delivery's reconciliation."""

    currency: str
    line_items: int
    billed: Decimal
    exported: Decimal
    expected: Decimal | None
    difference: Decimal
    agrees: bool


@dataclass(frozen=True, slots=True)
class LastDelivery:
    """The newest delivery of a billing period, loaded or refused; `reason` says why it was refused."""

    delivery_id: str
    export: str
    layout: str
    known_at: datetime
    status: str
    reason: str
    files: int
    scanned_bytes: int
    line_items: int
    findings: Mapping[str, Any]
    totals: tuple[CurrencyTotals, ...]


class ChargeStore(Protocol):
    """Bitemporal daily charges. Methods raise TransientUpstreamError or UpstreamError when the store fails."""

    def as_known_at(self, known_at: datetime, first_day: date, last_day: date) -> Sequence[Charge]:
        """Charges of the days from `first_day` to `last_day` as of `known_at`, by key; vanished ones are left out."""

    def deliveries_as_known_at(self, known_at: datetime) -> Sequence[DeliveryState]:
        """The newest loaded delivery of each billing period as of `known_at`, by period."""

    def last_delivery(self, period: date, known_at: datetime) -> LastDelivery | None:
        """The newest delivery of a billing period as of `known_at`, also a refused one; None without any."""

    def load(
        self,
        delivery: DeliveryRecord,
        charges: Sequence[Charge],
        reconciliations: Sequence[Reconciliation],
        rejected: Sequence[Rejected],
    ) -> Restated | None:
        """Store a delivery whole or not at all; None when it is stored already.

        Raises ConflictError when the period has a delivery that is known since the same time or later.
        """

    def refuse(self, delivery: DeliveryRecord) -> bool:
        """Note a delivery that was refused; False when it is noted already. Charges stay as they are."""
