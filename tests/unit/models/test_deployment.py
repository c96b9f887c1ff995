"""From an approval to a version in service, and back."""

import gzip
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.models.domain.deployment import (
    Action,
    CurrentVersion,
    DeploymentPlan,
    EndpointPhase,
    EndpointState,
    RegisteredVersion,
    execution_name,
    parse_current,
)
from bellwether.models.domain.experiment import Experiment
from bellwether.models.usecases.promote_version import Promotion, promote_version
from bellwether.models.usecases.restore_endpoint import restore_endpoint
from bellwether.models.usecases.smoke_test_endpoint import SmokeTest, smoke_test_endpoint
from bellwether.models.usecases.stage_endpoint import stage_endpoint
from bellwether.models.usecases.start_deployment import PackageStateChange, StartedDeployment, start_deployment
from bellwether.models.usecases.verify_bundle import BundleVerifier, VerificationRequest
from bellwether.shared.domain.errors import (
    BundleTamperedError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    TransientUpstreamError,
    UpstreamError,
)
from bellwether.shared.settings import parse
from tests.builders import (
    BUCKET,
    GOLDEN_REQUEST,
    GOLDEN_RESPONSE,
    GROUP,
    Bundle,
    bundle,
    deployment_plan,
    package_arn,
    state_change,
    tar_gz,
)
from tests.fakes.captures import InMemoryExperiments
from tests.fakes.lifecycle import (
    NOON,
    ArchivesByUri,
    InMemoryEndpoints,
    InMemoryPromotions,
    InMemoryRegistry,
    InMemoryServingModels,
    ScriptedPredictor,
    StartedProcesses,
    StoppedClock,
)
from tests.fakes.objects import InMemoryObjectStore

ENDPOINT = "Fred-Serverless-Endpoint"


def plan(version: int = 3, **changes: Any) -> DeploymentPlan:
    return parse(DeploymentPlan, deployment_plan(version, **changes))


def config_of(version: int) -> str:
    return f"macro-v{version}-{bundle().sha256[:8]}"


def current(version: int, **changes: Any) -> CurrentVersion:
    return CurrentVersion(
        version=version,
        endpoint_config_name=config_of(version),
        model_package_arn=package_arn(version),
        bundle_sha256=bundle().sha256,
        promoted_at=NOON,
    ).model_copy(update=changes)


def endpoint(phase: EndpointPhase, config_name: str, pending: str | None = None) -> InMemoryEndpoints:
    return InMemoryEndpoints({ENDPOINT: EndpointState(phase, config_name, pending)})


def serving(config_name: str) -> InMemoryEndpoints:
    return endpoint(EndpointPhase.IN_SERVICE, config_name)


# --- an approval arrives --------------------------------------------------------------------------------------------


OWN_ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:deploy"
ADA = "arn:aws:iam::000000000000:user/ada"


def received(processes: StartedProcesses, event: dict[str, Any]) -> StartedDeployment:
    return start_deployment(parse(PackageStateChange, event), own_arn=OWN_ARN, processes=processes)


def started(processes: StartedProcesses, **event: Any) -> StartedDeployment:
    return received(processes, state_change(**event))


