"""Jobs, registry, endpoints and what is current."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from bellwether.models.domain.bundle import Archive
from bellwether.models.domain.deployment import CurrentVersion, EndpointState, RegisteredVersion
from bellwether.models.domain.retraining import MachineTime, PastTraining
from bellwether.models.domain.training import TrainingJob, TransformJob


class TrainingJobs(Protocol):
    """The training jobs of the account."""

    def named(self, prefix: str) -> tuple[TrainingJob, ...]:
        """Those whose name starts with `prefix`, whatever became of them."""


class TransformJobs(Protocol):
    """The batch transform jobs of the account."""

    def named(self, prefix: str) -> tuple[TransformJob, ...]:
        """Those whose name starts with `prefix`, whatever became of them."""


class TrainingHistory(Protocol):
    """What training jobs of a model there were, and what they took."""

    def of(self, model: str) -> tuple[PastTraining, ...]:
        """All of them, whatever became of them."""

    def machine_time(self, job_name: str, now: datetime) -> MachineTime:
        """What a job is paid for; that of a job under way until now. Raises NotFoundError."""


class JobCode(Protocol):
    """The training job's code as shipped with ours."""

    def pack(self) -> bytes:
        """A gzipped tar of it, the same bytes for the same code."""


class Archives(Protocol):
    """The tars that training jobs leave in the data bucket."""

    def read(self, uri: str, *, keep: frozenset[str]) -> Archive:
        """Hash every file of the tar and keep the bytes of those named.

        Raises NotFoundError, InvalidInputError for what is no gzipped tar, lies elsewhere or is too large, and
        BundleTamperedError for a member that no honest job writes: a link, a device, a path that leads out.
        """


@dataclass(frozen=True)
class Registration:
    """A candidate on its way into the registry. `token` is the same whenever the same candidate is registered."""

    package_group: str
    token: UUID
    description: str
    model_data_url: str
    image_uri: str
    environment: Mapping[str, str]
    evidence_uri: str
    metadata: Mapping[str, str]


class ModelRegistry(Protocol):
    """Where versions wait for a person's approval."""

    def register(self, registration: Registration) -> RegisteredVersion:
        """Register as pending; the version that is there already when its token was used before."""


class RegisteredVersions(Protocol):
    """The registry, to be read."""

    def describe(self, arn: str) -> RegisteredVersion:
        """Raises NotFoundError."""


class CurrentVersions(Protocol):
    """Which version of each model serves."""

    def get(self, model: str) -> CurrentVersion | None:
        """None before the first promotion; raises InvalidInputError for what can't be read."""


class Promotions(CurrentVersions, Protocol):
    """The same, to be changed."""

    def put(self, model: str, current: CurrentVersion) -> None:
        """Make this version the current one."""


class EndpointStates(Protocol):
    """Endpoints, to be looked at."""

    def find(self, endpoint_name: str) -> EndpointState | None:
        """None when there is no such endpoint."""


class RemovableEndpoints(EndpointStates, Protocol):
    """Endpoints, to be removed. An endpoint that is changing takes no order: ConflictError."""

    def delete(self, endpoint_name: str) -> None:
        """Remove it; nothing happens when it is gone."""


class Endpoints(RemovableEndpoints, Protocol):
    """Endpoints, to be changed. An endpoint that is changing takes no order: ConflictError."""

    def create(self, endpoint_name: str, config_name: str) -> None:
        """Raises ConflictError when it is there."""

    def update(self, endpoint_name: str, config_name: str) -> None:
        """Move it to another configuration without an interruption; raises NotFoundError."""


class ServingModels(Protocol):
    """The SageMaker models and serverless configurations that endpoints are made of."""

    def ensure_model(self, model_name: str, model_package_arn: str) -> None:
        """Make the model of a registered version; ConflictError when the name belongs to another version."""

    def ensure_config(self, config_name: str, model_name: str, *, memory_mb: int, max_concurrency: int) -> None:
        """Make the serverless configuration of a model, unless it is there."""


@dataclass(frozen=True)
class Answer:
    """What an endpoint said, and how long it took."""

    body: bytes
    latency_ms: float


class Predictor(Protocol):
    """Models in service."""

    def invoke(self, endpoint_name: str, body: bytes) -> Answer:
        """Ask a model in JSON.

        Raises InvalidInputError with the field that the model refused, NotFoundError without such an endpoint,
        TransientUpstreamError when it is throttled, cold or starting, UpstreamError when the model itself failed.
        """


class Processes(Protocol):
    """State machines, to be started."""

    def start(self, name: str, payload: Mapping[str, Any]) -> str | None:
        """Start an execution and return its ARN; None when one of this name has run or runs already."""
