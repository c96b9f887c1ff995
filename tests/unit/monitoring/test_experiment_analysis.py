"""What follows from an experiment and from a probation."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from bellwether.models.domain.capture import LATE, Actual, CaptureRecord, Point, Status, Variant
from bellwether.models.domain.experiment import Decider, Mode
from bellwether.models.domain.specs import ExperimentPolicy, GuardPolicy, Loss
from bellwether.monitoring.domain.experiment_analysis import ExperimentAnalysis, analyse_experiment, pairs_of
from bellwether.monitoring.domain.probation import analyse_probation, is_on_probation
from bellwether.monitoring.domain.sequential_test import Pair
from bellwether.monitoring.domain.service_health import Step, measure_health
from tests.unit.monitoring.builders import LATER, NOON, SPEC, actual, current, experiment, record, shadowed

POLICY = ExperimentPolicy(loss=Loss.ABSOLUTE)
GUARD = GuardPolicy()
NOBODY = measure_health([], GUARD)
CHALLENGER = Variant.CHALLENGER


def by_key(actuals: Iterable[Actual]) -> dict[str, Actual]:
    return {each.join_key: each for each in actuals}


def pairs(records: list[CaptureRecord], actuals: Iterable[Actual], **changes: Any) -> tuple[Pair, ...]:
    return pairs_of(experiment(**changes), POLICY, records, by_key(actuals))


# --- pairs -----------------------------------------------------------------------------------------------------------


def test_a_shadow_is_held_against_the_answer_to_the_same_row() -> None:
    # Given two rows of one request that both were asked about
    records = [
        record(1, prediction=110.0),
        record(1, CHALLENGER, 95.0),
        record(2, prediction=90.0),
        record(2, CHALLENGER, 101.0),
    ]
    # Then each is a pair, in the order in which the truth arrived
    later = actual(1, observed_at=LATER + timedelta(days=1))
    assert pairs(records, [actual(1), actual(2)]) == (Pair(10, 5), Pair(10, 1))
    assert pairs(records, [later, actual(2)]) == (Pair(10, 1), Pair(10, 5))


def test_a_row_that_only_one_of_them_answered_is_no_pair() -> None:
    records = [
        record(1, prediction=110.0),
        record(2, CHALLENGER, 95.0),
        record(3, prediction=1.0),
        record(3, CHALLENGER),
    ]
    assert pairs(records, [actual(1), actual(2), actual(3)]) == ()


def test_a_hundred_questions_about_one_thing_are_one_observation() -> None:
    # Given a month that everybody asks about, the first caller first
    same = (Point(join_key="UNRATE:2016-08", prediction=4.0),)
    other = (Point(join_key="UNRATE:2016-08", prediction=5.0),)
    records = [record(n, points=same if n == 1 else other) for n in range(1, 101)]
    records += [record(n, CHALLENGER, points=other) for n in range(1, 101)]
    truth = actual(0, 4.5).model_copy(update={"join_key": "UNRATE:2016-08"})
    assert pairs(records, [truth]) == (Pair(0.5, 0.5),)


def test_of_overlapping_horizons_the_nearest_counts() -> None:
    points = tuple(Point(join_key=f"UNRATE:2016-0{month}", prediction=float(month)) for month in (7, 9))
    actuals = [actual(0, 1.0).model_copy(update={"join_key": f"UNRATE:2016-0{month}"}) for month in (7, 9)]
    assert pairs([record(1, points=points), record(1, CHALLENGER, points=points)], actuals) == (Pair(6, 6),)


def test_in_a_split_both_go_side_by_side_as_their_shares_have_it() -> None:
    # Given four callers of five at the champion, each off by a tenth of its number
    records = [record(n, CHALLENGER if n % 5 == 0 else Variant.CHAMPION, 100 + n / 10) for n in range(1, 13)]
    found = pairs(records, [actual(n) for n in range(1, 13)], mode=Mode.SPLIT, share=0.2)
    # Then blocks of four stand beside blocks of one; what is left over waits
    assert [each.champion for each in found] == pytest.approx([0.25, 0.75])
    assert [each.challenger for each in found] == pytest.approx([0.5, 1.0])


def test_when_most_are_given_to_the_challenger_its_blocks_are_the_larger() -> None:
    records = [record(n, Variant.CHAMPION if n % 4 == 0 else CHALLENGER, 101.0) for n in range(1, 9)]
    found = pairs(records, [actual(n) for n in range(1, 9)], mode=Mode.SPLIT, share=0.75)
    assert found == (Pair(1, 1), Pair(1, 1))


def test_a_share_of_the_truth_needs_a_truth_that_is_not_nothing() -> None:
    policy = ExperimentPolicy(loss=Loss.RELATIVE)
    records = [each for n in (1, 2) for each in (record(n, prediction=80.0), record(n, CHALLENGER, 60.0))]
    actuals = by_key([actual(1, 0.0), actual(2, -100.0)])
    assert pairs_of(experiment(), policy, records, actuals) == (Pair(1.8, 1.6),)


@pytest.mark.parametrize("figure", [float("nan"), float("inf")])
def test_a_figure_that_is_none_is_no_pair(figure: float) -> None:
    assert pairs([record(1, prediction=figure), record(1, CHALLENGER, 1.0)], [actual(1)]) == ()


# --- health ----------------------------------------------------------------------------------------------------------


def test_health_counts_requests_and_leaves_the_caller_s_faults_out() -> None:
    records = [
        *(record(n) for n in range(8)),
        record(8, status=Status.FAILED, error="502"),
        record(9, instance=0),
        record(9, instance=1, status=Status.FAILED),
        record(10, status=Status.REFUSED),
        record(11, latency_ms=9000.0),
    ]
    seen = measure_health(records, GUARD)
    assert (seen.requests, seen.failed, seen.slow) == (11, 2, 1)
    assert seen.latency_p95_ms == 9000.0


def test_a_refusal_of_what_the_champion_answered_is_a_failure() -> None:
    refused = [record(1, CHALLENGER, status=Status.REFUSED)]
    assert measure_health(refused, GUARD).requests == 0
    assert measure_health(refused, GUARD, answerable=frozenset({"request-1"})).failed == 1


def test_nothing_is_said_before_there_are_enough_requests() -> None:
    few = [record(n, status=Status.FAILED) for n in range(GUARD.requests_min - 1)]
    assert all(gate.passed for gate in measure_health(few, GUARD).gates(GUARD, 3, NOBODY))
    one_more = [*few, record(99, status=Status.FAILED)]
    assert [gate.passed for gate in measure_health(one_more, GUARD).gates(GUARD, 3, NOBODY)] == [False, True]


def test_a_shadow_that_nobody_waited_for_is_late_and_has_not_failed() -> None:
    # Given answers that came too late for the record, of a shadow and of one that a caller waited for
    late: dict[str, Any] = {"status": Status.FAILED, "error": f"TransientUpstreamError: {LATE}", "latency_ms": 900.0}
    shadow = measure_health([record(n, CHALLENGER, returned=False, **late) for n in range(30)], GUARD)
    assert (shadow.requests, shadow.failed, shadow.slow, shadow.latency_p95_ms) == (30, 0, 30, 900.0)
    assert measure_health([record(n, **late) for n in range(30)], GUARD).failed == 30


@pytest.mark.parametrize("fault", [{"status": Status.FAILED}, {"latency_ms": 6000.0}])
def test_nobody_is_held_to_more_than_the_other_version_keeps(fault: dict[str, Any]) -> None:
    # Given a model that is asked so seldom that half of its answers wait for a cold start, or a network that fails
    half = measure_health([record(n, **(fault if n % 2 else {})) for n in range(100)], GUARD)
    # Then that is nobody's fault; a version that always does so is
    assert all(gate.passed for gate in half.gates(GUARD, 3, half))
    always = measure_health([record(n, **fault) for n in range(100)], GUARD)
    assert not all(gate.passed for gate in always.gates(GUARD, 3, half))


# --- experiments -----------------------------------------------------------------------------------------------------


def standing(
    records: list[CaptureRecord], actuals: Iterable[Actual] = (), *, approval: str = "Approved", **changes: Any
) -> ExperimentAnalysis:
    now = changes.pop("now", LATER)
    champion = changes.pop("current", current())
    return analyse_experiment(
        experiment(**changes),
        spec=SPEC,
        current=champion,
        approval=approval,
        records=records,
        actuals=by_key(actuals),
        now=now,
    )


def test_without_anything_it_goes_on() -> None:
    found = standing([])
    assert (found.step, found.reason) == (Step.GO_ON, "undecided")


@pytest.mark.parametrize(
    ("decider", "approval", "step"),
    [
        (Decider.AUTO, "Approved", Step.PROMOTE),
        (Decider.PERSON, "Approved", Step.REQUEST_DECISION),
        (Decider.AUTO, "PendingManualApproval", Step.REQUEST_DECISION),
        (Decider.PERSON, "PendingManualApproval", Step.REQUEST_DECISION),
    ],
)
def test_a_winner_is_promoted_by_whoever_decides_and_never_past_approval(
    decider: Decider, approval: str, step: Step
) -> None:
    found = standing(*shadowed(150, champion=10, challenger=4), decider=decider, approval=approval)
    assert found.step is step
    assert all(gate.passed for gate in found.gates) == (approval == "Approved")


@pytest.mark.parametrize(
    ("decider", "days", "step"),
    [(Decider.AUTO, 1, Step.STOP), (Decider.PERSON, 1, Step.REQUEST_DECISION), (Decider.PERSON, 15, Step.STOP)],
)
def test_a_loser_is_stopped_by_whoever_decides_or_by_the_end(decider: Decider, days: int, step: Step) -> None:
    found = standing(*shadowed(150, champion=4, challenger=10), decider=decider, now=NOON + timedelta(days=days))
    assert found.step is step
    assert "not better" in found.reason


def test_without_a_verdict_the_end_stops_it() -> None:
    found = standing([], now=experiment().ends_at)
    assert (found.step, found.reason) == (Step.STOP, "undecided at its end on 2026-03-15 12:00 UTC")


def test_a_winner_waits_for_its_person_beyond_the_end() -> None:
    found = standing(*shadowed(150, champion=10, challenger=4), now=experiment().ends_at)
    assert found.step is Step.REQUEST_DECISION


@pytest.mark.parametrize(
    ("fault", "says"),
    [({"status": Status.FAILED}, "30 of 30 requests failed"), ({"latency_ms": 3001.0}, "took longer than 3000 ms")],
)
def test_a_guard_stops_even_a_winner_whoever_decides(fault: dict[str, Any], says: str) -> None:
    records, actuals = shadowed(150, champion=10, challenger=4)
    faulty = [record(1000 + n, CHALLENGER, **fault) for n in range(30)]
    only = faulty if "status" in fault else [*records, *faulty]
    found = standing(only, actuals, decider=Decider.PERSON)
    assert found.step is Step.STOP
    assert says in found.reason


def test_the_champion_s_own_trouble_stops_nobody() -> None:
    records, actuals = shadowed(150, champion=10, challenger=4)
    found = standing([*records, *(record(1000 + n, status=Status.FAILED) for n in range(30))], actuals)
    assert found.step is Step.REQUEST_DECISION


@pytest.mark.parametrize("champion", [None, current(4)])
def test_without_the_champion_there_is_nothing_to_compare_with(champion: Any) -> None:
    found = standing(*shadowed(150, champion=10, challenger=4), current=champion)
    assert found.step is Step.STOP
    assert "no longer in service" in found.reason


def test_what_belongs_to_somebody_else_does_not_count() -> None:
    records, actuals = shadowed(40, champion=10, challenger=4)
    foreign: list[dict[str, Any]] = [
        {"experiment_id": "another"},
        {"model_version": "housing-00000000"},
        {"received_at": NOON - timedelta(seconds=1)},
    ]
    for change in foreign:
        found = standing([each.model_copy(update=change) for each in records], actuals)
        assert (found.challenger.requests, found.comparison.pairs) == (0, ())


def test_the_evidence_is_plain_json_and_complete() -> None:
    evidence = standing(*shadowed(150, champion=10, challenger=4)).as_json()
    assert (evidence["finding"], evidence["pairs"], evidence["step"]) == ("better", 150, "request_decision")
    assert 0 < evidence["interval"]["lower"] < evidence["improvement"]
    assert evidence["experiment"]["experiment_id"] == "housing-v3-0badcafe"


# --- probation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "hours", "expected"),
    [
        ({}, 1, True),
        ({}, 24, False),
        ({"previous_version": None}, 1, False),
        ({"previous_version": 4}, 1, False),  # it came by a rollback: there is no way forward by itself
    ],
)
def test_a_version_is_on_probation_for_a_day_where_there_is_an_older_one(
    changes: dict[str, Any], hours: int, expected: bool
) -> None:
    promoted = current(3, promoted_at=NOON, **changes)
    assert is_on_probation(promoted, SPEC, NOON + timedelta(hours=hours)) is expected


def test_a_version_that_fails_after_its_promotion_goes_back() -> None:
    promoted = current(3, promoted_at=NOON)
    fine = [record(n) for n in range(40)]
    broken = [record(100 + n, status=Status.FAILED, model_version=None) for n in range(40)]
    assert analyse_probation(promoted, spec=SPEC, records=fine).step is Step.GO_ON
    found = analyse_probation(promoted, spec=SPEC, records=[*fine, *broken])
    assert (found.step, found.health.failed) == (Step.ROLLBACK, 40)


def test_probation_looks_at_its_own_requests_and_so_many_of_them() -> None:
    promoted = current(3, promoted_at=NOON)
    before = [record(-1 - n, status=Status.FAILED) for n in range(5)]
    others = [record(n, CHALLENGER, status=Status.FAILED) for n in range(40)]
    older = [record(n, status=Status.ANSWERED, model_version="housing-00000000", latency_ms=9999) for n in range(40)]
    late = [record(5000 + n, status=Status.FAILED) for n in range(40)]
    fine = [record(100 + n) for n in range(SPEC.probation.requests_max)]
    found = analyse_probation(promoted, spec=SPEC, records=[*late, *before, *others, *older, *fine])
    assert (found.step, found.health.requests, found.health.failed) == (Step.GO_ON, 2000, 0)


def test_a_version_is_not_blamed_for_what_was_so_before_it() -> None:
    # Given answers that waited for a cold start before the promotion as they do after it
    promoted = current(3, promoted_at=NOON)
    cold = [record(n, latency_ms=6000.0) for n in range(-40, 40)]
    assert analyse_probation(promoted, spec=SPEC, records=cold).step is Step.GO_ON
    assert analyse_probation(promoted, spec=SPEC, records=cold[40:]).step is Step.ROLLBACK
