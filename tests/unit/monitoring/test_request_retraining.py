"""When a model is trained anew by itself, and when it is not."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.models.domain.catalogue import MACRO
from bellwether.models.domain.retraining import (
    TRAINING_USD_AN_HOUR,
    MachineTime,
    PastTraining,
    RetrainingCase,
    Trigger,
    cost_usd,
    is_training_of,
    month_of,
    retraining_gates,
)
from bellwether.models.domain.specs import RetrainPolicy
from bellwether.models.domain.training import job_prefix, merged_hyperparameters
from bellwether.monitoring.usecases.request_retraining import Retraining, RetrainingRequest, request_retraining
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from bellwether.shared.settings import parse
from tests.builders import DATASET_SHA256, dataset_manifest, digest
from tests.fakes.lifecycle import NOON, CodeOf, PastTrainings, StoppedClock
from tests.fakes.objects import InMemoryObjectStore

RECIPE = job_prefix("macro", DATASET_SHA256, merged_hyperparameters(MACRO, {}), digest(b"code"))
OTHER = "macro-0badcafe-0badcafe-"
HOUR = MachineTime("ml.m5.large", 1, 3600)


def trained(days_ago: float, *, recipe: str = OTHER, attempt: int = 1, status: str = "Completed") -> PastTraining:
    began = NOON - timedelta(days=days_ago)
    ended = None if status == "InProgress" else began
    return PastTraining(f"{recipe}{attempt}", status == "InProgress", status == "Completed", began, ended)


def ask(
    *past: PastTraining,
    trigger: str = "drift",
    instance_type: str = "ml.m5.large",
    seconds: float = 900,
    model: str = "macro",
) -> Retraining:
    return request_retraining(
        parse(RetrainingRequest, {"model": model, "trigger": trigger, "request_id": "run-1"}),
        instance_type=instance_type,
        time_limit_seconds=3600,
        cooldown_days_max=30.0,
        objects=InMemoryObjectStore({"fred-data/train/manifest.json": json.dumps(dataset_manifest()).encode()}),
        history=PastTrainings(past, seconds=seconds),
        code=CodeOf(b"code"),
        clock=StoppedClock(),
    )


# --- the policy, by example ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trigger", ["schedule", "drift", "accuracy", "alarm"])
def test_a_model_that_has_rested_is_trained_on_newer_data(trigger: str) -> None:
    answer = ask(trained(40), trained(8), trigger=trigger)
    assert (answer.accepted, answer.tell) == (True, False)
    assert (answer.decision.kind, answer.decision.subject) == ("retrain_model", "macro")
    assert answer.decision.evidence["trigger"] == trigger


def test_the_first_training_of_all_needs_no_past() -> None:
    assert ask(trigger="schedule").accepted


def test_a_model_that_was_given_no_data_yet_waits_without_a_word() -> None:
    answer = ask(trigger="schedule", model="housing")
    assert (answer.accepted, answer.tell) == (False, False)
    assert answer.decision.reasons == ("no dataset has been ingested for this model",)


def test_one_at_a_time() -> None:
    answer = ask(trained(0.01, status="InProgress"))
    assert not answer.accepted
    assert any("only one training runs at a time" in reason for reason in answer.decision.reasons)
    # And nobody is told: what was asked for is being done
    assert not answer.tell


def test_it_rests_after_a_training_whoever_ordered_that() -> None:
    answer = ask(trained(6.5))
    assert answer.decision.reasons == ("the last training ended 6.5 days ago; automatic training waits 7 days",)


def test_a_failed_training_asks_for_no_rest() -> None:
    assert ask(trained(1, status="Failed")).accepted


def test_the_month_s_budget_counts_failed_trainings_and_the_one_to_come_at_its_longest() -> None:
    # Given 5 USD a month, and trainings of this month that took 4.89 USD; a whole hour costs 0.115
    jobs = [trained(0.3, attempt=n, status="Failed") for n in range(1, 4)]
    answer = ask(*jobs, seconds=4.89 / 3 / 0.115 * 3600)
    assert "with this training at its maximum duration the month would cost 5.0051 USD" in answer.decision.reasons[0]
    assert ask(*jobs, seconds=4.88 / 3 / 0.115 * 3600).accepted


def test_last_month_s_trainings_cost_this_month_nothing() -> None:
    # NOON is the first of March
    assert ask(trained(20), seconds=1_000_000).accepted


def test_without_a_price_there_is_no_budget_to_keep() -> None:
    (reason,) = ask(instance_type="ml.p5.48xlarge").decision.reasons
    assert reason == "no price is known for ml.p5.48xlarge, so the budget can't be checked"


def test_a_schedule_does_not_train_the_same_again() -> None:
    answer = ask(trained(30, recipe=RECIPE), trigger="schedule")
    assert "only new data change the model" in answer.decision.reasons[0]
    # And nobody is told: what serves is as good as before
    assert (answer.accepted, answer.tell) == (False, False)


def test_a_cry_for_help_may_confirm_the_model_once_and_is_answered_with_a_word_after_that() -> None:
    assert ask(trained(30, recipe=RECIPE), trigger="drift").accepted
    answer = ask(trained(30, recipe=RECIPE), trained(8, recipe=RECIPE, attempt=2), trigger="drift")
    assert (answer.accepted, answer.tell) == (False, True)
    assert answer.subject_line == "Bellwether: macro is not retrained"
    assert "bellwether train macro" in answer.message


def test_data_that_went_back_to_an_older_state_are_not_the_same_again() -> None:
    assert ask(trained(60, recipe=RECIPE), trained(30), trigger="schedule").accepted


def test_a_request_that_comes_twice_is_one_decision() -> None:
    assert ask().decision.decision_id == ask(trained(3)).decision.decision_id


def test_a_person_s_order_is_not_asked_about_here_and_neither_is_nonsense() -> None:
    with pytest.raises(InvalidInputError, match="trigger"):
        parse(RetrainingRequest, {"model": "macro", "trigger": "mood", "request_id": "1"})
    with pytest.raises(NotFoundError, match="weather"):
        request_retraining(
            parse(RetrainingRequest, {"model": "weather", "trigger": "drift", "request_id": "1"}),
            instance_type="ml.m5.large",
            time_limit_seconds=3600,
            cooldown_days_max=30.0,
            objects=InMemoryObjectStore({}),
            history=PastTrainings(()),
            code=CodeOf(),
            clock=StoppedClock(),
        )


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("macro-0badcafe-12345678-1", True),
        ("macro-0badcafe-12345678-12", True),
        ("macro-v2-0badcafe-12345678-1", False),
        ("macro-0badcafe-12345678-", False),
        ("housing-0badcafe-12345678-1", False),
    ],
)
def test_jobs_are_known_by_their_names(name: str, ours: bool) -> None:
    assert is_training_of("macro", name) is ours


# --- the policy, always ----------------------------------------------------------------------------------------------

moments = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
jobs = st.builds(
    lambda recipe, attempt, status, began, hours: PastTraining(
        name=f"{recipe}{attempt}",
        running=status == "InProgress",
        completed=status == "Completed",
        created_at=began,
        ended_at=None if status == "InProgress" else began + timedelta(hours=hours),
    ),
    recipe=st.sampled_from([RECIPE, OTHER]),
    attempt=st.integers(1, 50),
    status=st.sampled_from(["InProgress", "Completed", "Failed", "Stopped"]),
    began=moments,
    hours=st.floats(0, 5),
)
times = st.builds(MachineTime, st.sampled_from(sorted(TRAINING_USD_AN_HOUR)), st.integers(1, 3), st.floats(0, 90_000))
cases = st.builds(
    RetrainingCase,
    trigger=st.sampled_from([each for each in Trigger if each is not Trigger.MANUAL]),
    policy=st.builds(RetrainPolicy, st.floats(0, 30), st.decimals(0, 20, places=2)),
    now=moments,
    recipe=st.just(RECIPE),
    machine=times,
    past=st.lists(jobs, max_size=6).map(tuple),
    spent=st.lists(times, max_size=6).map(tuple),
)


def accepts(case: RetrainingCase) -> bool:
    return all(gate.passed for gate in retraining_gates(case))


@given(cases)
def test_what_is_accepted_keeps_every_promise(case: RetrainingCase) -> None:
    if accepts(case):
        assert not [job for job in case.past if job.running]
        ended = [job.ended_at for job in case.past if job.completed and job.ended_at]
        assert all((case.now - each).total_seconds() >= case.policy.cooldown_days * 86_400 for each in ended)
        total = sum(TRAINING_USD_AN_HOUR[t.instance_type] * t.instance_count * Decimal(t.seconds) for t in case.spent)
        assert total / 3600 <= case.policy.monthly_budget_usd


@given(cases)
def test_every_refusal_has_its_reason(case: RetrainingCase) -> None:
    assert all(gate.passed is not bool(gate.reason) for gate in retraining_gates(case))


@given(cases, jobs, times)
def test_one_more_training_never_helps_unless_its_data_were_others(
    case: RetrainingCase, job: PastTraining, time: MachineTime
) -> None:
    # Given a case that is refused; Then it is refused with one more job of the same recipe and its costs as well
    same = replace(job, name=f"{RECIPE}99")
    if not accepts(case):
        assert not accepts(replace(case, past=(*case.past, same), spent=(*case.spent, time)))


@given(cases)
def test_a_larger_budget_and_a_shorter_rest_never_hurt(case: RetrainingCase) -> None:
    generous = RetrainPolicy(0, case.policy.monthly_budget_usd + 100)
    if accepts(case):
        assert accepts(replace(case, policy=generous))


@given(st.lists(times, max_size=6), times)
def test_costs_add_up_and_are_never_told_too_low(some: list[MachineTime], more: MachineTime) -> None:
    before, after = cost_usd(some), cost_usd([*some, more])
    assert before is not None
    assert after is not None
    assert after >= before
    assert cost_usd([HOUR]) == Decimal("0.1150")


@given(moments)
def test_a_month_begins_on_its_first_day(moment: datetime) -> None:
    assert month_of(moment) <= moment
    assert (month_of(moment).day, month_of(moment).month) == (1, moment.month)
