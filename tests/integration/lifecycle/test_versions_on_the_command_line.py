"""Which version the commands choose, from what an account's registry and pointer say."""

import json
from uuid import UUID

import pytest

from bellwether.adapters.sagemaker import SageMakerRegistry
from bellwether.ports.models import Registration
from cli import lifecycle
from cli.problems import CommandError
from cli.target import Target
from tests.builders import BUCKET, GROUP, REGION
from tests.integration.lifecycle.conftest import Aws

POINTER = "/bellwether/dev/macro/current"


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
    assert lifecycle.rollback_version(target, "macro", None).number == 1


@pytest.mark.parametrize(
    ("value", "reason"), [(None, "never deployed"), ("{}", "never deployed"), (pointer(2, None), "none before it")]
)
def test_there_is_nothing_before_the_first(aws: Aws, target: Target, value: str | None, reason: str) -> None:
    if value is not None:
        point(aws, value)
    with pytest.raises(CommandError, match=reason):
        lifecycle.rollback_version(target, "macro", None)


@pytest.mark.parametrize("value", [None, "{}"])
def test_a_named_version_needs_no_pointer(aws: Aws, target: Target, value: str | None) -> None:
    # Given an account whose first deployment failed, or whose pointer was emptied by hand
    if value is not None:
        point(aws, value)
    # When a version is named, then it is taken
    assert lifecycle.rollback_version(target, "macro", 2).number == 2


def test_a_pointer_that_cannot_be_read_is_said(aws: Aws, target: Target) -> None:
    point(aws, "torn {")
    with pytest.raises(CommandError, match=f"{POINTER}.*RUNBOOK"):
        lifecycle.versions(target, "macro")


def test_only_an_approved_version_serves(aws: Aws, target: Target) -> None:
    arn = lifecycle.versions(target, "macro")[0].arn
    aws.approve(arn, "Rejected")
    with pytest.raises(CommandError, match="version 2 is Rejected"):
        lifecycle.rollback_version(target, "macro", 2)
