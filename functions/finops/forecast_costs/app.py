"""Forecast costs, check budgets and find anomalies."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, ConfigDict

from bellwether.finops.adapters.postgres_charges import PostgresCharges
from bellwether.finops.adapters.postgres_outlooks import PostgresOutlooks
from bellwether.finops.usecases.forecast_costs import forecast_costs
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database


class Settings(DatabaseSettings):
    """Environment of ForecastCostsFunction."""


class Request(BaseModel):
    """`known_at`: forecast as if it were then, from what was known then; now unless given."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    known_at: AwareDatetime | None = None


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Store the outlook and return the alerts to send."""
    settings = load(Settings)
    database = application_database(settings)
    known_at = parse(Request, event).known_at or SystemClock().now()
    report = forecast_costs(PostgresCharges(database), PostgresOutlooks(database), known_at).report
    logger.info("costs forecast", extra=report)
    return report
