"""SageMaker's control plane: jobs, registry, endpoints. One narrow class for each set of rights a role may need."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from bellwether.models.domain.archive import ARCHIVED, FALSE, TRUE, ListedEndpoint
from bellwether.models.domain.deployment import EndpointPhase, EndpointState, RegisteredVersion
from bellwether.models.domain.retraining import MachineTime, PastTraining, is_training_of
from bellwether.models.domain.training import TrainingJob, TransformJob
from bellwether.models.ports.registry import Registration
from bellwether.shared.adapters.aws_clients import aws_client
from bellwether.shared.adapters.aws_errors import translated
from bellwether.shared.domain.errors import ConflictError, InvalidInputError, NotFoundError
from bellwether.shared.per_process import once_per_process

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import DescribeModelPackageOutputTypeDef, TagTypeDef

VARIANT = "AllTraffic"
JSON = "application/json"
JSON_LINES = "application/jsonlines"
RUNNING_JOB = frozenset({"InProgress", "Stopping"})
PHASES = {  # all others are on the move
    "InService": EndpointPhase.IN_SERVICE,
    "Deleting": EndpointPhase.LEAVING,
    "Failed": EndpointPhase.FAILED,
}


@once_per_process
def sagemaker_client() -> "SageMakerClient":
    """One client for each process."""
    timely = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 4})
    return aws_client("sagemaker", config=timely)


def resource_tags(environment: str, cost_center: str) -> dict[str, str]:
    """Tags of everything that is made at run time: the same as the stacks give theirs."""
    return {"App": "bellwether", "Env": environment, "CostCenter": cost_center}


class SageMakerTrainingJobs:
    """TrainingJobs. Needs sagemaker:ListTrainingJobs."""

    def named(self, prefix: str) -> tuple[TrainingJob, ...]:
        """Those whose name starts with `prefix`, whatever became of them."""
        with translated("training jobs"):
            pages = sagemaker_client().get_paginator("list_training_jobs").paginate(NameContains=prefix)
            return tuple(
                TrainingJob(job["TrainingJobName"], job["TrainingJobStatus"] in RUNNING_JOB)
                for page in pages
                for job in page["TrainingJobSummaries"]
                if job["TrainingJobName"].startswith(prefix)
            )


class SageMakerTransformJobs:
    """TransformJobs. Needs sagemaker:ListTransformJobs."""

    def named(self, prefix: str) -> tuple[TransformJob, ...]:
        """Those whose name starts with `prefix`, whatever became of them."""
        with translated("transform jobs"):
            pages = sagemaker_client().get_paginator("list_transform_jobs").paginate(NameContains=prefix)
            return tuple(
                TransformJob(job["TransformJobName"], job["TransformJobStatus"] in RUNNING_JOB)
                for page in pages
                for job in page["TransformJobSummaries"]
                if job["TransformJobName"].startswith(prefix)
            )


class SageMakerTrainingHistory:
    """TrainingHistory. Needs sagemaker:ListTrainingJobs and DescribeTrainingJob."""

    def of(self, model: str) -> tuple[PastTraining, ...]:
        """All of them, whatever became of them."""
        with translated("training jobs"):
            pages = sagemaker_client().get_paginator("list_training_jobs").paginate(NameContains=f"{model}-")
            return tuple(
                PastTraining(
                    name=job["TrainingJobName"],
                    running=job["TrainingJobStatus"] in RUNNING_JOB,
                    completed=job["TrainingJobStatus"] == "Completed",
                    created_at=job["CreationTime"],
                    ended_at=job.get("TrainingEndTime"),
                )
                for page in pages
                for job in page["TrainingJobSummaries"]
                if is_training_of(model, job["TrainingJobName"])
            )

    def machine_time(self, job_name: str, now: datetime) -> MachineTime:
        """Billed seconds once they are known, until then those since it started; raises NotFoundError."""
        with translated(f"training job {job_name}"):
            job = sagemaker_client().describe_training_job(TrainingJobName=job_name)
        seconds: float | None = job.get("BillableTimeInSeconds")
        if seconds is None:
            started = job.get("TrainingStartTime")
            seconds = 0.0 if started is None else (job.get("TrainingEndTime", now) - started).total_seconds()
        machine = job["ResourceConfig"]
        return MachineTime(machine.get("InstanceType", "unknown"), machine.get("InstanceCount", 1), seconds)


class SageMakerRegisteredVersions:
    """RegisteredVersions. Needs sagemaker:DescribeModelPackage."""

    def describe(self, arn: str) -> RegisteredVersion:
        """Raises NotFoundError."""
        return _describe_package(arn)


class SageMakerRegistry:
    """ModelRegistry. Needs sagemaker:ListModelPackages, CreateModelPackage and DescribeModelPackage."""

    def register(self, registration: Registration) -> RegisteredVersion:
        """Register; the version that is there already when its token was used before.

        SageMaker remembers a client token only for a while, so the token also ends the version's description.
        """
        existing = self._registered(registration)
        return _describe_package(existing or self._create(registration))

    def _registered(self, registration: Registration) -> str | None:
        group, token = registration.package_group, str(registration.token)
        with translated(f"model package group {group}"):
            paginator = sagemaker_client().get_paginator("list_model_packages")
            pages = paginator.paginate(ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending")
            summaries = (package for page in pages for package in page["ModelPackageSummaryList"])
            return next(
                (p["ModelPackageArn"] for p in summaries if p.get("ModelPackageDescription", "").endswith(token)), None
            )

    def _create(self, registration: Registration) -> str:
        with translated(f"model package group {registration.package_group}"):
            created = sagemaker_client().create_model_package(
                ModelPackageGroupName=registration.package_group,
                ModelPackageDescription=f"{registration.description} {registration.token}",
                ModelApprovalStatus=registration.approval.value,
                ClientToken=str(registration.token),
                InferenceSpecification={
                    "Containers": [
                        {
                            "Image": registration.image_uri,
                            "ModelDataUrl": registration.model_data_url,
                            "Environment": dict(registration.environment),
                        }
                    ],
                    "SupportedContentTypes": [JSON, JSON_LINES],  # the endpoint's, and the transform job's
                    "SupportedResponseMIMETypes": [JSON, JSON_LINES],
                },
                ModelMetrics={
                    "ModelQuality": {"Statistics": {"ContentType": JSON, "S3Uri": registration.evidence_uri}}
                },
                CustomerMetadataProperties=dict(registration.metadata),
            )
        return created["ModelPackageArn"]


class SageMakerEndpointStates:
    """EndpointStates. Needs sagemaker:DescribeEndpoint."""

    def find(self, endpoint_name: str) -> EndpointState | None:
        """None when there is no such endpoint."""
        try:
            with translated(f"endpoint {endpoint_name}"):
                found = sagemaker_client().describe_endpoint(EndpointName=endpoint_name)
        except NotFoundError:
            return None
        return EndpointState(
            phase=PHASES.get(found["EndpointStatus"], EndpointPhase.CHANGING),
            config_name=found.get("EndpointConfigName", ""),
            pending_config_name=found.get("PendingDeploymentSummary", {}).get("EndpointConfigName"),
        )


class SageMakerRemovableEndpoints(SageMakerEndpointStates):
    """RemovableEndpoints. Needs sagemaker:DescribeEndpoint and DeleteEndpoint."""

    def delete(self, endpoint_name: str) -> None:
        """Remove it; nothing happens when it is gone."""
        try:
            with translated(f"endpoint {endpoint_name}"):
                sagemaker_client().delete_endpoint(EndpointName=endpoint_name)
        except NotFoundError:
            return


class SageMakerEndpoints(SageMakerRemovableEndpoints):
    """Endpoints. Needs sagemaker:DescribeEndpoint, CreateEndpoint, UpdateEndpoint, DeleteEndpoint and AddTags."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        self._tags = _as_tags(tags)

    def create(self, endpoint_name: str, config_name: str) -> None:
        """Raises ConflictError when it is there."""
        with translated(f"endpoint {endpoint_name}"):
            sagemaker_client().create_endpoint(
                EndpointName=endpoint_name, EndpointConfigName=config_name, Tags=self._tags
            )

    def update(self, endpoint_name: str, config_name: str) -> None:
        """Move it to another configuration without an interruption; raises NotFoundError."""
        with translated(f"endpoint {endpoint_name}"):
            sagemaker_client().update_endpoint(EndpointName=endpoint_name, EndpointConfigName=config_name)


