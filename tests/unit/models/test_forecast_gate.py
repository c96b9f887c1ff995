"""The gate: a model beats its baselines or stays out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.models.domain.candidate_report import forecast_summary
from bellwether.models.domain.catalogue import MACRO
from bellwether.models.domain.forecast_evaluation import EvaluationReport
from bellwether.models.domain.forecast_gate import check_consistent, gates
from bellwether.models.domain.model_families import family_of
from bellwether.shared.domain.decisions import Decision, Kind, Verdict, decide
from bellwether.shared.domain.errors import InvalidInputError
from jobs.training.learning.macro.gate import failures, parse_limits
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


# --- horizons that the model does not serve ---------------------------------------------------------------------------


def a_fallback(**changes: Any) -> dict[str, Any]:
    """Figures of a fallback that keeps up with both baselines."""
    own = horizon(12, model=0.139)
    for measure in ("rmse", "mae"):
        own[measure] = {("fallback" if name == "model" else name): value for name, value in own[measure].items()}
    return {**own, "method": "ar", "shares": {"ar": 1.0}, "slices": [], **changes}


def fallen_back(**changes: Any) -> EvaluationReport:
    """A report in which the model fails twelve months ahead, and AR serves."""
    failing = {
        "model": 0.186,
        "method": "ar",
        "model_fails": ["error is 1.240 of random walk's"],
        "fallback": a_fallback(),
        **changes,
    }
    return with_horizon(12, **failing)


def test_a_horizon_that_fails_falls_back_and_the_others_are_served() -> None:
    # Given a model that fails at twelve months, where AR serves
    decision = verdict_on(fallen_back())
    # Then the candidate is accepted, and the decision says what serves and why
    assert decision.verdict is Verdict.ACCEPTED
    (method,) = [gate for gate in decision.gates if gate.name == "method.h12"]
    assert (method.observed, method.passed) == ("ar", True)
    assert method.reason == "12 months ahead: AR serves, not the model: error is 1.240 of random walk's"


def test_a_fallback_may_not_fall_far_behind_a_baseline() -> None:
    slow = a_fallback(rmse={"fallback": 0.15, "random_walk": 0.15, "ar": 0.14})
    slow["versus"] = {
        "random_walk": {"rmse_ratio": 1.0, "dm_statistic": 0.0, "p_value": 0.5},
        "ar": {"rmse_ratio": 0.15 / 0.14, "dm_statistic": -1.0, "p_value": 0.8},
    }
    decision = verdict_on(fallen_back(fallback=slow))
    assert decision.reasons == ("12 months ahead: the fallback's error is 1.071 of ar's, at most 1.050 is tolerated",)


def test_a_model_that_has_a_part_in_no_horizon_is_refused() -> None:
    failing: dict[str, Any] = {"model": 0.186, "method": "ar", "model_fails": ["x"], "fallback": a_fallback()}
    decision = verdict_on(report(horizons=[horizon(m, **failing) for m in (1, 3, 6, 12)]))
    assert [gate.name for gate in decision.gates if not gate.passed] == ["model_horizons"]


def test_a_model_that_serves_a_horizon_where_it_fails_is_refused() -> None:
    decision = verdict_on(fallen_back(method="model"))
    assert decision.verdict is Verdict.REFUSED
    assert "rmse_ratio.random_walk.h12" in [gate.name for gate in decision.gates if not gate.passed]


def test_a_fallback_without_figures_is_refused() -> None:
    assert verdict_on(fallen_back(fallback=None)).reasons == (
        "12 months ahead: the report has no figures of the fallback",
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"method": "random_walk"}, "evaluation.json horizon 12 method"),
        (
            {"fallback": a_fallback(rmse={"fallback": 0.10, "random_walk": 0.15, "ar": 0.14})},
            "evaluation.json horizon 12 fallback versus random_walk rmse_ratio",
        ),
    ],
)
def test_a_fallback_that_contradicts_the_report_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_consistent(fallen_back(**changes), MACRO)
    assert refused.value.field == field


def test_the_figures_of_a_version_are_those_of_what_serves() -> None:
    assert family_of(MACRO).figures(fallen_back())["rmse_h12"] == 0.139


def test_the_mail_says_what_serves_and_shows_the_pandemic_apart() -> None:
    apart = [{"slice": "targets in 2020", "n": 12, "rmse": {"model": 2.1, "random_walk": 2.4, "ar": 2.6}}]
    text = "\n".join(forecast_summary(fallen_back(apart=apart)))
    assert "12 months ahead AR serves (error 0.1390), not the model: error is 1.240 of" in text
    assert "targets in 2020" in text


ERRORS = st.floats(0.05, 0.3, allow_nan=False)
LIMITS = parse_limits(MACRO.policy.hyperparameter)


@given(
    months=st.sampled_from([1, 3, 6, 12]),
    rmse=st.tuples(ERRORS, ERRORS, ERRORS),
    p_value=st.floats(0, 1),
    coverage=st.floats(0.5, 1),
    part=st.tuples(st.integers(6, 30), ERRORS, ERRORS),
)
def test_the_job_lets_the_model_serve_exactly_where_the_gate_does(
    months: int,
    rmse: tuple[float, float, float],
    p_value: float,
    coverage: float,
    part: tuple[int, float, float],
) -> None:
    # Given any figures of one horizon
    model, random_walk, ar = rmse
    figures = horizon(months, model=model, random_walk=random_walk, ar=ar)
    for comparison in figures["versus"].values():
        comparison["p_value"] = p_value
    figures["intervals"] = [{"level": 0.8, "coverage": coverage, "mean_width": 0.4}]
    figures["slices"] = [{"slice": "a part", "n": part[0], "rmse": {"model": part[1], "random_walk": part[2]}}]
    # When job and gate judge them, then they agree
    candidate = report(horizons=[figures if m == months else horizon(m) for m in (1, 3, 6, 12)])
    assert (not list(failures(figures, LIMITS))) is all(gate.passed for gate in gates(candidate, MACRO.policy))
