"""The judge: looks often, speaks when there is something new, and never acts twice."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from bellwether.models.domain.capture import Actual, CaptureRecord, Status, Variant
from bellwether.models.domain.deployment import CurrentVersion, RegisteredVersion
from bellwether.models.domain.experiment import Decider, Experiment, Mode
from bellwether.monitoring.domain.service_health import Step
from bellwether.monitoring.usecases.judge_experiments import ExperimentJudge, JudgementRequest
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from tests.builders import package_arn
from tests.fakes.captures import InMemoryActualsStore, InMemoryCaptureStore, InMemoryExperiments
from tests.fakes.lifecycle import InMemoryPromotions, InMemoryRegistry, StartedProcesses, StoppedClock
from tests.unit.monitoring.builders import LATER, NOON, current, experiment, record, shadowed


class Bench:
    """A judge with its world; time passes between looks."""

    def __init__(
        self,
        *experiments: Experiment,
        champion: CurrentVersion | None = None,
        evidence: tuple[Iterable[CaptureRecord], Iterable[Actual]] = ((), ()),
        approval: str = "Approved",
    ) -> None:
        self.processes = StartedProcesses()
        self.experiments = InMemoryExperiments(*experiments)
        self._promotions = InMemoryPromotions()
        if champion is not None:
            self._promotions.put("housing", champion)
        self.registry = InMemoryRegistry()
        self.registry.versions[package_arn(3)] = RegisteredVersion(package_arn(3), "g", 3, approval, "s3://b/k", {})
        self._captures = InMemoryCaptureStore(evidence[0])
        self._actuals = InMemoryActualsStore(evidence[1])

    def judge(self, now: datetime = LATER + timedelta(hours=1), **order: Any) -> Any:
        judge = ExperimentJudge(
            current_versions=self._promotions,
            experiments=self.experiments,
            versions=self.registry,
            captures=self._captures,
            actuals=self._actuals,
            processes=self.processes,
            clock=StoppedClock(now),
        )
        return judge.judge(JudgementRequest(**order))

    @property
    def started(self) -> list[Any]:
        return list(self.processes.started.values())


WINNER = shadowed(150, champion=10, challenger=4)
LOSER = shadowed(150, champion=4, challenger=10)


def test_while_nobody_is_tried_nothing_is_said() -> None:
    bench = Bench(champion=current())
    assert bench.judge() == ()
    assert bench.started == []


def test_an_undecided_experiment_is_recorded_once_a_day_without_a_mail() -> None:
    bench = Bench(experiment(), champion=current())
    arns = [bench.judge(NOON + timedelta(minutes=5 * n))[0].execution_arn for n in range(1, 5)]
    assert [arn is not None for arn in arns] == [True, False, False, False]
    bench.judge(NOON + timedelta(days=1))
    assert len(bench.started) == 2
    assert all((each["step"], each["deployment"], each["mail"]) == ("go_on", None, None) for each in bench.started)


def test_a_winner_that_decides_by_itself_is_deployed_with_its_experiment_named() -> None:
    bench = Bench(experiment(decider=Decider.AUTO), champion=current(), evidence=WINNER)
    (ruling,) = bench.judge()
    assert ruling.step is Step.PROMOTE
    (started,) = bench.started
    order = started["deployment"]["input"]
    assert (order["action"], order["version"], order["promote"]) == ("deploy", 3, True)
    assert order["model_package_arn"] == package_arn(3)
    assert order["experiment_id"] == experiment().experiment_id
    assert started["decision"]["verdict"] == "accepted"
    assert started["decision"]["decision_id"] == order["event_id"]
    assert started["deployment"]["name"].endswith(order["event_id"])


def test_a_winner_older_than_the_champion_comes_by_the_way_back() -> None:
    older = experiment(decider=Decider.AUTO, champion_version=5)
    bench = Bench(older, champion=current(5), evidence=WINNER)
    bench.judge()
    assert bench.started[0]["deployment"]["input"]["action"] == "rollback"


def test_a_person_gets_the_command_once_a_day() -> None:
    bench = Bench(experiment(), champion=current(), evidence=WINNER)
    for minutes in (0, 5, 10, 24 * 60):
        bench.judge(LATER + timedelta(hours=1, minutes=minutes))
    assert len(bench.started) == 2
    assert all(each["deployment"] is None for each in bench.started)
    assert "bellwether experiment promote housing" in bench.started[0]["mail"]["message"]


def test_a_winner_that_nobody_approved_asks_for_approval_even_when_it_may_decide() -> None:
    bench = Bench(
        experiment(decider=Decider.AUTO), champion=current(), evidence=WINNER, approval="PendingManualApproval"
    )
    bench.judge()
    (started,) = bench.started
    assert started["deployment"] is None
    assert "bellwether approve housing --version 3" in started["mail"]["message"]
    assert started["decision"]["verdict"] == "refused"


@pytest.mark.parametrize("decider", Decider)
def test_a_challenger_that_a_person_rejects_is_stopped(decider: Decider) -> None:
    # Given a challenger that answers callers, and does well
    split = experiment(mode=Mode.SPLIT, share=0.5, decider=decider)
    bench = Bench(split, champion=current(), evidence=WINNER, approval="Rejected")
    # When a person has rejected it; Then it goes, whoever decides about winners
    (ruling,) = bench.judge()
    assert (ruling.step, ruling.reason) == (Step.STOP, "version 3 was rejected")
    assert bench.started[0]["deployment"]["input"]["action"] == "stop_challenge"


def test_a_challenger_whose_version_was_deleted_is_still_guarded() -> None:
    # Given a challenger that fails, and is no longer registered
    records = [record(number, Variant.CHALLENGER, status=Status.FAILED, returned=False) for number in range(60)]
    bench = Bench(experiment(), champion=current(), evidence=(records, []))
    bench.registry.versions.clear()
    # When it is judged; Then the guard speaks
    (ruling,) = bench.judge()
    assert ruling.step is Step.STOP
    assert "60 of 60 requests failed" in ruling.reason


def test_a_loser_is_stopped_or_its_person_is_asked_to() -> None:
    bench = Bench(experiment(decider=Decider.AUTO), champion=current(), evidence=LOSER)
    bench.judge()
    order = bench.started[0]["deployment"]["input"]
    assert (order["action"], order["experiment_id"]) == ("stop_challenge", experiment().experiment_id)
    asked = Bench(experiment(), champion=current(), evidence=LOSER)
    asked.judge()
    assert "promote" not in asked.started[0]["mail"]["message"]
    assert "bellwether experiment stop housing" in asked.started[0]["mail"]["message"]


def test_a_stop_that_did_not_happen_is_asked_for_again_within_the_hour() -> None:
    failing = [record(n, Variant.CHALLENGER, status=Status.FAILED) for n in range(30)]
    bench = Bench(experiment(), champion=current(), evidence=(failing, ()))
    for minutes in range(0, 60, 5):
        bench.judge(NOON.replace(hour=13) + timedelta(minutes=minutes))
    assert len(bench.started) == 1
    bench.judge(NOON.replace(hour=14))
    assert [each["step"] for each in bench.started] == ["stop", "stop"]
    names = {each["deployment"]["name"] for each in bench.started}
    assert len(names) == 2


def test_a_look_by_hand_tells_all_and_starts_nothing() -> None:
    bench = Bench(experiment(), champion=current(), evidence=WINNER)
    (ruling,) = bench.judge(act=False, models=("housing",))
    assert (ruling.execution_arn, bench.started) == (None, [])
    assert ruling.standing["pairs"] == 150
    assert ruling.path[-1]["pairs"] == 150
    assert len(ruling.path) <= 61


def test_a_version_that_fails_on_probation_is_rolled_back_once() -> None:
    promoted = current(3, promoted_at=NOON)
    failing = [record(n, status=Status.FAILED) for n in range(40)]
    bench = Bench(champion=promoted, evidence=(failing, ()))
    for minutes in (5, 10, 15):
        (ruling,) = bench.judge(NOON + timedelta(minutes=minutes))
        assert ruling.step is Step.ROLLBACK
    (started,) = bench.started
    order = started["deployment"]["input"]
    assert (order["action"], order["version"], order["model_package_arn"]) == ("rollback", 2, package_arn(2))
    assert started["decision"]["kind"] == "judge_probation"
    assert "is rolled back to version 2" in started["mail"]["subject"]


def test_a_version_that_does_well_on_probation_is_not_spoken_of() -> None:
    bench = Bench(champion=current(3, promoted_at=NOON), evidence=([record(n) for n in range(40)], ()))
    (ruling,) = bench.judge(NOON + timedelta(hours=1))
    assert (ruling.step, bench.started) == (Step.GO_ON, [])


def test_one_model_s_trouble_is_told_after_the_others_were_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a parameter of macro that can't be read
    bench = Bench(experiment(), champion=current())

    def get(model: str) -> Experiment | None:
        if model == "macro":
            raise InvalidInputError("does not hold an experiment", field="/bellwether/dev/macro/experiment")
        return InMemoryExperiments(experiment()).get(model)

    monkeypatch.setattr(bench.experiments, "get", get)
    with pytest.raises(InvalidInputError, match="macro/experiment"):
        bench.judge()
    assert [each["model"] for each in bench.started] == ["housing"]


def test_an_unknown_model_is_not_judged() -> None:
    with pytest.raises(NotFoundError):
        Bench().judge(models=("weather",))