def test_an_approval_starts_a_deployment() -> None:
    processes = StartedProcesses()
    assert started(processes, LastModifiedBy={"IamIdentity": {"Arn": ADA}}).started
    ((name, payload),) = processes.started.items()
    assert name == "FredRecessionModels-v3-deploy-1"
    assert payload == {
        "model": "macro",
        "action": "deploy",
        "version": 3,
        "model_package_arn": package_arn(3),
        "actor": ADA,
        "event_id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    }


def test_a_rejection_is_recorded_by_the_same_process() -> None:
    processes = StartedProcesses()
    started(processes, ModelApprovalStatus="Rejected")
    (payload,) = processes.started.values()
    assert (payload["action"], payload["actor"]) == ("reject", "account 000000000000")


@pytest.mark.parametrize(
    ("detail", "actor"),
    [
        ({"LastModifiedBy": {"IamIdentity": {"Arn": ADA}}, "ApprovalDescription": "approved by bob"}, ADA),
        ({"LastModifiedBy": {"UserProfileName": "ada"}, "ApprovalDescription": "x"}, "user profile ada"),
        (
            {"LastModifiedBy": {}, "ApprovalDescription": "approved by " + "a" * 999},
            "claimed: approved by " + "a" * 379,
        ),
        ({"LastModifiedBy": None}, "account 000000000000"),
        ({"LastModifiedBy": {"IamIdentity": None}}, "account 000000000000"),
        (
            {"LastModifiedBy": {"IamIdentity": {"Arn": "arn:aws:iam::999999999999:user/ada"}}},
            "claimed: arn:aws:iam::999999999999:user/ada",
        ),
        ({"LastModifiedBy": {"IamIdentity": {"Arn": "<script>x</script>"}}}, "claimed: <script>x</script>"),
        ({"LastModifiedBy": {"UserProfileName": "ada\n[bold]"}}, "claimed: ada [bold]"),
        ({"ApprovalDescription": "a\0b\u202ec"}, "claimed: a b c"),
        ({"ApprovalDescription": "\n"}, "claimed: unknown"),
    ],
)
def test_the_actor_is_the_event_s_identity_or_marked_as_claimed(detail: dict[str, Any], actor: str) -> None:
    processes = StartedProcesses()
    started(processes, **detail)
    (payload,) = processes.started.values()
    assert payload["actor"] == actor


def test_the_same_event_twice_starts_one_process() -> None:
    processes = StartedProcesses()
    assert started(processes).started
    again = started(processes)
    assert (again.started, again.execution_arn) == (False, None)
    assert "already processed" in again.reason
    assert len(processes.started) == 1


def test_concurrent_approvals_of_one_version_are_one_deployment() -> None:
    # Given several events for one change, each with an id of its own
    processes = StartedProcesses()
    answers = [started(processes, event_id=f"event-{number}") for number in range(20)]
    # Then one deployment runs, and the others say so
    assert [answer.started for answer in answers] == [True] + 19 * [False]
    assert list(processes.started) == ["FredRecessionModels-v3-deploy-1"]
    assert answers[1].reason.endswith("deploy-1 is running")


def test_a_version_approved_again_after_its_deployment_is_deployed_again() -> None:
    processes = StartedProcesses()
    for number in range(3):
        assert started(processes, event_id=f"event-{number}").started
        processes.ended.update(processes.started)
    # And an event of before that comes again starts nothing
    assert "already processed" in started(processes, event_id="event-0").reason
    assert list(processes.started) == [f"FredRecessionModels-v3-deploy-{attempt}" for attempt in (1, 2, 3)]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"account": "999999999999"}, "account"),
        ({"account": ""}, "account"),
        ({"id": "../../x"}, "id"),
        ({"detail": {"ModelPackageArn": package_arn(3).replace("000000000000", "999999999999")}}, "ModelPackageArn"),
        ({"detail": {"ModelPackageArn": package_arn(3).replace("us-east-1", "eu-west-1")}}, "ModelPackageArn"),
        ({"detail": {"ModelPackageArn": package_arn(3).replace("fredrecession", "other")}}, "ModelPackageArn"),
        ({"detail": {"ModelPackageArn": f"{package_arn(3)}\n"}}, "ModelPackageArn"),
        ({"detail": {"ModelPackageVersion": 1}}, "ModelPackageArn"),
        ({"detail": {"ModelPackageVersion": True}}, "ModelPackageVersion"),
        ({"detail": {"ModelPackageVersion": "3"}}, "ModelPackageVersion"),
        ({"detail": {"ModelPackageVersion": -1}}, "ModelPackageVersion"),
    ],
)
def test_an_event_of_another_account_or_about_another_package_is_refused(change: dict[str, Any], place: str) -> None:
    # Given an approval that differs in one place from one of ours
    processes, event = StartedProcesses(), state_change()
    event = event | change | {"detail": event["detail"] | change.get("detail", {})}
    # Then it is refused with that place, and starts nothing
    with pytest.raises(InvalidInputError, match=place):
        received(processes, event)
    assert processes.started == {}