class SageMakerServingModels:
    """ServingModels. Needs sagemaker:DescribeModel, CreateModel, DescribeEndpointConfig, CreateEndpointConfig, AddTags.

    Besides iam:PassRole on the endpoint's role, and sagemaker:DescribeModelPackage, which CreateModel asks for.
    """

    def __init__(self, role_arn: str, tags: Mapping[str, str]) -> None:
        self._role_arn = role_arn
        self._tags = _as_tags(tags)

    def ensure_model(self, model_name: str, model_package_arn: str) -> None:
        """Make the model of a registered version; ConflictError when the name belongs to another version."""
        made_of = self._package_of(model_name)
        if made_of is None:
            with translated(f"model {model_name}"):
                sagemaker_client().create_model(
                    ModelName=model_name,
                    ExecutionRoleArn=self._role_arn,
                    Containers=[{"ModelPackageName": model_package_arn}],
                    Tags=self._tags,
                )
        elif made_of != model_package_arn:
            raise ConflictError(f"model {model_name} is made of {made_of}, not of {model_package_arn}")

    def ensure_config(self, config_name: str, model_name: str, *, memory_mb: int, max_concurrency: int) -> None:
        """Make the serverless configuration of a model, unless it is there."""
        if self._has_config(config_name):
            return
        with translated(f"endpoint configuration {config_name}"):
            sagemaker_client().create_endpoint_config(
                EndpointConfigName=config_name,
                ProductionVariants=[
                    {
                        "VariantName": VARIANT,
                        "ModelName": model_name,
                        "ServerlessConfig": {"MemorySizeInMB": memory_mb, "MaxConcurrency": max_concurrency},
                    }
                ],
                Tags=self._tags,
            )

    def _package_of(self, model_name: str) -> str | None:
        try:
            with translated(f"model {model_name}"):
                found = sagemaker_client().describe_model(ModelName=model_name)
        except NotFoundError:
            return None
        containers = found.get("Containers") or [found.get("PrimaryContainer", {})]
        return containers[0].get("ModelPackageName", "something else")

    def _has_config(self, config_name: str) -> bool:
        try:
            with translated(f"endpoint configuration {config_name}"):
                sagemaker_client().describe_endpoint_config(EndpointConfigName=config_name)
        except NotFoundError:
            return False
        return True


