"""Find the billing periods whose cost export has changed."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.finops.usecases.find_deliveries import find_deliveries
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, load, parse

Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]


class Settings(DataBucketSettings):
    """Environment of FindDeliveriesFunction. `cost_export`: the export that counts; empty for the only one."""

    cost_export: str = ""


class Request(BaseModel):
    """What to refresh; without anything, whatever changed. `known_at` is for replays of earlier deliveries.

    `invoice_totals`: the invoice's or Cost Explorer's total by billing period and currency.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    export: str | None = None
    periods: tuple[Month, ...] = ()
    known_at: AwareDatetime | None = None
    invoice_totals: dict[Month, dict[str, Decimal]] = {}


class FoundDelivery(BaseModel):
    """A changed manifest, and what is known besides."""

    model_config = ConfigDict(frozen=True)

    export: str
    period: date
    manifest_key: str
    manifest_etag: str
    known_at: datetime
    expected: dict[str, Decimal]


class Found(BaseModel):
    """Every delivery that is not loaded, by export and period."""

    model_config = ConfigDict(frozen=True)

    count: int
    deliveries: tuple[FoundDelivery, ...]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """List the manifests whose charges are not in the database."""
    settings = load(Settings)
    request = parse(Request, event)
    places = find_deliveries(
        S3ObjectStore(settings.data_bucket),
        export=request.export or settings.cost_export or None,
        periods=tuple(date.fromisoformat(f"{each}-01") for each in request.periods),
    )
    known_at = request.known_at or SystemClock().now()
    deliveries = tuple(
        FoundDelivery(
            export=each.export,
            period=each.period,
            manifest_key=each.key,
            manifest_etag=each.etag,
            known_at=known_at,
            expected=request.invoice_totals.get(f"{each.period:%Y-%m}", {}),
        )
        for each in places
    )
    logger.info("deliveries found", extra={"count": len(deliveries)})
    return Found(count=len(deliveries), deliveries=deliveries).model_dump(mode="json")