@pytest.mark.parametrize(
    "detail",
    [
        {"ModelApprovalStatus": "PendingManualApproval"},
        {"ModelApprovalStatus": None},
        {"ModelPackageGroupName": "SomebodyElses"},
        {"ModelPackageGroupName": None},
        {"ModelPackageVersion": None},
    ],
)
def test_everything_else_is_left_alone(detail: dict[str, Any]) -> None:
    processes = StartedProcesses()
    assert not started(processes, **detail).started
    assert processes.started == {}


REFUSED_BY_GATE = {"quality_gate": "refused", "refused_reason_1": "12 months ahead: error is 1.240 of ar s"}


def test_a_version_registered_as_rejected_by_its_gate_starts_nothing() -> None:
    # Given the event of its registration, then nothing starts: the refusal is in the ledger already
    processes = StartedProcesses()
    registered = started(processes, ModelApprovalStatus="Rejected", CustomerMetadataProperties=REFUSED_BY_GATE)
    assert (registered.started, registered.reason) == (False, "its gate refused it; the refusal is recorded already")
    # And what a person decides afterwards does start something
    for status in ("Approved", "Rejected"):
        changed = {"UpdatedModelPackageFields": ["ModelApprovalStatus"], "CustomerMetadataProperties": REFUSED_BY_GATE}
        assert started(StartedProcesses(), ModelApprovalStatus=status, **changed).started


def test_an_event_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        parse(PackageStateChange, {"id": "x", "detail": {}})


@given(group=st.text(max_size=120), version=st.integers(1, 10**9), event_id=st.uuids().map(str))
def test_every_execution_name_is_one(group: str, version: int, event_id: str) -> None:
    name = execution_name(group, version, Action.DEPLOY, event_id)
    assert name.endswith(f"-v{version}-deploy-{event_id}")
    assert len(name) <= 80
    assert all(c.isascii() and (c.isalnum() or c in "-_") for c in name)


# --- verification ---------------------------------------------------------------------------------------------------


@dataclass
class Registered:
    """Version 3, approved, and the world around it."""

    bundle: Bundle = field(default_factory=bundle)
    tar: bytes | None = None
    uri: str | None = None
    environment: dict[str, str] | None = None
    approval: str = "Approved"
    metadata: dict[str, str] | None = None
    endpoints: InMemoryEndpoints = field(default_factory=InMemoryEndpoints)
    promotions: InMemoryPromotions = field(default_factory=InMemoryPromotions)
    experiments: InMemoryExperiments = field(default_factory=InMemoryExperiments)
    objects: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)

    def verify(self, **event: Any) -> DeploymentPlan:
        registry = InMemoryRegistry()
        served = self.bundle.served()
        uri, metadata = self.uri or served.uri, served.metadata if self.metadata is None else self.metadata
        environment = served.environment if self.environment is None else self.environment
        registry.versions[package_arn(3)] = RegisteredVersion(
            package_arn(3), GROUP, 3, self.approval, uri, metadata, environment
        )
        request = {"model": "macro", "version": 3, "model_package_arn": package_arn(3), "action": "deploy"}
        verifier = BundleVerifier(
            versions=registry,
            archives=ArchivesByUri({uri: self.tar or self.bundle.tar()}),
            objects=self.objects,
            current_versions=self.promotions,
            experiments=self.experiments,
            endpoints=self.endpoints,
        )
        return verifier.verify(parse(VerificationRequest, request | event))


def test_a_first_approved_version_is_deployed_with_nothing_to_go_back_to() -> None:
    world = Registered()
    planned = world.verify()
    assert planned.deploy
    assert planned.previous_config_name is None
    assert planned.model_name == planned.endpoint_config_name == config_of(3)
    assert planned.endpoint_name == ENDPOINT
    assert json.loads(world.objects.get(planned.golden_key).content)["request"] == GOLDEN_REQUEST


