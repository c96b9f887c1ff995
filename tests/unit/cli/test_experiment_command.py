"""What the experiment commands order, and how they show what they found."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bellwether.models.domain.capture import Status, Variant
from bellwether.models.domain.deployment import RegisteredVersion
from bellwether.models.domain.experiment import Decider, Mode
from bellwether.models.views import VersionView
from bellwether.monitoring.usecases.judge_experiments import ExperimentJudge, JudgementRequest
from cli import challengers, registry
from cli.problems import CommandError
from cli.target import Target
from tests.builders import package_arn
from tests.fakes.captures import InMemoryActualsStore, InMemoryCaptureStore, InMemoryExperiments
from tests.fakes.lifecycle import InMemoryPromotions, InMemoryRegistry, StartedProcesses, StoppedClock
from tests.unit.monitoring.builders import LATER, NOON, current, experiment, record, shadowed


class States:
    """Step Functions and STS that remember what was started."""

    def __init__(self) -> None:
        self.inputs: list[dict[str, Any]] = []

    def start_execution(self, **order: Any) -> dict[str, str]:
        self.inputs.append(json.loads(order["input"]))
        return {"executionArn": "arn"}

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "ada"}


@pytest.fixture
def states() -> States:
    return States()


@pytest.fixture
def target(states: States) -> Target:
    found = Target(where="test", stack="bellwether-dev", client=lambda _service: states, region="us-east-1")
    vars(found)["outputs"] = {"DeployModelStateMachineArn": "machine"}
    return found


def version(number: int, status: str) -> VersionView:
    return VersionView(
        number=number,
        arn=package_arn(number),
        status=status,
        created_at=NOON,
        figure="",
        role="",
        traffic=0.0,
        archived=False,
        metadata={},
    )


def rulings(champion: float, challenger: float, *, count: int = 150) -> list[dict[str, Any]]:
    """What the judge answers about an experiment, and about a version on probation."""
    records, actuals = shadowed(count, champion=champion, challenger=challenger)
    promotions, registry = InMemoryPromotions(), InMemoryRegistry()
    promotions.put("housing", current(promoted_at=NOON.replace(hour=13)))
    registry.versions[package_arn(3)] = RegisteredVersion(package_arn(3), "g", 3, "Approved", "s3://b/k", {})
    judge = ExperimentJudge(
        current_versions=promotions,
        experiments=InMemoryExperiments(experiment()),
        versions=registry,
        captures=InMemoryCaptureStore([*records, record(9999, Variant.CHALLENGER, status=Status.FAILED)]),
        actuals=InMemoryActualsStore(actuals),
        processes=StartedProcesses(),
        clock=StoppedClock(LATER),
    )
    found = judge.judge(JudgementRequest(models=("housing",), act=False))
    return [json.loads(each.model_dump_json()) for each in found]


def shown(ruling: dict[str, Any]) -> str:
    console = Console(width=160, record=True, file=StringIO())
    console.print(challengers.ruling_table(ruling))
    return console.export_text()


def test_a_challenge_is_ordered_with_its_terms_and_a_name_of_its_own(target: Target, states: States) -> None:
    for _ in range(2):
        challengers.start(
            target,
            "housing",
            version(3, "Approved"),
            mode=Mode.SPLIT,
            share=0.2,
            decider=Decider.AUTO,
            days=7,
        )
    first, second = states.inputs
    assert (first["action"], first["version"], first["actor"]) == ("challenge", 3, "claimed: ada")
    terms = {"mode": "split", "share": 0.2, "decider": "auto", "days": 7}
    assert terms.items() <= first["challenge"].items()
    assert first["challenge"]["experiment_id"] != second["challenge"]["experiment_id"]


def test_a_split_of_a_pending_version_names_the_way_to_it(target: Target, states: States) -> None:
    with pytest.raises(CommandError, match="bellwether approve housing --version 3 --for-experiment"):
        challengers.start(
            target,
            "housing",
            version(3, "PendingManualApproval"),
            mode=Mode.SPLIT,
            share=0.2,
            decider=Decider.AUTO,
            days=7,
        )
    assert states.inputs == []


@pytest.mark.parametrize(("challenger", "action"), [(3, "deploy"), (1, "rollback")])
def test_a_promotion_goes_the_way_of_the_version_s_number(
    target: Target, states: States, monkeypatch: pytest.MonkeyPatch, challenger: int, action: str
) -> None:
    monkeypatch.setattr(registry, "numbered_version", lambda *_: version(challenger, "Approved"))
    ruling = {"standing": {"experiment": experiment(challenger_version=challenger).model_dump(mode="json")}}
    challengers.promote(target, ruling)
    (order,) = states.inputs
    assert (order["action"], order["version"], order["promote"]) == (action, challenger, True)


def test_a_promotion_never_passes_approval_by(target: Target, states: States, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "numbered_version", lambda *_: version(3, "PendingManualApproval"))
    ruling = {"standing": {"experiment": experiment().model_dump(mode="json")}}
    with pytest.raises(CommandError, match="bellwether approve housing --version 3"):
        challengers.promote(target, ruling)
    assert states.inputs == []


def test_a_stop_names_the_experiment_or_whatever_is_there(target: Target, states: States) -> None:
    ruling = rulings(10, 4)[0]
    challengers.stop(target, "housing", ruling, "enough")
    challengers.stop(target, "housing", None, "enough")
    named, unnamed = states.inputs
    assert (named["experiment_id"], named["version"]) == (experiment().experiment_id, 3)
    assert "experiment_id" not in unnamed


def test_an_experiment_is_shown_with_its_limits_and_gates() -> None:
    found, probation = rulings(10, 4)
    text = shown(found)
    assert "housing: challenger 3, champion 2" in text
    assert "shadow, 100% of the entities" in text
    assert "151 requests, 1 failed, p95 100 ms" in text
    assert "next step" in text
    assert "request decision: version 3 is better" in text
    assert "version 2 on probation" in shown(probation)


def test_a_model_without_an_experiment_says_how_to_start_one(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challengers, "judge", lambda *_: [])
    with pytest.raises(CommandError, match="bellwether experiment start housing"):
        challengers.running(target, "housing")


def test_the_confidence_sequence_is_drawn_once_there_is_one(tmp_path: Path) -> None:
    drawn = challengers.draw_path(rulings(10, 4)[0], tmp_path / "path.png")
    assert drawn.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(CommandError, match="The chart needs more pairs"):
        challengers.draw_path(rulings(10, 4, count=5)[0], tmp_path / "none.png")
