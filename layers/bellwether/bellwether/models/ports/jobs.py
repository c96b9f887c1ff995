"""Training jobs, batch transform jobs and the code that they run."""

from datetime import datetime
from typing import Protocol

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
