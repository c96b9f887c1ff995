"""The gate: a model beats its baselines or stays out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.models.domain.catalogue import MACRO
from bellwether.models.domain.forecast_evaluation import EvaluationReport
from bellwether.models.domain.forecast_gate import check_consistent, gates
from bellwether.shared.domain.decisions import Decision, Kind, Verdict, decide
from bellwether.shared.domain.errors import InvalidInputError
from tests.builders import evaluation, horizon
from tests.fakes.lifecycle import NOON


def report(**changes: Any) -> EvaluationReport:
    return EvaluationReport.model_validate(evaluation("a" * 64, **changes))


def with_horizon(months: int, **changes: Any) -> EvaluationReport:
    return report(horizons=[horizon(m, **(changes if m == months else {})) for m in (1, 3, 6, 12)])


def verdict_on(candidate: EvaluationReport) -> Decision:
    return decide(
        kind=Kind.ACCEPT_CANDIDATE,
        subject="macro/job",
        key="k",
        gates=gates(candidate, MACRO.policy),
        evidence={},
        actor="test",
        made_at=NOON,
    )


def versus(*, p_value: float, ratio: float = 0.8) -> dict[str, Any]:
    comparison = {"rmse_ratio": ratio, "dm_statistic": -1.0, "p_value": p_value}
    return {"random_walk": comparison, "ar": comparison}


def test_a_candidate_that_beats_its_baselines_is_accepted() -> None:
    decision = verdict_on(report())
    assert decision.verdict is Verdict.ACCEPTED
    assert decision.reasons == ()


def test_every_named_horizon_and_baseline_has_its_gate() -> None:
    names = {gate.name for gate in verdict_on(report()).gates}
    assert {f"rmse_ratio.{b}.h{h}" for b in ("random_walk", "ar") for h in (1, 3, 6, 12)} <= names
    assert {"p_value.ar.h1", "p_value.random_walk.h3", "interval_coverage.h12", "slice.recessions.h6"} <= names


@pytest.mark.parametrize("months", [1, 3, 6, 12])
@pytest.mark.parametrize("baseline", ["random_walk", "ar"])
def test_being_as_good_as_a_baseline_is_not_enough(months: int, baseline: str) -> None:
    decision = verdict_on(with_horizon(months, model=0.12, **{baseline: 0.12}))
    assert decision.verdict is Verdict.REFUSED
    assert [gate.name for gate in decision.gates if not gate.passed] == [f"rmse_ratio.{baseline}.h{months}"]
    assert decision.reasons[0].startswith("1 month ahead" if months == 1 else f"{months} months ahead")


@pytest.mark.parametrize(("months", "verdict"), [(1, "refused"), (3, "refused"), (6, "accepted"), (12, "accepted")])
def test_luck_is_ruled_out_at_the_short_horizons(months: int, verdict: str) -> None:
    candidate = with_horizon(months, model=0.12, random_walk=0.15, ar=0.15, versus=versus(p_value=0.3))
    decision = verdict_on(candidate)
    assert decision.verdict == verdict
    assert all("not significant" in reason for reason in decision.reasons)


def test_a_share_just_outside_does_not_read_as_the_limit() -> None:
    decision = verdict_on(with_horizon(12, intervals=[{"level": 0.8, "coverage": 0.984, "mean_width": 0.4}]))
    assert "covers 98.4% of the actual values" in decision.reasons[0]


@pytest.mark.parametrize(
    ("months", "coverage", "passes"),
    [
        *((6, 0.69, False), (6, 0.70, True), (6, 0.92, True), (6, 0.93, False)),
        *((1, 0.69, False), (1, 0.70, True), (1, 0.90, True), (1, 0.91, False)),
    ],
)
def test_intervals_hold_about_as_often_as_they_say(months: int, coverage: float, passes: bool) -> None:
    # Given 240 forecasts, of which 40 are independent six months ahead: two standard errors are .126
    intervals = [{"level": 0.8, "coverage": coverage, "mean_width": 0.4}]
    decision = verdict_on(with_horizon(months, intervals=intervals))
    assert (decision.verdict is Verdict.ACCEPTED) is passes


def test_an_interval_of_another_level_does_not_count() -> None:
    decision = verdict_on(with_horizon(6, intervals=[{"level": 0.95, "coverage": 0.95, "mean_width": 1}]))
    assert decision.reasons == ("6 months ahead: the report has no 80% interval",)


def test_a_slice_may_be_worse_but_not_disastrous() -> None:
    bad = [{"slice": "recessions", "n": 30, "rmse": {"model": 0.4, "random_walk": 0.3}}]
    worse = [{"slice": "recessions", "n": 30, "rmse": {"model": 0.36, "random_walk": 0.3}}]
    assert verdict_on(with_horizon(1, slices=worse)).verdict is Verdict.ACCEPTED
    assert "on 'recessions' error is 1.33" in verdict_on(with_horizon(1, slices=bad)).reasons[0]


def test_a_slice_of_a_few_points_is_no_evidence() -> None:
    few = [{"slice": "recessions", "n": 5, "rmse": {"model": 0.9, "random_walk": 0.3}}]
    assert verdict_on(with_horizon(1, slices=few)).verdict is Verdict.ACCEPTED


def test_a_short_backtest_is_no_evidence() -> None:
    assert verdict_on(with_horizon(3, n=59)).reasons == (
        "3 months ahead: only 59 backtest points, at least 60 are needed",
    )


def test_what_the_report_lacks_has_failed() -> None:
    without_three = report(horizons=[horizon(1), horizon(6), horizon(12)])
    without_ar = with_horizon(1, versus={"random_walk": versus(p_value=0.01)["random_walk"]})
    assert verdict_on(without_three).reasons[0].startswith("3 months ahead: only 0 backtest points")
    assert verdict_on(without_ar).reasons == ("1 month ahead: the report has no comparison with ar",)


def test_the_same_report_is_the_same_decision() -> None:
    assert verdict_on(report()).decision_id == verdict_on(report()).decision_id


@given(ratio=st.floats(0.01, 3, allow_nan=False), better=st.floats(0.01, 1))
def test_a_better_model_never_fails_where_a_worse_one_passed(ratio: float, better: float) -> None:
    def passes(share: float) -> bool:
        return verdict_on(with_horizon(6, model=0.15 * share, random_walk=0.15, ar=0.15)).verdict is Verdict.ACCEPTED

    assert passes(ratio * better) or not passes(ratio)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": "housing"}, "evaluation.json model"),
        ({"target": "GDP"}, "evaluation.json target"),
        ({"horizons": [horizon(1), horizon(1)]}, "evaluation.json horizons"),
        ({"horizons": [horizon(1, rmse={"random_walk": 0.15, "ar": 0.14})]}, "evaluation.json horizon 1 rmse"),
        ({"horizons": [horizon(1, rmse={"model": 0.12})]}, "evaluation.json horizon 1 rmse"),
        (
            {"horizons": [horizon(1, versus=versus(p_value=0.01, ratio=0.5))]},
            "evaluation.json horizon 1 versus random_walk rmse_ratio",
        ),
    ],
)
def test_a_report_that_contradicts_itself_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_consistent(report(**changes), MACRO)
    assert refused.value.field == field
