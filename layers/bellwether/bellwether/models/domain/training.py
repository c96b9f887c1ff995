"""What a training job is called and how it is asked for."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from bellwether.models.domain.specs import TrainedSpec
from bellwether.shared.domain.errors import InvalidInputError

Hyperparameter = str | int | float | bool
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VALUE_LIMIT = 2500  # SageMaker's own
_CODE_KEY = re.compile(r"models/code/([0-9a-f]{64})/")
MANIFEST = "manifest.json"  # beside the data, in a frozen copy too
_FIXED = frozenset({"model", "target"})


@dataclass(frozen=True)
class NamedJob:
    """A job as a listing shows it; `running` also covers one that is stopping."""

    name: str
    running: bool


@dataclass(frozen=True)
class TrainingJob(NamedJob):
    """A job that trains a model."""


@dataclass(frozen=True)
class TransformJob(NamedJob):
    """A job that answers a file of requests."""


def merged_hyperparameters(spec: TrainedSpec, wanted: Mapping[str, Hyperparameter]) -> dict[str, str]:
    """The model's own hyperparameters with those that the caller wants to differ, all as strings.

    Raises InvalidInputError for a name that is malformed or not the caller's to choose, and for a value too long.
    """
    merged = dict(spec.hyperparameters)
    for name, value in wanted.items():
        where = f"hyperparameters.{name[:64]}"
        if name in _FIXED or name.startswith("sagemaker_") or not _NAME.fullmatch(name):
            raise InvalidInputError("can't be chosen by the caller", field=where)
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if len(text) > _VALUE_LIMIT:
            raise InvalidInputError(f"is longer than {_VALUE_LIMIT} characters", field=where)
        merged[name] = text
    return merged


def job_prefix(model: str, dataset_sha256: str, hyperparameters: Mapping[str, str], code_sha256: str) -> str:
    """What all attempts at the same training have in common: same data, code and hyperparameters, same prefix."""
    recipe = json.dumps({"code": code_sha256, "hyperparameters": dict(hyperparameters)}, sort_keys=True)
    return f"{model}-{dataset_sha256[:8]}-{sha256(recipe.encode()).hexdigest()[:8]}-"


def running_attempt(prefix: str, jobs: Iterable[NamedJob]) -> str | None:
    """The attempt that is under way; None when there is none."""
    return next((job.name for job in jobs if job.running and _attempt(prefix, job) is not None), None)


def next_attempt(prefix: str, jobs: Iterable[NamedJob]) -> str:
    """Name of the attempt after those there are; two callers at once get the same name, and one of them the job."""
    made = (attempt for job in jobs if (attempt := _attempt(prefix, job)) is not None)
    return f"{prefix}{max(made, default=0) + 1}"


def _attempt(prefix: str, job: NamedJob) -> int | None:
    tail = job.name.removeprefix(prefix)
    return int(tail) if job.name != tail and tail.isdecimal() else None


def dataset_prefix(model: str, dataset_sha256: str) -> str:
    """Where the frozen copy of a dataset lies in the data bucket."""
    return f"models/{model}/datasets/{dataset_sha256}/"


def code_key(code_sha256: str) -> str:
    """Where the job's code of this hash lies in the data bucket."""
    return f"models/code/{code_sha256}/sourcedir.tar.gz"


def code_sha256_of(hyperparameters: Mapping[str, str]) -> str | None:
    """Hash of the code that a job ran, from its hyperparameters; None when it ran something else."""
    found = _CODE_KEY.search(hyperparameters.get("sagemaker_submit_directory", ""))
    return found.group(1) if found else None