class SageMakerVersionGroups:
    """VersionGroups. Needs sagemaker:ListModelPackages and DescribeModelPackage."""

    def versions(self, package_group: str) -> tuple[RegisteredVersion, ...]:
        """Those that a model can be made of, newest first; none for a group that is not there."""
        try:
            with translated(f"model package group {package_group}"):
                paginator = sagemaker_client().get_paginator("list_model_packages")
                pages = paginator.paginate(ModelPackageGroupName=package_group)
                arns = [package["ModelPackageArn"] for page in pages for package in page["ModelPackageSummaryList"]]
        except NotFoundError:
            return ()
        found: list[RegisteredVersion] = []
        for arn in arns:
            with suppress(InvalidInputError):  # made by somebody else, or deleted meanwhile
                found.append(_describe_package(arn))
        return tuple(sorted(found, key=lambda version: version.version, reverse=True))


class SageMakerEndpointInventory:
    """EndpointInventory. Needs sagemaker:ListEndpoints and ListTags."""

    def listed(self) -> tuple[ListedEndpoint, ...]:
        """All of them."""
        with translated("endpoints"):
            return tuple(
                ListedEndpoint(
                    name=endpoint["EndpointName"],
                    arn=endpoint["EndpointArn"],
                    phase=PHASES.get(endpoint["EndpointStatus"], EndpointPhase.CHANGING),
                    changed_at=endpoint["LastModifiedTime"],
                )
                for page in sagemaker_client().get_paginator("list_endpoints").paginate()
                for endpoint in page["Endpoints"]
            )

    def tags(self, arn: str) -> Mapping[str, str]:
        """The tags of one."""
        with translated(arn):
            pages = sagemaker_client().get_paginator("list_tags").paginate(ResourceArn=arn)
            return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


class SageMakerServingParts:
    """ServingParts. Needs sagemaker:DeleteModel, DeleteEndpointConfig and DeleteEndpoint."""

    def delete_model(self, model_name: str) -> None:
        """Remove a SageMaker model; endpoints that were made from it go on."""
        with suppress(NotFoundError), translated(f"model {model_name}"):
            sagemaker_client().delete_model(ModelName=model_name)

    def delete_config(self, config_name: str) -> None:
        """Remove an endpoint configuration."""
        with suppress(NotFoundError), translated(f"endpoint configuration {config_name}"):
            sagemaker_client().delete_endpoint_config(EndpointConfigName=config_name)

    def delete_endpoint(self, endpoint_name: str) -> None:
        """Remove an endpoint; raises ConflictError while it is changing."""
        with suppress(NotFoundError), translated(f"endpoint {endpoint_name}"):
            sagemaker_client().delete_endpoint(EndpointName=endpoint_name)


class SageMakerVersionMarks:
    """VersionMarks. Needs sagemaker:UpdateModelPackage."""

    def mark(self, model_package_arn: str, *, archived: bool) -> None:
        """Write whether it is archived; its approval stays as it is."""
        with translated(f"model package {model_package_arn}"):
            sagemaker_client().update_model_package(
                ModelPackageArn=model_package_arn,
                CustomerMetadataProperties={ARCHIVED: TRUE if archived else FALSE},
            )


def _describe_package(arn: str) -> RegisteredVersion:
    with translated(f"model package {arn}"):
        found: DescribeModelPackageOutputTypeDef = sagemaker_client().describe_model_package(ModelPackageName=arn)
    containers: list[Any] = list(found.get("InferenceSpecification", {}).get("Containers", []))
    if len(containers) != 1 or not containers[0].get("ModelDataUrl"):
        raise InvalidInputError("is not made of one container with model data", field=f"model package {arn}")
    return RegisteredVersion(
        arn=found["ModelPackageArn"],
        package_group=found.get("ModelPackageGroupName", ""),
        version=found.get("ModelPackageVersion", 0),
        approval=found.get("ModelApprovalStatus", ""),
        model_data_url=containers[0]["ModelDataUrl"],
        metadata=found.get("CustomerMetadataProperties") or {},
        environment=containers[0].get("Environment") or {},
    )


def _as_tags(tags: Mapping[str, str]) -> "list[TagTypeDef]":
    return [{"Key": key, "Value": value} for key, value in tags.items()]
