"""What is remembered of a prediction, and what came true later."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Variant(StrEnum):
    """Which of two versions of a model answered."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


class Status(StrEnum):
    """How a request to an endpoint ended."""

    ANSWERED = "answered"
    REFUSED = "refused"  # the caller's fault
    FAILED = "failed"  # ours: an error, a timeout, an endpoint that was too busy


class Point(BaseModel):
    """One figure that can come true: `join_key` is the key its actual will arrive under, with the interval's bounds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    join_key: Annotated[str, Field(min_length=1, max_length=300)]
    prediction: float
    lower: float | None = None
    upper: float | None = None


class CaptureRecord(BaseModel):
    """One row asked of one version. `instance` counts the rows of a request; `returned` is False for a shadow's answer.

    (`request_id`, `instance`, `variant`) is the record's natural key: it arrives at least once.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = 1
    request_id: Annotated[str, Field(min_length=1, max_length=200)]
    instance: Annotated[int, Field(ge=0)] = 0
    model: str
    variant: Variant = Variant.CHAMPION
    returned: bool = True
    experiment_id: str | None = None
    model_version: str | None = None
    entity_id: str | None = None
    received_at: AwareDatetime
    latency_ms: float
    status: Status
    error: str | None = None
    input: dict[str, Any] = Field(default_factory=dict)
    output: dict[str, Any] | None = None
    points: tuple[Point, ...] = ()

    @property
    def key(self) -> tuple[str, int, str]:
        """Same key, same record."""
        return self.request_id, self.instance, self.variant.value


class Actual(BaseModel):
    """What came true under a join key; a later `observed_at` corrects an earlier one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    join_key: Annotated[str, Field(min_length=1, max_length=300)]
    value: float
    observed_at: AwareDatetime
    source: str = ""
