"""Summarize what is known of a month's spend."""

import calendar
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from bellwether.finops.domain.cost_summary import MonthSummary, summarize
from bellwether.finops.ports.charge_store import ChargeStore, LastDelivery
from bellwether.shared.ports.clock import Clock


class CostSummary(BaseModel):
    """A month as the command line shows it. `last`: its newest delivery with totals and findings."""

    model_config = ConfigDict(frozen=True)

    metric: str = "effective cost (amortised) of usage; other categories and billed as on the invoice"
    month: str
    known_at: datetime
    summary: dict[str, Any]
    last: dict[str, Any] | None


def summarize_costs(store: ChargeStore, clock: Clock, *, month: date | None, known_at: datetime | None) -> CostSummary:
    """The month's summary as known at a time; without them, the newest delivered month as known now."""
    when = known_at or clock.now()
    states = store.deliveries_as_known_at(when)
    wanted = month or max((each.period for each in states), default=when.date().replace(day=1))
    last_day = wanted.replace(day=calendar.monthrange(wanted.year, wanted.month)[1])
    found = summarize(wanted, when, store.as_known_at(when, wanted, last_day), states)
    return CostSummary(
        month=f"{wanted:%Y-%m}", known_at=when, summary=_plain(found), last=_last(store.last_delivery(wanted, when))
    )


def _plain(found: MonthSummary) -> dict[str, Any]:
    plain: dict[str, Any] = asdict(found)
    return plain


def _last(found: LastDelivery | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)
