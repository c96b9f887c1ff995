"""The outside world of the model lifecycle, in memory."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from bellwether.models.adapters.bundles import read_archive
from bellwether.models.domain.bundle import BundleArchive
from bellwether.models.domain.deployment import (
    CurrentVersion,
    EndpointPhase,
    EndpointState,
    RegisteredVersion,
)
from bellwether.models.domain.retraining import MachineTime, PastTraining, is_training_of
from bellwether.models.domain.training import TrainingJob
from bellwether.models.ports.predictor import EndpointResponse
from bellwether.models.ports.registry import Registration
from bellwether.models.usecases.record_assessment import Assessment
from bellwether.shared.domain.errors import ConflictError, NotFoundError
from bellwether.shared.ports.processes import StartedProcess
from tests.builders import BUCKET, package_arn
from tests.fakes.objects import InMemoryObjectStore

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class StoppedClock:
    """Clock that always says the same."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


class KnownJobs:
    """TrainingJobs from a list."""

    def __init__(self, jobs: Iterable[TrainingJob] = ()) -> None:
        self._jobs = tuple(jobs)

    def named(self, prefix: str) -> tuple[TrainingJob, ...]:
        return tuple(job for job in self._jobs if job.name.startswith(prefix))


class PastTrainings:
    """TrainingHistory from a list; each job took `seconds` on one ml.m5.large."""

    def __init__(self, past: Iterable[PastTraining], *, seconds: float = 900) -> None:
        self._past, self._seconds = tuple(past), seconds

    def of(self, model: str) -> tuple[PastTraining, ...]:
        return tuple(job for job in self._past if is_training_of(model, job.name))

    def machine_time(self, job_name: str, now: datetime) -> MachineTime:
        if job_name not in {job.name for job in self._past}:
            raise NotFoundError("is not there", field=f"training job {job_name}")
        return MachineTime("ml.m5.large", 1, self._seconds)


class CodeOf:
    """JobCode with these bytes."""

    def __init__(self, content: bytes = b"code") -> None:
        self._content = content

    def pack(self) -> bytes:
        return self._content


class ArchivesByUri:
    """BundleArchives over tars in memory."""

    def __init__(self, tars: Mapping[str, bytes]) -> None:
        self._tars = tars

    def read(self, uri: str, *, keep: frozenset[str]) -> BundleArchive:
        if uri not in self._tars:
            raise NotFoundError("is not there", field=uri)
        return read_archive(BytesIO(self._tars[uri]), keep=keep, name=uri)


def left_by_job(assessed: Assessment, archive: bytes) -> InMemoryObjectStore:
    """The data bucket with the archive where the candidate was assessed."""
    return InMemoryObjectStore({assessed.model_data_url.removeprefix(f"s3://{BUCKET}/"): archive})


class InMemoryRegistry:
    """ModelRegistry and RegisteredVersions."""

    def __init__(self) -> None:
        self.versions: dict[str, RegisteredVersion] = {}
        self._by_token: dict[str, str] = {}

    def register(self, registration: Registration) -> RegisteredVersion:
        token = str(registration.token)
        if token not in self._by_token:
            number = len(self.versions) + 1
            arn = package_arn(number)
            self.versions[arn] = RegisteredVersion(
                arn=arn,
                package_group=registration.package_group,
                version=number,
                approval=registration.approval,
                model_data_url=registration.model_data_url,
                metadata=registration.metadata,
                environment=registration.environment,
            )
            self._by_token[token] = arn
        return self.versions[self._by_token[token]]

    def describe(self, arn: str) -> RegisteredVersion:
        if arn not in self.versions:
            raise NotFoundError("is not there", field=f"model package {arn}")
        return self.versions[arn]


class InMemoryPromotions:
    """Promotions."""

    def __init__(self, current: CurrentVersion | None = None) -> None:
        self.current = {} if current is None else {"macro": current}
        self.puts = 0

    def get(self, model: str) -> CurrentVersion | None:
        return self.current.get(model)

    def put(self, model: str, current: CurrentVersion) -> None:
        self.current[model] = current
        self.puts += 1


class InMemoryEndpoints:
    """Endpoints that change at once, unless a test puts them into a phase; `orders` is what they were told."""

    def __init__(self, states: Mapping[str, EndpointState] | None = None) -> None:
        self.states = dict(states or {})
        self.orders: list[tuple[str, ...]] = []

    def find(self, endpoint_name: str) -> EndpointState | None:
        return self.states.get(endpoint_name)

    def create(self, endpoint_name: str, config_name: str) -> None:
        if endpoint_name in self.states:
            raise ConflictError(f"endpoint {endpoint_name}: already exists")
        self.orders.append(("create", config_name))
        self.states[endpoint_name] = EndpointState(EndpointPhase.IN_SERVICE, config_name)

    def update(self, endpoint_name: str, config_name: str) -> None:
        if endpoint_name not in self.states:
            raise NotFoundError("is not there", field=f"endpoint {endpoint_name}")
        if self.states[endpoint_name].phase is not EndpointPhase.IN_SERVICE:
            raise ConflictError(f"endpoint {endpoint_name}: in-progress endpoint")
        self.orders.append(("update", config_name))
        self.states[endpoint_name] = EndpointState(EndpointPhase.IN_SERVICE, config_name)

    def delete(self, endpoint_name: str) -> None:
        if endpoint_name in self.states:
            self.orders.append(("delete",))
            del self.states[endpoint_name]


class InMemoryServingModels:
    """ServingModels."""

    def __init__(self) -> None:
        self.models: dict[str, str] = {}
        self.configs: dict[str, tuple[str, int, int]] = {}

    def ensure_model(self, model_name: str, model_package_arn: str) -> None:
        if self.models.setdefault(model_name, model_package_arn) != model_package_arn:
            raise ConflictError(f"model {model_name} is made of something else")

    def ensure_config(self, config_name: str, model_name: str, *, memory_mb: int, max_concurrency: int) -> None:
        self.configs.setdefault(config_name, (model_name, memory_mb, max_concurrency))


class ScriptedPredictor:
    """Predictor that says this, or raises it; `asked` is what it was asked."""

    def __init__(self, reply: Any) -> None:
        self._reply = reply
        self.asked: list[tuple[str, Any]] = []

    def invoke(self, endpoint_name: str, body: bytes) -> EndpointResponse:
        self.asked.append((endpoint_name, json.loads(body)))
        if isinstance(self._reply, Exception):
            raise self._reply
        content = self._reply if isinstance(self._reply, bytes) else json.dumps(self._reply).encode()
        return EndpointResponse(content, 12.34)


class StartedProcesses:
    """NamedProcesses that remember what was started; they run until a test says that they have ended."""

    def __init__(self) -> None:
        self.started: dict[str, Mapping[str, Any]] = {}
        self.ended: set[str] = set()

    def find(self, name: str) -> StartedProcess:
        if name not in self.started:
            raise NotFoundError("is not there", field=f"execution {name}")
        return StartedProcess(
            f"arn:aws:states:us-east-1:000000000000:execution:deploy:{name}", self.started[name], name in self.ended
        )

    def start(self, name: str, payload: Mapping[str, Any]) -> str | None:
        if name in self.started:
            return None
        self.started[name] = payload
        return f"arn:aws:states:us-east-1:000000000000:execution:deploy:{name}"
