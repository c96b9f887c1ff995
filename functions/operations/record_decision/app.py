"""Write a decision, or what became of one, into the ledger."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from bellwether.operations.usecases.record_decision import record_decision, record_outcome
from bellwether.shared.adapters.postgres_ledger import PostgresLedger
from bellwether.shared.domain.decisions import Decision, DecisionRequest, Outcome
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database


class Settings(DatabaseSettings):
    """Environment of RecordDecisionFunction."""


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
    ledger = PostgresLedger(application_database(load(Settings)))
    if "outcome" in event:
        recorded = record_outcome(ledger, parse(OutcomeEntry, event).outcome)
    elif "decide" in event:
        recorded = record_decision(ledger, parse(RequestEntry, event).decide.decide())
    else:
        recorded = record_decision(ledger, parse(DecisionEntry, event).decision)
    logger.info("entry recorded", extra=recorded.model_dump(mode="json"))
    return recorded.model_dump(mode="json")
