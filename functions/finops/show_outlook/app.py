"""Show forecasts, budgets, anomalies and scores of costs."""

from dataclasses import asdict
from enum import StrEnum
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from bellwether.finops.adapters.postgres_charges import PostgresCharges
from bellwether.finops.adapters.postgres_outlooks import PostgresOutlooks
from bellwether.finops.usecases.score_costs import score_costs
from bellwether.finops.views import CostViews
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.postgres import Database
from bellwether.shared.observability import observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database

ANOMALY_DAYS = 90


class Settings(DatabaseSettings):
    """Environment of ShowOutlookFunction."""


class Subject(StrEnum):
    """What can be shown."""

    FORECAST = "forecast"
    BUDGETS = "budgets"
    ANOMALIES = "anomalies"
    SCORE = "score"


class Request(BaseModel):
    """What to show."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Subject


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return what is stored of the subject."""
    request = parse(Request, event)
    return {"subject": request.subject.value, **_shown(application_database(load(Settings)), request.subject)}


def _shown(database: Database, subject: Subject) -> dict[str, Any]:
    if subject is Subject.SCORE:
        card = score_costs(PostgresCharges(database), PostgresOutlooks(database), SystemClock().now())
        return {
            "metric": card.metric,
            "by_day": [{"day": day, **asdict(each), "maturity": each.maturity} for day, each in card.by_day.items()],
            "by_cost_center": [
                {"cost_center": name, **asdict(each), "maturity": each.maturity}
                for name, each in card.by_cost_center.items()
            ],
            "too_small": list(card.too_small),
        }
    with database.transaction() as connection:
        views = CostViews(connection)
        if subject is Subject.BUDGETS:
            return {"budgets": [each.model_dump(mode="json") for each in views.budgets()]}
        if subject is Subject.ANOMALIES:
            found = views.anomalies(ANOMALY_DAYS)
            return {"anomalies": [{**each.model_dump(mode="json"), "extra": str(each.extra)} for each in found]}
        return {
            "months": [each.model_dump(mode="json") for each in views.months()],
            "days": [each.model_dump(mode="json") for each in views.days()],
        }
