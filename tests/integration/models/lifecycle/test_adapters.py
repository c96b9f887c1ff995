"""The adapters and the fakes that stand for them keep the same promises."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from bellwether.models.adapters.bundles import S3Archives
from bellwether.models.adapters.job_code import PackagedJobCode
from bellwether.models.adapters.sagemaker import (
    SageMakerEndpoints,
    SageMakerEndpointStates,
    SageMakerRegisteredVersions,
    SageMakerRegistry,
    SageMakerServingModels,
)
from bellwether.models.adapters.ssm import SsmPromotions
from bellwether.models.domain.deployment import CurrentVersion, EndpointPhase
from bellwether.models.ports.bundle_archives import BundleArchives
from bellwether.models.ports.endpoints import Endpoints, ServingModels
from bellwether.models.ports.registry import ModelRegistry, Promotions, Registration
from bellwether.shared.adapters.stepfunctions import StepFunctionsNamedProcesses
from bellwether.shared.domain.errors import ConflictError, InvalidInputError, NotFoundError
from bellwether.shared.ports.processes import NamedProcesses
from tests.builders import BUCKET, GROUP, digest, package_arn, tar_gz
from tests.fakes.aws import DEPLOY_MACHINE, ENDPOINT_ROLE, Aws
from tests.fakes.lifecycle import (
    ArchivesByUri,
    InMemoryEndpoints,
    InMemoryPromotions,
    InMemoryRegistry,
    InMemoryServingModels,
    StartedProcesses,
)

TAGS = {"App": "bellwether", "Env": "dev", "CostCenter": "research"}
both = pytest.mark.parametrize("kind", ["fake", "adapter"])
CURRENT = CurrentVersion(
    version=2,
    previous_version=1,
    endpoint_config_name="macro-v2-0badcafe",
    model_package_arn=package_arn(2),
    bundle_sha256="0badcafe" * 8,
    promoted_at=datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
)


def registration(token: int) -> Registration:
    return Registration(
        package_group=GROUP,
        token=UUID(int=token),
        description="macro candidate of a job, decision",
        model_data_url=f"s3://{BUCKET}/models/macro/jobs/j/output/model.tar.gz",
        image_uri="xgboost:3.2-0",
        environment={"SAGEMAKER_PROGRAM": "inference.py"},
        evidence_uri=f"s3://{BUCKET}/models/macro/evidence/j.json",
        metadata={"bundle_sha256": "a" * 64, "rmse_h1": "0.1234"},
    )


@both
def test_a_token_registers_one_version(aws: Aws, kind: str) -> None:
    registry: ModelRegistry = InMemoryRegistry() if kind == "fake" else SageMakerRegistry()
    first, second, again = (registry.register(registration(token)) for token in (1, 2, 1))
    assert (first.version, second.version) == (1, 2)
    assert again == first
    assert (first.package_group, first.approval) == (GROUP, "PendingManualApproval")
    assert first.metadata == {"bundle_sha256": "a" * 64, "rmse_h1": "0.1234"}
    reader = registry if isinstance(registry, InMemoryRegistry) else SageMakerRegisteredVersions()
    assert reader.describe(second.arn) == second
    with pytest.raises(NotFoundError):
        reader.describe(package_arn(99))


@both
def test_a_promotion_is_remembered(aws: Aws, kind: str) -> None:
    promotions: Promotions = InMemoryPromotions() if kind == "fake" else SsmPromotions("dev")
    assert promotions.get("macro") is None
    promotions.put("macro", CURRENT)
    promotions.put("macro", CURRENT)
    assert promotions.get("macro") == CURRENT
    assert promotions.get("housing") is None


@both
def test_an_execution_name_is_used_once(aws: Aws, kind: str) -> None:
    processes: NamedProcesses = StartedProcesses() if kind == "fake" else StepFunctionsNamedProcesses(DEPLOY_MACHINE)
    with pytest.raises(NotFoundError):
        processes.find("one")
    assert processes.start("one", {"version": 1})
    found = processes.find("one")
    assert (found.payload, found.ended) == ({"version": 1}, False)
    assert processes.start("one", {"version": 2}) is None
    assert processes.start("two", {"version": 1})


@pytest.fixture(params=["fake", "adapter"])
def world(aws: Aws, request: pytest.FixtureRequest) -> tuple[ServingModels, Endpoints]:
    if request.param == "fake":
        return InMemoryServingModels(), InMemoryEndpoints()
    return SageMakerServingModels(ENDPOINT_ROLE, TAGS), SageMakerEndpoints(TAGS)


def configure(models: ServingModels, *names: str) -> None:
    for number, name in enumerate(names, start=1):
        models.ensure_model(name, package_arn(number))
        models.ensure_config(name, name, memory_mb=2048, max_concurrency=5)


def test_models_and_configurations_are_made_once(world: tuple[ServingModels, Endpoints]) -> None:
    models, _ = world
    configure(models, "macro-v1-aaaaaaaa")
    configure(models, "macro-v1-aaaaaaaa")
    with pytest.raises(ConflictError):
        models.ensure_model("macro-v1-aaaaaaaa", package_arn(2))


def test_an_endpoint_comes_moves_and_goes(world: tuple[ServingModels, Endpoints]) -> None:
    models, endpoints = world
    configure(models, "macro-v1-aaaaaaaa", "macro-v2-bbbbbbbb")
    assert endpoints.find("e") is None
    endpoints.create("e", "macro-v1-aaaaaaaa")
    endpoints.update("e", "macro-v2-bbbbbbbb")
    state = endpoints.find("e")
    assert state is not None
    assert (state.phase, state.config_name, state.heads_for) == (
        EndpointPhase.IN_SERVICE,
        "macro-v2-bbbbbbbb",
        "macro-v2-bbbbbbbb",
    )
    endpoints.delete("e")
    endpoints.delete("e")
    assert endpoints.find("e") is None
    with pytest.raises(NotFoundError):
        endpoints.update("e", "macro-v1-aaaaaaaa")


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ("InService", EndpointPhase.IN_SERVICE),
        ("Creating", EndpointPhase.CHANGING),
        ("Updating", EndpointPhase.CHANGING),
        ("SystemUpdating", EndpointPhase.CHANGING),
        ("RollingBack", EndpointPhase.CHANGING),
        ("Deleting", EndpointPhase.LEAVING),
        ("Failed", EndpointPhase.FAILED),
    ],
)
def test_each_status_of_an_endpoint_has_a_meaning(aws: Aws, status: str, phase: EndpointPhase) -> None:
    from moto.sagemaker.models import sagemaker_backends

    configure(SageMakerServingModels(ENDPOINT_ROLE, TAGS), "macro-v1-aaaaaaaa")
    SageMakerEndpoints(TAGS).create("e", "macro-v1-aaaaaaaa")
    sagemaker_backends["000000000000"]["us-east-1"].endpoints["e"].endpoint_status = status
    state = SageMakerEndpointStates().find("e")
    assert state is not None
    assert state.phase is phase


@pytest.fixture(params=["fake", "adapter"])
def archives(aws: Aws, request: pytest.FixtureRequest) -> Callable[[str, bytes], BundleArchives]:
    def with_tar(key: str, content: bytes) -> BundleArchives:
        aws.put(key, content)
        return S3Archives(BUCKET) if request.param == "adapter" else ArchivesByUri({f"s3://{BUCKET}/{key}": content})

    return with_tar


def test_an_archive_is_hashed_part_by_part(archives: Callable[[str, bytes], BundleArchives]) -> None:
    large = bytes(3_000_000)
    reader = archives("models/m.tar.gz", tar_gz({"bundle.json": b"{}", "model.ubj": large}))
    archive = reader.read(f"s3://{BUCKET}/models/m.tar.gz", keep=frozenset({"bundle.json"}))
    assert archive.hashes == {"bundle.json": digest(b"{}"), "model.ubj": digest(large)}
    assert archive.contents == {"bundle.json": b"{}"}


def test_a_missing_or_unreadable_archive_is_refused(
    archives: Callable[[str, bytes], BundleArchives],
) -> None:
    reader = archives("models/m.tar.gz", b"no tar")
    with pytest.raises(InvalidInputError, match="readable"):
        reader.read(f"s3://{BUCKET}/models/m.tar.gz", keep=frozenset())
    with pytest.raises(NotFoundError):
        reader.read(f"s3://{BUCKET}/models/other.tar.gz", keep=frozenset())


def test_an_archive_of_somebody_else_is_not_even_fetched(aws: Aws) -> None:
    with pytest.raises(InvalidInputError, match="is not in the bucket"):
        S3Archives(BUCKET).read("s3://elsewhere/model.tar.gz", keep=frozenset())
    with pytest.raises(InvalidInputError):
        S3Archives(BUCKET).read(f"https://{BUCKET}/model.tar.gz", keep=frozenset())


def test_the_jobs_code_is_packed_the_same_each_time() -> None:
    assert PackagedJobCode().pack() == PackagedJobCode().pack()
