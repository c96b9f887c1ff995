"""Set the envelope of a cost center, or mute anomalies."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from bellwether.finops.adapters.postgres_outlooks import PostgresOutlooks
from bellwether.finops.domain.anomalies import AnomalyKind, Mute
from bellwether.finops.domain.budgets import Envelope
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.domain.decisions import claimed
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database

Name = Annotated[str, Field(max_length=256)]


class Settings(DatabaseSettings):
    """Environment of SetCostControlFunction."""


class EnvelopeRequest(BaseModel):
    """What a cost center may spend in a month, `YYYY-MM`; without a month in every month."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    control: Literal["envelope"]
    cost_center: Name
    amount: Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=2)]
    month: Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")] | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    counts_credits: StrictBool = False
    requested_by: Annotated[str, Field(min_length=1, max_length=256)]


class MuteRequest(BaseModel):
    """Anomalies of which nobody is to be notified until a day; empty parts match everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    control: Literal["mute"]
    account: Name = ""
    service: Name = ""
    usage_type: Name = ""
    kind: AnomalyKind | None = None
    until: date
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    requested_by: Annotated[str, Field(min_length=1, max_length=256)]


class Request(BaseModel):
    """One control."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: Annotated[EnvelopeRequest | MuteRequest, Field(discriminator="control")]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Store the control; the newest of a kind counts."""
    request = parse(Request, event).request
    outlooks = PostgresOutlooks(application_database(load(Settings)))
    now, by = SystemClock().now(), claimed(request.requested_by)
    if isinstance(request, EnvelopeRequest):
        month = date.fromisoformat(f"{request.month}-01") if request.month else now.date().replace(day=1)
        envelope = Envelope(request.cost_center, month, request.amount, request.currency, request.counts_credits)
        outlooks.set_envelope(envelope, every_month=request.month is None, by=by, at=now)
    else:
        mute = Mute(request.account, request.service, request.usage_type, request.kind, request.until)
        outlooks.mute(mute, request.reason, by, now)
    report = request.model_dump(mode="json")
    logger.info("cost control set", extra=report)
    return report
