"""Summarize a month's spend."""

from datetime import date
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.finops.adapters.postgres_charges import PostgresCharges
from bellwether.finops.usecases.summarize_costs import summarize_costs
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database


class Settings(DatabaseSettings):
    """Environment of SummarizeCostsFunction."""


class Request(BaseModel):
    """The month, else the newest delivered one, and the time as of which, else now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    month: Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")] | None = None
    known_at: AwareDatetime | None = None


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return the month to date by service and cost center, and its last delivery."""
    request = parse(Request, event)
    found = summarize_costs(
        PostgresCharges(application_database(load(Settings))),
        SystemClock(),
        month=date.fromisoformat(f"{request.month}-01") if request.month else None,
        known_at=request.known_at,
    )
    logger.info("costs summarized", extra={"month": found.month})
    return found.model_dump(mode="json")
