"""What the evaluation reports (`evaluation.json`) of all kinds of model share."""

from typing import Annotated, Literal

from pydantic import Field

from bellwether.models.domain.report_schema import Report, Sha256


class IntervalCoverage(Report):
    """How often the interval held the truth in the backtest, beside how often it should."""

    level: Annotated[float, Field(gt=0, lt=1)]
    coverage: Annotated[float, Field(ge=0, le=1)]
    mean_width: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Importance(Report):
    """Share of a feature in the model, all shares adding up to 1."""

    feature: str
    share: Annotated[float, Field(ge=0, le=1)]


class CandidateReport(Report):
    """What every candidate's figures begin with: of which model and bundle; without data if it was not trained here."""

    schema_version: Literal[1]
    model: str
    target: str
    bundle_sha256: Sha256
    dataset_sha256: Sha256 | None = None


class TrainedReport(CandidateReport):
    """Figures of a candidate that a job has trained here, written by it beside the bundle."""

    unit: str
    dataset_sha256: Sha256
    seed: int