def test_the_endpoint_as_it_is_now_is_where_to_go_back_to() -> None:
    assert Registered(endpoints=serving("set-by-hand")).verify().previous_config_name == "set-by-hand"


def test_a_deployment_cut_short_is_no_place_to_go_back_to() -> None:
    world = Registered(endpoints=serving(config_of(3)), promotions=InMemoryPromotions(current(2)))
    planned = world.verify()
    assert planned.deploy
    assert planned.previous_config_name == config_of(2)


def test_a_failed_endpoint_is_no_place_to_go_back_to() -> None:
    failed = endpoint(EndpointPhase.FAILED, "macro-v2-0badcafe")
    assert Registered(endpoints=failed).verify().previous_config_name is None
    known = Registered(endpoints=failed, promotions=InMemoryPromotions(current(1)))
    assert known.verify().previous_config_name == config_of(1)


def test_an_older_version_approved_late_does_no_harm() -> None:
    world = Registered(endpoints=serving(config_of(4)), promotions=InMemoryPromotions(current(4)))
    planned = world.verify()
    assert not planned.deploy
    assert planned.reason == "version 3 is older than version 4, which is current"


def test_a_version_that_its_gate_refused_is_not_deployed_without_a_reason() -> None:
    planned = Registered(metadata=bundle().served().metadata | REFUSED_BY_GATE).verify()
    assert not planned.deploy
    assert planned.reason == "version 3 was refused by its gate, and nobody gave a reason to deploy it all the same"


def test_a_reason_overrides_the_gate_and_stays_in_the_plan() -> None:
    metadata = bundle().served().metadata | REFUSED_BY_GATE | {"despite_gate": "AR is broken"}
    planned = Registered(metadata=metadata).verify()
    assert (planned.deploy, planned.despite_gate) == (True, "AR is broken")


def test_a_reason_without_a_refusal_means_nothing() -> None:
    assert Registered(metadata=bundle().served().metadata | {"despite_gate": "x"}).verify().despite_gate == ""


def test_a_rollback_to_an_older_version_is_meant() -> None:
    world = Registered(endpoints=serving(config_of(4)), promotions=InMemoryPromotions(current(4)))
    planned = world.verify(action="rollback")
    assert planned.deploy
    assert planned.previous_config_name == config_of(4)


def test_the_current_version_approved_again_stays() -> None:
    world = Registered(endpoints=serving(config_of(3)), promotions=InMemoryPromotions(current(3)))
    planned = world.verify()
    assert (planned.deploy, planned.reason) == (False, "version 3 is current already")


def test_the_current_version_is_deployed_again_where_its_endpoint_is_gone() -> None:
    assert Registered(promotions=InMemoryPromotions(current(3))).verify().deploy


def test_a_bundle_swapped_after_approval_is_noticed() -> None:
    forged = Bundle({**bundle().files, "code/inference.py": b"import socket"})
    with pytest.raises(BundleTamperedError, match=r"model.tar.gz has SHA-256"):
        Registered(tar=forged.tar()).verify()


def test_a_whole_other_bundle_is_noticed() -> None:
    with pytest.raises(BundleTamperedError, match=r"model.tar.gz has SHA-256"):
        Registered(tar=bundle(seed=8).tar()).verify()


def test_foreign_code_in_a_second_gzip_member_is_noticed() -> None:
    # Given the genuine archive, followed by another one with other code, as an unpacking container reads it
    appended = bundle().tar() + tar_gz({"code/inference.py": b"raise SystemExit('foreign code')"})
    # Then the version is not deployed
    with pytest.raises(BundleTamperedError, match="after its first gzip member"):
        Registered(tar=appended).verify()


