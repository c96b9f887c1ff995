"""Decisions: their ids, their kinds and the names of their gates."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from bellwether.shared.domain.decisions import (
    GATE_NAME,
    READ_BACK,
    Decision,
    DecisionRequest,
    Gate,
    Kind,
    Verdict,
    claimed,
    decision_id,
    scope,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_gate(name: str = "market_hours", *, passed: bool = True) -> dict[str, Any]:
    return {"name": name, "observed": 1, "limit": 1, "passed": passed}


def a_request(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "deploy_model",
        "subject": "macro version 1",
        "key": "execution-1",
        "gates": [a_gate()],
        "evidence": {},
        "actor": "ada",
        "made_at": NOON,
    } | changes


def test_same_kind_subject_and_key_are_the_same_decision() -> None:
    first = DecisionRequest.model_validate(a_request()).decide()
    again = DecisionRequest.model_validate(a_request(actor="grace")).decide()
    assert first.decision_id == again.decision_id == decision_id(Kind.DEPLOY_MODEL, "macro version 1", "execution-1")


@pytest.mark.parametrize("change", [{"kind": "train_model"}, {"subject": "macro version 2"}, {"key": "execution-2"}])
def test_another_kind_subject_or_key_is_another_decision(change: dict[str, str]) -> None:
    first, other = (DecisionRequest.model_validate(a_request(**each)).decide() for each in ({}, change))
    assert first.decision_id != other.decision_id


@pytest.mark.parametrize(("passed", "verdict"), [(True, Verdict.ACCEPTED), (False, Verdict.REFUSED)])
def test_the_verdict_follows_from_the_gates(passed: bool, verdict: Verdict) -> None:
    gates = [a_gate(), a_gate("approval", passed=passed)]
    assert DecisionRequest.model_validate(a_request(gates=gates)).decide().verdict is verdict


@pytest.mark.parametrize("change", [{"kind": "bench"}, {"gates": []}, {"key": ""}, {"decision_id": "d"}])
def test_a_request_without_a_known_kind_a_gate_or_a_key_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DecisionRequest.model_validate(a_request(**change))


@pytest.mark.parametrize("name", ["market_hours", "rmse_ratio.random_walk.h3", "slice.2020_crisis.h1"])
def test_gates_have_names_in_snake_case_with_scopes(name: str) -> None:
    assert Gate(**a_gate(name)).name == name


@pytest.mark.parametrize("name", ["Market_hours", "market hours", ".h3", "rmse.", "rmse..h3", "3_months"])
def test_other_names_are_refused_but_can_be_read_back(name: str) -> None:
    with pytest.raises(ValidationError):
        Gate(**a_gate(name))
    old = a_request(decision_id=decision_id(Kind.DEPLOY_MODEL, "s", "k"), verdict="refused", gates=[a_gate(name)])
    assert Decision.model_validate(old, context=READ_BACK).gates[0].name == name


@pytest.mark.parametrize(
    ("label", "expected"),
    [("zipcode 98103", "zipcode_98103"), ("< 300 k", "300_k"), ("recessions", "recessions"), ("…", "unnamed")],
)
def test_any_label_makes_a_scope(label: str, expected: str) -> None:
    assert scope(label) == expected
    assert GATE_NAME.fullmatch(f"slice.{scope(label)}.h1")


def test_an_actor_is_marked_as_claimed_once() -> None:
    assert claimed("me") == claimed(claimed("me")) == claimed("claimed:  me") == "claimed: me"
