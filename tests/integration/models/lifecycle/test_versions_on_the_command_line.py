"""Which version the commands choose, from what an account's registry and pointer say."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from rich.console import Console

from bellwether.models.adapters.sagemaker import SageMakerRegistry
from bellwether.models.domain.catalogue import CATALOGUE
from bellwether.models.domain.deployment import Approval
from bellwether.models.domain.experiment import Experiment, Mode
from bellwether.models.ports.registry import Registration
from bellwether.models.views import ModelView
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from cli import registry
from cli.problems import CommandError
from cli.target import Target
from tests.builders import BUCKET, GROUP, REGION
from tests.fakes.aws import Aws

POINTER = "/bellwether/dev/macro/current"
TRIAL = "/bellwether/dev/macro/experiment"


class DevTarget(Target):
    """The account, without a stack to ask for its name."""

    environment = "dev"


@pytest.fixture
def target(aws: Aws) -> Target:
    """An account with two approved versions of macro, and no pointer yet."""
    for number in (1, 2):
        registered = SageMakerRegistry().register(
            Registration(
                package_group=GROUP,
                token=UUID(int=number),
                description="macro candidate",
                model_data_url=f"s3://{BUCKET}/models/macro/jobs/j/output/model.tar.gz",
                image_uri="xgboost:3.2-0",
                environment={},
                evidence_uri=f"s3://{BUCKET}/models/macro/evidence/j.json",
                metadata={"bundle_sha256": "a" * 64},
            )
        )
        aws.approve(registered.arn)
    return DevTarget(where="test", stack="bellwether-dev", client=aws.client, region=REGION)


@pytest.fixture
def refused(target: Target) -> Target:
    """The same account, with a third version that its gate refused."""
    SageMakerRegistry().register(
        Registration(
            package_group=GROUP,
            token=UUID(int=3),
            description="macro candidate",
            model_data_url=f"s3://{BUCKET}/models/macro/jobs/j/output/model.tar.gz",
            image_uri="xgboost:3.2-0",
            environment={},
            evidence_uri=f"s3://{BUCKET}/models/macro/evidence/j.json",
            metadata={"bundle_sha256": "a" * 64, "quality_gate": "refused", "refused_reason_1": "error is 1.240"},
            approval=Approval.REJECTED,
        )
    )
    return target


def test_a_refused_version_is_approved_with_a_reason_only(refused: Target) -> None:
    # Given a version that its gate refused
    version = registry.refused_version(refused, "macro", None, "AR is broken", for_experiment=False)
    assert (version.number, version.status) == (3, "Rejected")
    # When it is approved without a reason, then the command says why not and how
    with pytest.raises(CommandError, match=r'refused by its gate: error is 1.240\. --despite-gate "REASON"'):
        registry.refuse_without_reason(version)
    # When it is approved with a reason, then the reason stays with the version and the list shows it
    registry.approve_despite_gate(refused, version, "AR is broken (see #12), says Ada")
    approved = registry.numbered_version(refused, "macro", 3)
    assert (approved.status, approved.metadata["despite_gate"]) == ("Approved", "AR is broken see 12 says Ada")
    table = registry.versions_table(registry.model_views(refused, "macro")[0])
    gates = list(next(column for column in table.columns if column.header == "gate").cells)
    assert gates == ["refused, overridden: AR is broken see 12 says Ada", "", ""]


@pytest.mark.parametrize(
    ("number", "reason", "message"),
    [
        (1, "because", "The gate of macro did not refuse version 1; approve without --despite-gate"),
        (None, "!!!", "--despite-gate needs a reason in words"),
    ],
)
def test_what_was_not_refused_needs_no_override(refused: Target, number: int | None, reason: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        registry.refused_version(refused, "macro", number, reason, for_experiment=False)


def point(aws: Aws, value: str) -> None:
    aws.client("ssm").put_parameter(Name=POINTER, Value=value, Type="String", Overwrite=True)


def pointer(version: int, previous: int | None) -> str:
    return json.dumps(
        {
            "version": version,
            "previous_version": previous,
            "endpoint_config_name": f"macro-v{version}-aaaaaaaa",
            "model_package_arn": f"arn:aws:sagemaker:{REGION}:123456789012:model-package/{GROUP.lower()}/{version}",
            "bundle_sha256": "a" * 64,
            "promoted_at": "2026-03-01T12:00:00Z",
        }
    )


def test_back_means_the_version_before(aws: Aws, target: Target) -> None:
    point(aws, pointer(2, 1))
    assert registry.rollback_version(target, "macro", None).number == 1


@pytest.mark.parametrize(
    ("value", "reason"), [(None, "never deployed"), ("{}", "never deployed"), (pointer(2, None), "none came before it")]
)
def test_there_is_nothing_before_the_first(aws: Aws, target: Target, value: str | None, reason: str) -> None:
    if value is not None:
        point(aws, value)
    with pytest.raises(CommandError, match=reason):
        registry.rollback_version(target, "macro", None)


@pytest.mark.parametrize("value", [None, "{}"])
def test_a_named_version_needs_no_pointer(aws: Aws, target: Target, value: str | None) -> None:
    # Given an account whose first deployment failed, or whose pointer was emptied by hand
    if value is not None:
        point(aws, value)
    # When a version is named, then it is taken
    assert registry.rollback_version(target, "macro", 2).number == 2


def test_a_pointer_that_cannot_be_read_is_said(aws: Aws, target: Target) -> None:
    point(aws, "torn {")
    with pytest.raises(InvalidInputError, match=POINTER):
        target.models.versions("macro")


def test_only_an_approved_version_serves(aws: Aws, target: Target) -> None:
    arn = target.models.versions("macro", limit=1)[0].arn
    aws.approve(arn, "Rejected")
    with pytest.raises(CommandError, match="version 2 is Rejected"):
        registry.rollback_version(target, "macro", 2)


# --- bellwether models -----------------------------------------------------------------------------------------------


def try_out(aws: Aws, mode: Mode, challenger: int) -> None:
    """An experiment of version 1 against another."""
    trial = Experiment(
        experiment_id="e-1",
        model="macro",
        mode=mode,
        share=0.1,
        champion_version=1,
        challenger_version=challenger,
        challenger_endpoint_name="Fred-Serverless-Endpoint-Challenger",
        challenger_config_name=f"macro-v{challenger}-aaaaaaaa",
        challenger_bundle_sha256="a" * 64,
        started_at=datetime(2026, 3, 1, tzinfo=UTC),
        ends_at=datetime(2026, 3, 15, tzinfo=UTC),
    )
    aws.client("ssm").put_parameter(Name=TRIAL, Value=trial.model_dump_json(), Type="String", Overwrite=True)


def shown(view: ModelView) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(registry.versions_table(view), registry.summary_table([view]))
    return captured.get()


def test_a_model_that_nobody_deployed_is_shown_with_its_versions(target: Target) -> None:
    view = target.models.model("macro")
    assert (view.endpoint.state, view.experiment) == ("none", None)
    assert [(row.number, row.role, row.traffic, row.archived) for row in view.versions] == [
        (2, "", 0.0, False),
        (1, "", 0.0, False),
    ]


def test_the_champion_answers_everybody_and_the_one_before_is_named(aws: Aws, target: Target) -> None:
    point(aws, pointer(2, 1))
    view = target.models.model("macro")
    assert [(row.number, row.role, row.traffic) for row in view.versions] == [
        (2, "champion", 1.0),
        (1, "previous", 0.0),
    ]
    assert "100%" in shown(view)


@pytest.mark.parametrize(
    ("mode", "parts"),
    [
        (Mode.SPLIT, [(2, "challenger", 0.1), (1, "champion", 0.9)]),
        (Mode.SHADOW, [(2, "shadow", 0.0), (1, "champion", 1.0)]),
    ],
)
def test_a_challenger_is_shown_with_its_share(
    aws: Aws, target: Target, mode: Mode, parts: list[tuple[int, str, float]]
) -> None:
    point(aws, pointer(1, None))
    try_out(aws, mode, challenger=2)
    view = target.models.model("macro")
    assert [(row.number, row.role, row.traffic) for row in view.versions] == parts
    assert ("10%" if mode is Mode.SPLIT else "shadow") in shown(view)
    assert view.experiment is not None
    assert view.experiment.experiment_id == "e-1"


def test_an_archived_version_says_so_and_may_serve_again(aws: Aws, target: Target) -> None:
    point(aws, pointer(2, None))
    old = target.models.versions("macro", below=2)[0]
    aws.client("sagemaker").update_model_package(
        ModelPackageArn=old.arn,
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={**old.metadata, "archived": "true"},
    )
    view = target.models.model("macro")
    assert [row.archived for row in view.versions] == [False, True]
    assert registry.rollback_version(target, "macro", 1).number == 1


def test_an_experiment_that_cannot_be_read_is_said(aws: Aws, target: Target) -> None:
    aws.client("ssm").put_parameter(Name=TRIAL, Value="torn {", Type="String")
    with pytest.raises(InvalidInputError, match=TRIAL):
        target.models.model("macro")


def test_without_a_name_every_model_is_shown(aws: Aws, target: Target) -> None:
    for group in ("CloudSpendModels", "HousingPriceModels", "NewsSentimentModels"):
        aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=group)
    assert [view.model for view in registry.model_views(target, None)] == list(CATALOGUE)
    with pytest.raises(NotFoundError, match="weather"):
        registry.model_views(target, "weather")
