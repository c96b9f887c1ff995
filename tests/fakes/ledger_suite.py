"""What every DecisionLedger does, and what recording over it means: run by the fake and by the adapter alike."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from bellwether.operations.usecases.record_decision import record_decision, record_outcome
from bellwether.shared.domain.decisions import Decision, Gate, Kind, Outcome, Verdict, decide
from bellwether.shared.domain.errors import ConflictError, NotFoundError
from bellwether.shared.ports.database import DecisionLedger

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_decision(key: str = "macro-1", *, observed: float = 0.93, **changes: Any) -> Decision:
    """A decision to deploy version 1 of the macro model, accepted on one gate."""
    gate = Gate(name="rmse_ratio.random_walk.h1", observed=observed, limit=1.0, passed=observed < 1.0)
    given: dict[str, Any] = {
        "kind": Kind.DEPLOY_MODEL,
        "subject": "macro",
        "key": key,
        "gates": (gate,),
        "evidence": {"rmse": {"model": 0.1213, "random_walk": 1e-07}, "n": 480, "note": "Frühjahr ☂", "missing": None},
        "actor": "arn:aws:iam::000000000000:user/approver",
        "made_at": NOON,
    }
    return decide(**(given | changes))


def an_outcome(decision: Decision, **changes: Any) -> Outcome:
    """The decision's model went into service."""
    given = {"decision_id": decision.decision_id, "status": "deployed", "observed_at": NOON, "details": {"version": 1}}
    return Outcome.model_validate(given | changes)


class LedgerSuite:
    """Derive a test class from it that has a fixture `ledger`."""

    def test_a_decision_is_kept_as_it_was_made(self, ledger: DecisionLedger) -> None:
        # Given a decision with gates, nested evidence, and a time of another zone
        decision = a_decision(made_at=NOON.astimezone(timezone(timedelta(hours=9))))
        # When it is recorded
        recorded = record_decision(ledger, decision)
        # Then it is read back the same
        assert recorded.recorded
        assert ledger.decision(decision.decision_id) == decision
        assert ledger.decision(decision.decision_id).verdict is Verdict.ACCEPTED

    def test_the_same_decision_twice_is_one(self, ledger: DecisionLedger) -> None:
        # Given a recorded decision
        decision = a_decision()
        record_decision(ledger, decision)
        # When it arrives again, made again a little later
        again = record_decision(ledger, a_decision(made_at=NOON + timedelta(seconds=40)))
        # Then nothing is recorded, and the first one stands
        assert not again.recorded
        assert again.decision_id == decision.decision_id
        assert ledger.decision(decision.decision_id).made_at == NOON

    def test_another_decision_under_the_same_id_is_a_conflict(self, ledger: DecisionLedger) -> None:
        record_decision(ledger, a_decision(observed=0.93))
        with pytest.raises(ConflictError):
            record_decision(ledger, a_decision(observed=1.7))
        assert ledger.decision(a_decision().decision_id).verdict is Verdict.ACCEPTED

    def test_an_unknown_decision_is_not_found(self, ledger: DecisionLedger) -> None:
        with pytest.raises(NotFoundError):
            ledger.decision(a_decision("never recorded").decision_id)

    def test_an_outcome_before_its_decision_is_refused(self, ledger: DecisionLedger) -> None:
        with pytest.raises(NotFoundError, match="no decision"):
            record_outcome(ledger, an_outcome(a_decision()))
        assert ledger.outcomes(a_decision().decision_id) == ()

    def test_outcomes_add_up_in_the_order_of_time(self, ledger: DecisionLedger) -> None:
        # Given a recorded decision
        decision = a_decision()
        record_decision(ledger, decision)
        later = an_outcome(decision, status="rolled_back", observed_at=NOON + timedelta(hours=2))
        # When two outcomes arrive, the later one first
        assert record_outcome(ledger, later).recorded
        assert record_outcome(ledger, an_outcome(decision)).recorded
        # Then both stand, by time
        assert ledger.outcomes(decision.decision_id) == (an_outcome(decision), later)

    def test_the_same_outcome_twice_is_one(self, ledger: DecisionLedger) -> None:
        decision = a_decision()
        record_decision(ledger, decision)
        assert record_outcome(ledger, an_outcome(decision)).recorded
        assert not record_outcome(ledger, an_outcome(decision)).recorded
        assert len(ledger.outcomes(decision.decision_id)) == 1

    def test_another_outcome_at_the_same_instant_is_a_conflict(self, ledger: DecisionLedger) -> None:
        decision = a_decision()
        record_decision(ledger, decision)
        record_outcome(ledger, an_outcome(decision))
        with pytest.raises(ConflictError):
            record_outcome(ledger, an_outcome(decision, details={"version": 2}))
