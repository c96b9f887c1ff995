"""The registry: versions, approval, metadata, listing, and the events that start a deployment."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.access_key import AccessKey
from tests.integration.localcloud.sagemaker.harness import ACCOUNT, IMAGE, REGION, Cloud, SageMakerProcess, client
from tests.waiting import wait_for

EVENT = "SageMaker Model Package State Change"


@pytest.fixture
def group(sagemaker: SageMakerProcess, name: str) -> str:
    """A package group with capital letters in its name, as ours has."""
    group = f"Fred-{name}"
    sagemaker.api.create_model_package_group(ModelPackageGroupName=group, ModelPackageGroupDescription="forecasts")
    return group


def register(server: SageMakerProcess, group: str, **more: Any) -> str:
    """A new version; its ARN."""
    arn: str = server.api.create_model_package(
        **{
            "ModelPackageGroupName": group,
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": {
                "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://data/model.tar.gz"}],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            "CustomerMetadataProperties": {"bundle_sha256": "ab"},
            **more,
        }
    )["ModelPackageArn"]
    return arn


def test_another_key_is_refused(sagemaker: SageMakerProcess) -> None:
    # Given somebody else on this machine, who makes up a key
    stranger = AccessKey.random()
    # When he asks the registry or an endpoint, Then he is refused
    for ask in (
        client("sagemaker", sagemaker.url, stranger).list_model_package_groups,
        lambda: client("sagemaker-runtime", sagemaker.url, stranger).invoke_endpoint(EndpointName="e", Body=b"{}"),
    ):
        with pytest.raises(ClientError) as refused:
            ask()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_versions_count_up_and_are_never_used_again(sagemaker: SageMakerProcess, group: str) -> None:
    # Given two versions, of which the last is deleted
    register(sagemaker, group)
    second = register(sagemaker, group)
    sagemaker.api.delete_model_package(ModelPackageName=second)
    # When another one is registered, then its number is new
    third = register(sagemaker, group)
    assert third == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{group.lower()}/3"
    assert sagemaker.api.describe_model_package(ModelPackageName=third)["ModelPackageVersion"] == 3


def test_approval_keeps_everything_else(sagemaker: SageMakerProcess, cloud: Cloud, group: str) -> None:
    # Given a version with metadata and metrics
    metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://data/e.json"}}}
    arn = register(sagemaker, group, ModelMetrics=metrics, ModelPackageDescription="macro")
    # When it is approved
    sagemaker.api.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="looks good"
    )
    # And a piece of metadata is added and another taken away
    sagemaker.api.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"deployed": "yes"},
        CustomerMetadataPropertiesToRemove=["nothing"],
    )
    # Then nothing got lost
    package = sagemaker.api.describe_model_package(ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["ApprovalDescription"] == "looks good"
    assert package["CustomerMetadataProperties"] == {"bundle_sha256": "ab", "deployed": "yes"}
    assert package["ModelMetrics"] == metrics
    assert package["ModelPackageDescription"] == "macro"
    assert package["ModelPackageStatus"] == "Completed"
    # And each change is an event that says what changed
    events = wait_for(
        lambda: found if len(found := cloud.events(EVENT, group.lower())) >= 3 else None, "three events have arrived"
    )
    details = [event["detail"] for event in events]
    assert [detail["ModelApprovalStatus"] for detail in details] == ["PendingManualApproval", "Approved", "Approved"]
    assert [detail.get("UpdatedModelPackageFields") for detail in details] == [
        None,
        ["ModelApprovalStatus", "ApprovalDescription"],
        ["CustomerMetadataProperties"],
    ]
    approved = details[1]
    assert approved["ModelPackageGroupName"] == group
    assert approved["ModelPackageArn"] == arn
    assert approved["ModelPackageVersion"] == 1
    assert approved["CreationTime"].endswith("Z")
    assert events[1]["resources"] == [arn]


def test_same_token_gives_the_same_version(sagemaker: SageMakerProcess, group: str) -> None:
    # Given a version made with a client token
    first = register(sagemaker, group, ClientToken="token-" + group)
    # When the same request comes again, then it is the same version
    assert register(sagemaker, group, ClientToken="token-" + group) == first
    # And another request with that token is refused
    with pytest.raises(ClientError) as caught:
        register(sagemaker, group, ClientToken="token-" + group, ModelPackageDescription="other")
    assert caught.value.response["Error"]["Code"] == "ConflictException"
    assert len(sagemaker.api.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 1


def test_versions_are_listed_by_status_newest_first(sagemaker: SageMakerProcess, group: str) -> None:
    # Given three versions, two approved
    arns = [register(sagemaker, group) for _ in range(3)]
    for arn in arns[1:]:
        sagemaker.api.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    # When the approved ones are listed, newest first
    listed = sagemaker.api.list_model_packages(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=1,
    )
    # Then the newest comes first and the other on the next page
    assert [item["ModelPackageArn"] for item in listed["ModelPackageSummaryList"]] == [arns[2]]
    following = sagemaker.api.list_model_packages(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=1,
        NextToken=listed["NextToken"],
    )
    assert [item["ModelPackageVersion"] for item in following["ModelPackageSummaryList"]] == [2]
    assert "NextToken" not in following


def test_group_with_versions_stays(sagemaker: SageMakerProcess, group: str) -> None:
    # Given a group with a version
    arn = register(sagemaker, group)
    # Then it can be neither made again nor deleted
    with pytest.raises(ClientError, match="Model Package Group already exists"):
        sagemaker.api.create_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError) as caught:
        sagemaker.api.delete_model_package_group(ModelPackageGroupName=group)
    assert caught.value.response["Error"]["Code"] == "ConflictException"
    # When its version is gone, it goes
    sagemaker.api.delete_model_package(ModelPackageName=arn)
    sagemaker.api.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.api.describe_model_package_group(ModelPackageGroupName=group)


def test_metadata_have_the_limits_of_aws(sagemaker: SageMakerProcess, group: str) -> None:
    with pytest.raises(ClientError) as caught:
        register(sagemaker, group, CustomerMetadataProperties={"evidence": "x" * 257})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert "length less than or equal to 256" in str(caught.value)


def test_tags_stay_with_their_resource(sagemaker: SageMakerProcess, group: str) -> None:
    # Given a group with a tag
    arn = sagemaker.api.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    sagemaker.api.add_tags(ResourceArn=arn, Tags=[{"Key": "App", "Value": "x"}, {"Key": "Env", "Value": "local"}])
    # When one is removed, then the other stays
    sagemaker.api.delete_tags(ResourceArn=arn, TagKeys=["App"])
    assert sagemaker.api.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "Env", "Value": "local"}]
