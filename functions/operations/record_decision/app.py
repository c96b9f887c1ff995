"""Write a decision, or what became of one, into the ledger."""

from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.operations.usecases.record_decision import record_decision, record_outcome
from bellwether.shared.adapters.postgres import Database, SslMode
from bellwether.shared.adapters.postgres_ledger import PostgresLedger
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.decisions import Decision, DecisionRequest, Outcome
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import FunctionSettings, load, parse


class Settings(FunctionSettings):
    """Environment of RecordDecisionFunction."""

    application_secret_id: Annotated[str, Field(min_length=1)]
    database_sslmode: SslMode


class RequestEntry(BaseModel):
    """What a decision is made of: it is made and recorded here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decide: DecisionRequest


class DecisionEntry(BaseModel):
    """A decision that is made already."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: Decision


class OutcomeEntry(BaseModel):
    """The outcome of a recorded decision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Record the entry once, however often it arrives."""
    if "outcome" in event:
        recorded = record_outcome(_ledger(), parse(OutcomeEntry, event).outcome)
    elif "decide" in event:
        recorded = record_decision(_ledger(), parse(RequestEntry, event).decide.decide())
    else:
        recorded = record_decision(_ledger(), parse(DecisionEntry, event).decision)
    logger.info("entry recorded", extra=recorded.model_dump(mode="json"))
    return recorded.model_dump(mode="json")


@cache
def _ledger() -> PostgresLedger:
    settings = load(Settings)
    secrets = SecretsManagerStore()
    return PostgresLedger(
        Database(
            lambda: parse(DatabaseLogin, secrets.get_json(settings.application_secret_id)),
            sslmode=settings.database_sslmode,
        )
    )
