"""Write decisions and their outcomes into the ledger, each once."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from bellwether.shared.domain.decisions import Decision, Outcome
from bellwether.shared.domain.errors import ConflictError
from bellwether.shared.ports.database import DecisionLedger


class Recorded(BaseModel):
    """`recorded` is false when the entry was there already."""

    model_config = ConfigDict(frozen=True)

    decision_id: UUID
    recorded: bool


def record_decision(ledger: DecisionLedger, decision: Decision) -> Recorded:
    """Record a decision; a repeated one counts as the same whenever it was made again.

    Raises ConflictError when another decision stands under the same id.
    """
    recorded = ledger.add_decision(decision)
    if not recorded:
        standing = ledger.decision(decision.decision_id)
        if standing.model_copy(update={"made_at": decision.made_at}) != decision:
            raise ConflictError(f"another decision is recorded as {decision.decision_id}")
    return Recorded(decision_id=decision.decision_id, recorded=recorded)


def record_outcome(ledger: DecisionLedger, outcome: Outcome) -> Recorded:
    """Record what became of a decision.

    Raises NotFoundError when the decision is not recorded, ConflictError when the same status at the same instant
    stands there with other details.
    """
    recorded = ledger.add_outcome(outcome)
    if not recorded and outcome not in ledger.outcomes(outcome.decision_id):
        raise ConflictError(f"another outcome {outcome.status} of {outcome.decision_id} is recorded at that instant")
    return Recorded(decision_id=outcome.decision_id, recorded=recorded)
