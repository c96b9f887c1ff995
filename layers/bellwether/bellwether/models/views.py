"""What there is of each model: its versions, which of them answers which share of the callers, its endpoints."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel

from bellwether.models.adapters.ssm import SsmCurrentVersions, SsmExperiments
from bellwether.models.domain.archive import ARCHIVED, TRUE
from bellwether.models.domain.bundle import golden_key
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import CurrentVersion, parse_current
from bellwether.models.domain.experiment import Experiment, Mode, parse_experiment
from bellwether.models.domain.model_families import family_of
from bellwether.models.domain.specs import ModelSpec
from bellwether.shared.adapters.aws_errors import translated
from bellwether.shared.domain.errors import NotFoundError
from bellwether.shared.ports.objects import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import DescribeModelPackageOutputTypeDef
    from mypy_boto3_ssm import SSMClient

NO_ENDPOINT = "none"


class EndpointView(BaseModel, frozen=True):
    """An endpoint's name and its status in SageMaker's words; `none` for an endpoint that does not exist."""

    name: str
    state: str


class VersionView(BaseModel, frozen=True):
    """A registered version; `role` is champion, challenger, shadow, previous or empty.

    `figure` is the headline of its evaluation, `traffic` the share of callers that get its answer.
    """

    number: int
    arn: str
    status: str
    created_at: AwareDatetime
    figure: str
    role: str
    traffic: float
    archived: bool
    metadata: Mapping[str, str]


class ModelView(BaseModel, frozen=True):
    """A model with its versions, newest first."""

    model: str
    endpoint: EndpointView
    challenger_endpoint: EndpointView
    experiment: Experiment | None
    figure_title: str
    versions: tuple[VersionView, ...]


class ModelViews:
    """Reads registry, endpoints and parameters of one environment. Raises NotFoundError for an unknown model."""

    def __init__(self, environment: str, sagemaker: "SageMakerClient", ssm: "SSMClient") -> None:
        self._environment = environment
        self._sagemaker = sagemaker
        self._ssm = ssm

    def model(self, name: str) -> ModelView:
        """One model of the catalogue."""
        spec = model_spec(name)
        return ModelView(
            model=spec.name,
            endpoint=self._endpoint(spec.endpoint_name),
            challenger_endpoint=self._endpoint(spec.challenger_endpoint_name),
            experiment=self.experiment(name),
            figure_title=family_of(spec).headline[0],
            versions=self.versions(name),
        )

    def versions(self, name: str, *, below: int | None = None, limit: int | None = None) -> tuple[VersionView, ...]:
        """Registered versions, newest first; `below` the last number of the page before."""
        spec, current, experiment = model_spec(name), self.current(name), self.experiment(name)
        with translated(f"model package group {spec.package_group}"):
            pages = self._sagemaker.get_paginator("list_model_packages").paginate(
                ModelPackageGroupName=spec.package_group
            )
            listed = (each for page in pages for each in page["ModelPackageSummaryList"])
            arns = {each["ModelPackageVersion"]: each["ModelPackageArn"] for each in listed}
            numbers = sorted((number for number in arns if below is None or number < below), reverse=True)[:limit]
            packages = [self._sagemaker.describe_model_package(ModelPackageName=arns[number]) for number in numbers]
        return tuple(_version(spec, each, current, experiment) for each in packages)

    def current(self, name: str) -> CurrentVersion | None:
        """The version that serves; None before the first deployment. InvalidInputError for an unreadable parameter."""
        parameter = SsmCurrentVersions(self._environment).parameter_name(model_spec(name).name)
        text = self._parameter(parameter)
        return None if text is None else parse_current(text, parameter)

    def experiment(self, name: str) -> Experiment | None:
        """The experiment that is running. Raises InvalidInputError for an unreadable parameter."""
        parameter = SsmExperiments(self._environment).parameter_name(model_spec(name).name)
        text = self._parameter(parameter)
        return None if text is None else parse_experiment(text, name, parameter)

    def golden_request(self, name: str, objects: ObjectStore) -> dict[str, Any] | None:
        """The request that the version in service was tested with; None when there is none."""
        current = self.current(name)
        if current is None:
            return None
        try:
            found = objects.get(golden_key(name, current.bundle_sha256))
        except NotFoundError:
            return None
        request: dict[str, Any] = json.loads(found.content)["request"]
        return request

    def _parameter(self, name: str) -> str | None:
        try:
            with translated(f"parameter {name}"):
                return self._ssm.get_parameter(Name=name)["Parameter"]["Value"]
        except NotFoundError:
            return None

    def _endpoint(self, name: str) -> EndpointView:
        try:
            with translated(f"endpoint {name}"):
                found = self._sagemaker.describe_endpoint(EndpointName=name)
        except NotFoundError:
            return EndpointView(name=name, state=NO_ENDPOINT)
        return EndpointView(name=name, state=found["EndpointStatus"])


def headline_figure(spec: ModelSpec, metadata: Mapping[str, str]) -> str:
    """The headline of a version's evaluation; where there are several figures, each with its data set."""
    _, name = family_of(spec).headline
    several = (
        f"{each.removeprefix(name)} {value}"
        for each, value in sorted(metadata.items())
        if name.endswith("_") and each.startswith(name)
    )
    return metadata.get(name) or ", ".join(several)


def _version(
    spec: ModelSpec,
    package: "DescribeModelPackageOutputTypeDef",
    current: CurrentVersion | None,
    experiment: Experiment | None,
) -> VersionView:
    number = package["ModelPackageVersion"]
    metadata = package.get("CustomerMetadataProperties", {})
    role, traffic = _role(number, current, experiment)
    return VersionView(
        number=number,
        arn=package["ModelPackageArn"],
        status=package["ModelApprovalStatus"],
        created_at=package["CreationTime"],
        figure=headline_figure(spec, metadata),
        role=role,
        traffic=traffic,
        archived=metadata.get(ARCHIVED) == TRUE,
        metadata=metadata,
    )


def _role(number: int, current: CurrentVersion | None, experiment: Experiment | None) -> tuple[str, float]:
    """Role of a version, and the share of the callers that get its answer."""
    split = experiment.share if experiment is not None and experiment.mode is Mode.SPLIT else 0.0
    if current is not None and number == current.version:
        return "champion", 1 - split
    if experiment is not None and number == experiment.challenger_version:
        return ("challenger" if experiment.mode is Mode.SPLIT else "shadow"), split
    return ("previous" if current is not None and number == current.previous_version else ""), 0.0