def test_the_same_files_in_other_bytes_are_not_what_was_approved() -> None:
    repacked = gzip.compress(gzip.decompress(bundle().tar()), compresslevel=1, mtime=1)
    with pytest.raises(BundleTamperedError, match=r"model.tar.gz has SHA-256"):
        Registered(tar=repacked).verify()


def test_a_replaced_object_is_noticed_even_with_the_same_bytes() -> None:
    world = Registered(metadata=bundle().served().metadata | {"archive_version_id": "the-first"})
    with pytest.raises(BundleTamperedError, match="S3 version"):
        world.verify()


@pytest.mark.parametrize(
    "world",
    [
        Registered(uri=f"s3://{BUCKET}/models/macro/jobs/j/output/model.tar.gz"),
        Registered(uri=f"s3://{BUCKET}/models/macro/bundles/{'0' * 64}/model.tar.gz"),
        Registered(uri=f"s3://{BUCKET}/elsewhere{bundle().served().key}"),
    ],
)
def test_a_version_that_is_not_served_from_its_own_copy_is_refused(world: Registered) -> None:
    with pytest.raises(BundleTamperedError, match="is not the copy"):
        world.verify()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        bundle().served().environment | {"SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{BUCKET}/models/code/foreign.tar.gz"},
        bundle().served().environment | {"PYTHONPATH": "/tmp"},
    ],
)
def test_a_container_that_loads_code_from_elsewhere_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(BundleTamperedError, match="environment"):
        Registered(environment=environment).verify()


@pytest.mark.parametrize(
    ("world", "event", "place"),
    [
        (Registered(approval="PendingManualApproval"), {}, "ModelApprovalStatus"),
        (Registered(approval="Rejected"), {"action": "rollback"}, "ModelApprovalStatus"),
        (Registered(metadata={}), {}, "CustomerMetadataProperties.bundle_sha256"),
        (Registered(metadata={"bundle_sha256": "a" * 64}), {}, "CustomerMetadataProperties.archive_sha256"),
        (Registered(), {"version": 2}, "model_package_arn"),
        (Registered(), {"action": "reject"}, "action"),
        (Registered(), {"version": 0}, "version"),
    ],
)
def test_what_may_not_serve_is_refused_by_place(world: Registered, event: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        world.verify(**event)
    assert refused.value.field == place


def test_a_version_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        Registered().verify(model_package_arn=package_arn(9))


@pytest.mark.parametrize("text", ["{}", " { } "])
def test_an_empty_parameter_says_that_nothing_is_current(text: str) -> None:
    assert parse_current(text, "/bellwether/dev/macro/current") is None


@pytest.mark.parametrize("text", ["", "none", "[]", '{"version": 0}', '"3"'])
def test_a_parameter_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="/bellwether/dev/macro/current"):
        parse_current(text, "/bellwether/dev/macro/current")


# --- staging --------------------------------------------------------------------------------------------------------


def stage(endpoints: InMemoryEndpoints, models: InMemoryServingModels | None = None, **changes: Any) -> None:
    stage_endpoint(plan(**changes), models=models or InMemoryServingModels(), endpoints=endpoints)


def test_the_first_version_makes_the_endpoint() -> None:
    endpoints, models = InMemoryEndpoints(), InMemoryServingModels()
    stage(endpoints, models)
    assert endpoints.orders == [("create", config_of(3))]
    assert models.models == {config_of(3): package_arn(3)}
    assert models.configs == {config_of(3): (config_of(3), 2048, 5)}


def test_a_later_version_moves_the_endpoint() -> None:
    endpoints = serving("macro-v2-0badcafe")
    stage(endpoints)
    assert endpoints.orders == [("update", config_of(3))]


def test_staging_twice_is_staging_once() -> None:
    endpoints, models = serving("macro-v2-0badcafe"), InMemoryServingModels()
    stage(endpoints, models)
    stage(endpoints, models)
    assert endpoints.orders == [("update", config_of(3))]


