"""A challenger comes and goes: everything arrives twice, and somebody else may be quicker."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from bellwether.models.domain.deployment import (
    CurrentVersion,
    DeploymentPlan,
    EndpointPhase,
    EndpointState,
    RegisteredVersion,
)
from bellwether.models.domain.experiment import ChallengePlan, Experiment, Mode
from bellwether.models.usecases.promote_version import promote_version
from bellwether.models.usecases.stage_endpoint import stage_endpoint
from bellwether.models.usecases.verify_bundle import BundleVerifier, VerificationRequest
from bellwether.monitoring.usecases.start_experiment import start_experiment
from bellwether.monitoring.usecases.withdraw_challenger import Withdrawal, WithdrawalOrder, withdraw_challenger
from bellwether.shared.domain.errors import ConflictError, InvalidInputError
from bellwether.shared.settings import parse
from tests.builders import GROUP, bundle, deployment_plan, package_arn
from tests.fakes.captures import InMemoryExperiments
from tests.fakes.lifecycle import (
    NOON,
    ArchivesByUri,
    InMemoryEndpoints,
    InMemoryPromotions,
    InMemoryRegistry,
    InMemoryServingModels,
    StoppedClock,
)
from tests.fakes.objects import InMemoryObjectStore

ENDPOINT = "Fred-Serverless-Endpoint-Challenger"
CONFIG = f"macro-v3-{bundle().sha256[:8]}"
CHALLENGE = {"experiment_id": "macro-v3-6a7e8feb", "mode": "shadow", "share": 0.5, "decider": "auto", "days": 14}


def champion(version: int = 2, **changes: Any) -> CurrentVersion:
    return CurrentVersion(
        version=version,
        endpoint_config_name="macro-v2-0badcafe",
        model_package_arn=package_arn(version),
        bundle_sha256="0" * 64,
        promoted_at=NOON,
    ).model_copy(update=changes)


def running(experiment_id: str = "macro-v3-6a7e8feb", **changes: Any) -> Experiment:
    return Experiment(
        experiment_id=experiment_id,
        model="macro",
        mode=Mode.SHADOW,
        share=0.5,
        champion_version=2,
        challenger_version=3,
        challenger_endpoint_name=ENDPOINT,
        challenger_config_name=CONFIG,
        challenger_bundle_sha256=bundle().sha256,
        started_at=NOON,
        ends_at=NOON + timedelta(days=14),
    ).model_copy(update=changes)


# --- verification ----------------------------------------------------------------------------------------------------


@dataclass
class Registered:
    """Version 3, and the world around it."""

    approval: str = "PendingManualApproval"
    metadata: dict[str, str] = field(default_factory=lambda: bundle().served().metadata)
    promotions: InMemoryPromotions = field(default_factory=lambda: InMemoryPromotions(champion()))
    experiments: InMemoryExperiments = field(default_factory=InMemoryExperiments)
    objects: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)

    def verify(self, **event: Any) -> DeploymentPlan:
        registry = InMemoryRegistry()
        served = bundle().served()
        registry.versions[package_arn(3)] = RegisteredVersion(
            package_arn(3), GROUP, 3, self.approval, served.uri, self.metadata, served.environment
        )
        verifier = BundleVerifier(
            versions=registry,
            archives=ArchivesByUri({served.uri: served.archive}),
            objects=self.objects,
            current_versions=self.promotions,
            experiments=self.experiments,
            endpoints=InMemoryEndpoints(),
        )
        request = {"model": "macro", "version": 3, "model_package_arn": package_arn(3)}
        return verifier.verify(parse(VerificationRequest, request | event))

    def challenge(self, **changes: Any) -> ChallengePlan:
        plan = self.verify(action="challenge", challenge=CHALLENGE | changes)
        assert isinstance(plan, ChallengePlan)
        return plan


def test_a_pending_version_may_be_shadowed_at_an_endpoint_of_its_own() -> None:
    world = Registered()
    plan = world.challenge()
    assert (plan.deploy, plan.endpoint_name, plan.endpoint_config_name) == (True, ENDPOINT, CONFIG)
    assert (plan.champion_version, plan.challenge.experiment_id) == (2, "macro-v3-6a7e8feb")
    # And what later steps and the monitor need is kept beside each other
    digest = bundle().sha256
    assert {f"models/macro/golden/{digest}.json", f"models/macro/reference/{digest}.json"} == {
        entry.key for entry in world.objects.entries("models/")
    }


@pytest.mark.parametrize(
    ("approval", "mode", "allowed"),
    [
        ("Approved", "split", True),
        ("Approved", "shadow", True),
        ("PendingManualApproval", "split", False),
        ("Rejected", "shadow", False),
    ],
)
def test_only_an_approved_version_may_answer_callers(approval: str, mode: str, allowed: bool) -> None:
    world = Registered(approval=approval)
    if allowed:
        assert world.challenge(mode=mode).deploy
    else:
        with pytest.raises(InvalidInputError) as refused:
            world.challenge(mode=mode)
        assert refused.value.field == "ModelApprovalStatus"


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        (Registered(promotions=InMemoryPromotions()), "no version is in service to compare it with"),
        (Registered(promotions=InMemoryPromotions(champion(3))), "version 3 is current"),
        (
            Registered(promotions=InMemoryPromotions(champion(bundle_sha256=bundle().sha256))),
            "version 3 has the same bundle as the current version 2",
        ),
        (
            Registered(experiments=InMemoryExperiments(running("other", challenger_version=4))),
            "experiment other with version 4 is under way",
        ),
        (
            Registered(experiments=InMemoryExperiments(running())),
            "experiment macro-v3-6a7e8feb with version 3 is under way",
        ),
    ],
)
def test_what_can_t_compete_is_refused_with_a_reason(world: Registered, reason: str) -> None:
    plan = world.challenge()
    assert (plan.deploy, plan.reason) == (False, reason)


@pytest.mark.parametrize(
    ("event", "place"),
    [
        ({"action": "challenge"}, "event"),
        ({"action": "deploy", "challenge": CHALLENGE}, "event"),
        ({"action": "challenge", "challenge": CHALLENGE | {"share": 0}}, "challenge.share"),
        ({"action": "challenge", "challenge": CHALLENGE | {"share": 1e-300}}, "challenge.share"),
        ({"action": "challenge", "challenge": CHALLENGE | {"share": 1.1}}, "challenge.share"),
        ({"action": "challenge", "challenge": CHALLENGE | {"days": 91}}, "challenge.days"),
        ({"action": "challenge", "challenge": CHALLENGE | {"experiment_id": "a b"}}, "challenge.experiment_id"),
    ],
)
def test_a_challenge_that_makes_no_sense_is_refused_by_field(event: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        Registered().verify(**event)
    assert refused.value.field == place


def test_a_version_approved_for_an_experiment_is_not_deployed_by_its_approval_alone() -> None:
    metadata = bundle().served().metadata | {"approved_for": "experiment"}
    world = Registered(approval="Approved", metadata=metadata)
    plan = world.verify(action="deploy")
    assert (plan.deploy, plan.reason) == (False, "version 3 is approved for an experiment only")
    assert world.verify(action="deploy", promote=True).deploy
    assert world.verify(action="rollback").deploy


# --- the start -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [EndpointPhase.IN_SERVICE, EndpointPhase.CHANGING])
def test_of_two_challenges_at_once_the_later_one_takes_nobody_s_endpoint(phase: EndpointPhase) -> None:
    # Given a challenger of another version that is being prepared, or that runs
    theirs = {ENDPOINT: EndpointState(phase, "macro-v4-0badcafe")}
    endpoints = InMemoryEndpoints(theirs)
    # When this one is staged; Then it has to wait
    with pytest.raises(ConflictError, match="serves macro-v4-0badcafe"):
        stage_endpoint(plan(), models=InMemoryServingModels(), endpoints=endpoints)
    assert (endpoints.orders, endpoints.states) == ([], theirs)


@pytest.mark.parametrize(
    "state", [None, EndpointState(EndpointPhase.IN_SERVICE, CONFIG), EndpointState(EndpointPhase.CHANGING, CONFIG)]
)
def test_a_challenge_that_is_staged_again_finds_its_own_endpoint(state: EndpointState | None) -> None:
    endpoints = InMemoryEndpoints({} if state is None else {ENDPOINT: state})
    staged = stage_endpoint(plan(), models=InMemoryServingModels(), endpoints=endpoints)
    assert (staged.endpoint_config_name, endpoints.states[ENDPOINT].heads_for) == (CONFIG, CONFIG)


def plan(**changes: Any) -> ChallengePlan:
    facts = {"action": "challenge", "endpoint_name": ENDPOINT, "challenge": CHALLENGE, "champion_version": 2}
    return parse(ChallengePlan, deployment_plan(3, **facts | changes))


def start(experiments: InMemoryExperiments, now: CurrentVersion | None = None) -> Experiment:
    return start_experiment(
        plan(),
        experiments=experiments,
        current_versions=InMemoryPromotions(now or champion()),
        clock=StoppedClock(),
    )


def test_an_experiment_begins_and_knows_its_end() -> None:
    experiments = InMemoryExperiments()
    begun = start(experiments)
    assert experiments.get("macro") == begun
    assert (begun.started_at, begun.ends_at) == (NOON, NOON + timedelta(days=14))
    assert (begun.champion_version, begun.challenger_version, begun.share, begun.decider) == (2, 3, 0.5, "auto")


def test_beginning_twice_is_beginning_once() -> None:
    experiments = InMemoryExperiments(running(share=0.25))
    assert start(experiments).share == 0.25


def test_an_experiment_that_was_quicker_stays() -> None:
    experiments = InMemoryExperiments(running("other"))
    with pytest.raises(ConflictError, match="experiment other started in the meantime"):
        start(experiments)


def test_a_champion_that_has_gone_meanwhile_is_nothing_to_compare_with() -> None:
    experiments = InMemoryExperiments()
    with pytest.raises(ConflictError, match="version 2 is no longer in service"):
        start(experiments, champion(4))
    assert experiments.get("macro") is None


# --- the end ---------------------------------------------------------------------------------------------------------


def serving() -> InMemoryEndpoints:
    return InMemoryEndpoints({ENDPOINT: EndpointState(EndpointPhase.IN_SERVICE, CONFIG)})


def withdraw(experiments: InMemoryExperiments, endpoints: InMemoryEndpoints, **order: Any) -> Withdrawal:
    return withdraw_challenger(
        parse(WithdrawalOrder, {"model": "macro", **order}), experiments=experiments, endpoints=endpoints
    )


def test_first_nobody_is_sent_to_it_any_more_then_its_endpoint_goes() -> None:
    experiments, endpoints = InMemoryExperiments(running()), serving()
    first = withdraw(experiments, endpoints, experiment_id="macro-v3-6a7e8feb", keep_endpoint=True)
    assert (first.experiment_id, experiments.get("macro"), endpoints.orders) == ("macro-v3-6a7e8feb", None, [])
    second = withdraw(experiments, endpoints, experiment_id="macro-v3-6a7e8feb")
    assert (second.experiment_id, second.endpoint_deleted, endpoints.states) == (None, True, {})
    # And once more changes nothing
    assert withdraw(experiments, endpoints).reason == "there was no challenger"
    assert endpoints.orders == [("delete",)]


def test_another_experiment_than_the_one_named_is_left_alone() -> None:
    experiments, endpoints = InMemoryExperiments(running("other")), serving()
    withdrawn = withdraw(experiments, endpoints, experiment_id="macro-v3-6a7e8feb")
    assert (withdrawn.experiment_id, withdrawn.endpoint_deleted) == (None, False)
    assert "other is under way" in withdrawn.reason
    assert (experiments.get("macro"), endpoints.orders) == (running("other"), [])


def test_an_endpoint_on_its_way_out_is_left_to_it() -> None:
    leaving = InMemoryEndpoints({ENDPOINT: EndpointState(EndpointPhase.LEAVING, CONFIG)})
    assert not withdraw(InMemoryExperiments(), leaving).endpoint_deleted
    assert leaving.orders == []


def test_a_promotion_tells_which_experiment_it_ends() -> None:
    promotion = promote_version(
        parse(DeploymentPlan, deployment_plan(3)),
        promotions=InMemoryPromotions(champion()),
        experiments=InMemoryExperiments(running()),
        clock=StoppedClock(),
    )
    assert promotion.experiment == running()
