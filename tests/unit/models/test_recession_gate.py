"""The second head's gate: below the probit's Brier score, without bias, and never silently missing."""

from typing import Any

import pytest

from bellwether.models.domain.candidate_report import forecast_summary
from bellwether.models.domain.catalogue import MACRO
from bellwether.models.domain.forecast_evaluation import EvaluationReport
from bellwether.models.domain.forecast_gate import check_consistent, gates
from bellwether.shared.domain.decisions import Gate
from bellwether.shared.domain.errors import InvalidInputError
from tests.builders import evaluation, recession


def report(head: dict[str, Any] | None) -> EvaluationReport:
    return EvaluationReport.model_validate(evaluation("a" * 64, recession=head))


def head_gates(head: dict[str, Any] | None) -> list[Gate]:
    return [gate for gate in gates(report(head), MACRO.policy) if gate.name.startswith("recession_")]


def test_a_head_that_beats_the_probit_passes() -> None:
    found = head_gates(recession())
    assert [gate.name for gate in found] == ["recession_origins", "recession_brier_ratio.probit", "recession_bias"]
    assert all(gate.passed for gate in found)


@pytest.mark.parametrize(
    ("head", "refused", "reason"),
    [
        (recession(model=0.14), "recession_brier_ratio.probit", "Brier score is 1.053 of the probit's"),
        (recession(model=0.133), "recession_brier_ratio.probit", "Brier score is 1.000 of the probit's"),
        (recession(n=59, bias=0.0), "recession_origins", "only 59 backtest origins"),
        (recession(bias=0.14), "recession_bias", "mean probability is +0.140 from the base rate of 0.170"),
        (recession(bias=-0.14), "recession_bias", "the limit is 0.131 in either direction"),
    ],
)
def test_what_it_lacks_is_named(head: dict[str, Any], refused: str, reason: str) -> None:
    (failed,) = [gate for gate in head_gates(head) if not gate.passed]
    assert failed.name == refused
    assert reason in failed.reason


def test_fewer_independent_years_tolerate_more_bias() -> None:
    # Given the same bias, when it is seen on ten years instead of thirty-three, then it may be chance
    assert not all(gate.passed for gate in head_gates(recession(bias=0.14)))
    assert all(gate.passed for gate in head_gates(recession(bias=0.14, n=120)))


def test_a_head_left_out_with_a_reason_passes_and_says_so() -> None:
    (found,) = head_gates({"left_out": "the dataset has no USREC"})
    assert found.passed
    assert (found.observed, found.reason) == ("left out", "no recession head: the dataset has no USREC")


def test_saying_nothing_is_not_leaving_out() -> None:
    (found,) = head_gates(None)
    assert not found.passed
    assert "has no recession section" in found.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"versus": {"probit": {"brier_ratio": 0.3, "dm_statistic": 2.4, "p_value": 0.009}}},
        {"versus": {}},
        {"brier": {"model": 0.085}},
        {"brier": {"probit": 0.133}},
    ],
)
def test_figures_that_contradict_each_other_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_consistent(report(recession(**changes)), MACRO)
    assert str(refused.value.field).startswith("evaluation.json recession")


def test_the_mail_shows_the_head_beside_the_probit() -> None:
    lines = forecast_summary(report(recession()))
    assert "Probability of a recession within 12 months, 396 origins 1985-01..2017-12, 3 recessions:" in lines
    assert "Brier score  0.1330 (0.64)  0.0850" in lines


def test_the_mail_says_why_there_is_no_head() -> None:
    reason = "2 recessions begin in the 90 months with a settled label (2006-01..2014-06); 3 in 120 months are needed"
    lines = forecast_summary(report({"left_out": reason}))
    told = " ".join(lines[lines.index("") :])
    assert reason in told
    assert max(map(len, lines[1:])) <= 78
