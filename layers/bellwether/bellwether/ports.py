"""What the use cases need from the outside, one Protocol each; adapters furnish them, fakes stand for them in tests."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from bellwether.domain.bundle import Archive
from bellwether.domain.database import DatabaseLogin
from bellwether.domain.decisions import Decision, Outcome
from bellwether.domain.deployment import CurrentVersion, EndpointState, RegisteredVersion
from bellwether.domain.migrations import AppliedMigration, Migration
from bellwether.domain.training import TrainingJob

# --- objects (S3) ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing shows it; `etag` changes with its content."""

    key: str
    size_bytes: int
    etag: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectContent:
    """An object and its bytes."""

    content: bytes
    etag: str
    modified_at: datetime


class ObjectStore(Protocol):
    """The objects of one bucket. Every method raises TransientUpstreamError or UpstreamError when the store fails."""

    def entries(self, prefix: str) -> Iterator[StoredObject]:
        """Objects whose key starts with `prefix`, by key."""

    def find(self, key: str) -> StoredObject | None:
        """The object's entry without its bytes; None when there is none."""

    def get(self, key: str) -> ObjectContent:
        """Raises NotFoundError."""

    def get_many(self, keys: Sequence[str]) -> Iterator[ObjectContent]:
        """The contents in the order of `keys`, fetched side by side; raises NotFoundError for the first one missing."""

    def put(
        self,
        key: str,
        content: bytes,
        *,
        content_type: str = "application/octet-stream",
        only_if_absent: bool = False,
        only_if_etag: str | None = None,
    ) -> str:
        """Write, and return the etag. ConflictError, with nothing written, when the condition does not hold."""

    def copy(self, source_key: str, target_key: str) -> None:
        """Copy within the bucket without fetching the bytes; raises NotFoundError."""

    def delete(self, key: str, *, only_if_etag: str | None = None) -> None:
        """Remove; nothing happens when it is gone. Raises ConflictError when its content is not the one meant."""


# --- series ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Download:
    """A CSV file as a source gave it; `known_on` where the source tells on which day its figures were known."""

    file_name: str
    content: bytes
    known_on: date | None = None


class SeriesSource(Protocol):
    """Where series can be fetched by name."""

    def downloads(self, series: str) -> Iterator[Download]:
        """One file, or one a vintage, oldest first. Raises NotFoundError for an unknown series, TransientUpstreamError
        after some attempts, UpstreamError when the source refuses."""


# --- time -----------------------------------------------------------------------------------------------------------


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """The present instant, UTC and aware."""


# --- secrets --------------------------------------------------------------------------------------------------------


class SecretStore(Protocol):
    """Secrets whose text is one JSON object."""

    def get_json(self, secret_id: str) -> dict[str, Any]:
        """Raises NotFoundError when the secret is missing or has no value, InvalidInputError when it is no object."""

    def put_json(self, secret_id: str, value: Mapping[str, Any]) -> None:
        """Make `value` the secret's current version; raises NotFoundError when there is no such secret."""


# --- database -------------------------------------------------------------------------------------------------------


class MigrationFiles(Protocol):
    """The schema's steps as shipped with the code."""

    def migrations(self) -> tuple[Migration, ...]:
        """All of them, in no promised order; raises InvalidInputError for a file that is no migration."""

    def grants(self) -> str:
        """The statements that give the application's role its rights; repeatable."""


class DatabaseSchema(Protocol):
    """The database as its owner sees it. All but `accepts` is called inside `exclusively`."""

    def exclusively(self) -> AbstractContextManager[None]:
        """Keep other migrators out; raises ConflictError when one is at it for longer than there is time."""

    def applied(self) -> tuple[AppliedMigration, ...]:
        """What was applied so far; nothing for a new database."""

    def apply(self, migration: Migration) -> None:
        """Run a migration and note it, both or neither; raises UpstreamError when the database refuses it."""

    def set_password(self, role: str, password: str) -> None:
        """Make the role with this password, or give it this one; InvalidInputError for the owner or a superuser."""

    def grant(self, statements: str, role: str) -> None:
        """Run the grants for this role in one transaction."""

    def accepts(self, login: DatabaseLogin) -> bool:
        """Whether one can log in so."""


class DecisionLedger(Protocol):
    """The append-only record of decisions and outcomes."""

    def add_decision(self, decision: Decision) -> bool:
        """Insert; False when its id is there already."""

    def add_outcome(self, outcome: Outcome) -> bool:
        """Insert; False when decision, status and instant are there already. NotFoundError without the decision."""

    def decision(self, decision_id: UUID) -> Decision:
        """The recorded decision; raises NotFoundError."""

    def outcomes(self, decision_id: UUID) -> tuple[Outcome, ...]:
        """What was seen of a decision, oldest first; empty for an unknown one."""


# --- model lifecycle ------------------------------------------------------------------------------------------------


class TrainingJobs(Protocol):
    """The training jobs of the account."""

    def named(self, prefix: str) -> tuple[TrainingJob, ...]:
        """Those whose name starts with `prefix`, whatever became of them."""


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


class Endpoints(EndpointStates, Protocol):
    """Endpoints, to be changed. An endpoint that is changing takes no order: ConflictError."""

    def create(self, endpoint_name: str, config_name: str) -> None:
        """Raises ConflictError when it is there."""

    def update(self, endpoint_name: str, config_name: str) -> None:
        """Move it to another configuration without an interruption; raises NotFoundError."""

    def delete(self, endpoint_name: str) -> None:
        """Remove it; nothing happens when it is gone."""


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