@pytest.mark.parametrize(
    "state",
    [
        EndpointState(EndpointPhase.CHANGING, config_of(3)),
        EndpointState(EndpointPhase.CHANGING, "macro-v2-0badcafe", config_of(3)),
    ],
)
def test_an_endpoint_on_its_way_is_left_to_it(state: EndpointState) -> None:
    endpoints = InMemoryEndpoints({ENDPOINT: state})
    stage(endpoints)
    assert endpoints.orders == []


def test_an_endpoint_changing_to_something_else_has_to_come_to_rest() -> None:
    with pytest.raises(ConflictError, match="changing to macro-v4-x"):
        stage(endpoint(EndpointPhase.CHANGING, "macro-v2-0badcafe", "macro-v4-x"))


def test_a_failed_endpoint_is_deleted_and_made_anew() -> None:
    endpoints = endpoint(EndpointPhase.FAILED, config_of(3))
    with pytest.raises(TransientUpstreamError, match="deleted"):
        stage(endpoints)
    stage(endpoints)
    assert endpoints.orders == [("delete",), ("create", config_of(3))]


def test_an_endpoint_that_is_going_has_to_be_gone() -> None:
    with pytest.raises(TransientUpstreamError, match="being deleted"):
        stage(endpoint(EndpointPhase.LEAVING, config_of(3)))


def test_a_name_taken_by_another_version_is_a_conflict() -> None:
    models = InMemoryServingModels()
    models.models[config_of(3)] = package_arn(2)
    with pytest.raises(ConflictError):
        stage(InMemoryEndpoints(), models)


# --- smoke test -----------------------------------------------------------------------------------------------------


def smoke(reply: Any) -> SmokeTest:
    planned = plan()
    golden = json.dumps({"request": GOLDEN_REQUEST, "response": GOLDEN_RESPONSE}).encode()
    return smoke_test_endpoint(
        planned, objects=InMemoryObjectStore({planned.golden_key: golden}), predictor=ScriptedPredictor(reply)
    )


def answer(**changes: Any) -> dict[str, Any]:
    return GOLDEN_RESPONSE | {"model_version": bundle().version} | changes


def test_the_golden_answer_passes() -> None:
    test = smoke(answer())
    assert (test.passed, test.latency_ms) == (True, 12.3)


def test_rounding_and_extra_keys_are_no_difference() -> None:
    assert smoke(answer(prediction=3.55001, extra="x")).passed


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"prediction": 3.6}, "prediction is 3.6, expected 3.55"),
        ({"interval": {"level": 0.8, "lower": 3.4}}, "interval.upper is missing"),
        ({"interval": None}, "interval is not an object"),
        ({"predictions": []}, "predictions is not a list of 2"),
        (
            {"predictions": [{"horizon_months": 1, "prediction": 3.55}, {"horizon_months": 3, "prediction": 9}]},
            "predictions[1].prediction is 9, expected 3.57",
        ),
        ({"unit": "index"}, "unit is index, expected percent"),
        ({"prediction": True}, "prediction is True, expected 3.55"),
        ({"prediction": float("nan")}, "prediction is nan, expected 3.55"),
        ({"model_version": "macro-00000000"}, f"model_version is macro-00000000, expected {bundle().version}"),
    ],
)
def test_a_different_answer_fails_and_says_where(changes: dict[str, Any], says: str) -> None:
    test = smoke(answer(**changes))
    assert not test.passed
    assert says in test.reason


@pytest.mark.parametrize("reply", [b"<html>", b"[]", b"null", b'"x"'])
def test_an_answer_that_is_none_fails(reply: bytes) -> None:
    assert not smoke(reply).passed


@pytest.mark.parametrize(
    "error", [InvalidInputError("is missing", field="UNRATE"), UpstreamError("500"), NotFoundError("is not there")]
)
def test_an_endpoint_that_refuses_has_not_passed(error: Exception) -> None:
    test = smoke(error)
    assert (test.passed, test.latency_ms) == (False, None)
    assert str(error) in test.reason


def test_an_endpoint_that_is_cold_is_asked_again() -> None:
    with pytest.raises(TransientUpstreamError):
        smoke(TransientUpstreamError("starting"))


# --- promotion ------------------------------------------------------------------------------------------------------


def promoted(promotions: InMemoryPromotions, planned: DeploymentPlan, *running: Experiment) -> Promotion:
    return promote_version(
        planned, promotions=promotions, experiments=InMemoryExperiments(*running), clock=StoppedClock()
    )


def test_a_proven_version_becomes_current_and_remembers_the_one_before() -> None:
    promotions = InMemoryPromotions(current(2))
    promotion = promoted(promotions, plan())
    assert (promotion.version, promotion.previous_version, promotion.promoted_at) == (3, 2, NOON)
    assert promotions.current["macro"].endpoint_config_name == config_of(3)


def test_promoting_twice_is_promoting_once() -> None:
    promotions = InMemoryPromotions(current(2))
    first = promoted(promotions, plan())
    assert promoted(promotions, plan()) == first
    assert promotions.puts == 1


def test_a_newer_version_promoted_meanwhile_stays() -> None:
    promotions = InMemoryPromotions(current(4))
    with pytest.raises(ConflictError, match="version 4 was promoted in the meantime"):
        promoted(promotions, plan())
    assert promotions.current["macro"].version == 4


def test_a_rollback_makes_an_older_version_current() -> None:
    promotions = InMemoryPromotions(current(4))
    promotion = promote_version(
        plan(action="rollback"), promotions=promotions, experiments=InMemoryExperiments(), clock=StoppedClock()
    )
    assert (promotion.version, promotion.previous_version) == (3, 4)


# --- the way back ---------------------------------------------------------------------------------------------------


def restore(endpoints: InMemoryEndpoints, now: CurrentVersion | None = None, **changes: Any) -> str | None:
    return restore_endpoint(plan(**changes), current_versions=InMemoryPromotions(now), endpoints=endpoints).restored_to


def test_the_endpoint_goes_back_to_what_it_served() -> None:
    endpoints = serving(config_of(3))
    assert restore(endpoints) == "macro-v2-0badcafe"
    assert endpoints.orders == [("update", "macro-v2-0badcafe")]


def test_going_back_twice_is_going_back_once() -> None:
    endpoints = serving(config_of(3))
    restore(endpoints)
    assert restore(endpoints) == "macro-v2-0badcafe"
    assert len(endpoints.orders) == 1


def test_an_endpoint_that_was_not_there_before_is_removed() -> None:
    endpoints = serving(config_of(3))
    assert restore(endpoints, previous_config_name=None) is None
    assert endpoints.states == {}
    assert restore(endpoints, previous_config_name=None) is None


def test_a_failed_endpoint_is_made_anew_with_what_it_served() -> None:
    endpoints = endpoint(EndpointPhase.FAILED, config_of(3))
    with pytest.raises(TransientUpstreamError):
        restore(endpoints)
    assert restore(endpoints) == "macro-v2-0badcafe"
    assert endpoints.orders == [("delete",), ("create", "macro-v2-0badcafe")]


def test_an_endpoint_that_is_still_changing_has_to_be_asked_again() -> None:
    with pytest.raises(ConflictError):
        restore(endpoint(EndpointPhase.CHANGING, config_of(3)))


def test_what_another_deployment_has_put_there_is_left_alone() -> None:
    endpoints = serving(config_of(4))
    assert restore(endpoints, now=current(4)) == config_of(4)
    assert endpoints.orders == []


def test_after_a_newer_promotion_the_way_back_leads_to_it() -> None:
    endpoints = serving(config_of(3))
    assert restore(endpoints, now=current(4)) == config_of(4)
    assert endpoints.orders == [("update", config_of(4))]


def test_a_failed_rollback_goes_back_to_the_newer_version() -> None:
    endpoints = serving(config_of(3))
    assert restore(endpoints, now=current(4), action="rollback", previous_config_name=config_of(4)) == config_of(4)
