"""The bundle manifest (`bundle.json`) inside `model.tar.gz`."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from bellwether.models.domain.report_schema import Count, Finite, Report, Sha256


class InputColumn(Report):
    """One column a caller may send; `fill` says what happens when it is left out."""

    name: str
    kind: Literal["number", "category"] = "number"
    unit: str = ""
    fill: Literal["refuse", "last_known", "unknown"]
    minimum: float | None = None
    maximum: float | None = None


class Golden(Report):
    """A request kept with the model and the response it gave when it was trained."""

    request: dict[str, Any]
    response: dict[str, Any]


class NumericReference(Report):
    """How often a figure fell between edges in training: `counts[i]` lie above `edges[i - 1]`, not above `edges[i]`."""

    kind: Literal["numeric"]
    edges: tuple[Finite, ...]
    counts: tuple[Count, ...]
    missing: Count = 0


class CategoricalReference(Report):
    """How often each level came in training; `other` counts levels that were too rare to be named."""

    kind: Literal["categorical"]
    levels: dict[str, Count]
    other: Count = 0
    missing: Count = 0


Reference = Annotated[NumericReference | CategoricalReference, Field(discriminator="kind")]


class DriftReference(Report):
    """What served inputs and answers are compared with; empty for a model that nothing is known of.

    A model that gives one figure calls it `prediction`.
    """

    features: dict[str, Reference] = Field(default_factory=dict)
    prediction: dict[str, NumericReference] = Field(default_factory=dict)
    rows: Count = 0

    @field_validator("prediction", mode="before")
    @classmethod
    def _of_one_figure(cls, value: object) -> object:
        return {"prediction": value} if isinstance(value, dict) and "kind" in value else value


class BundleManifest(Report):
    """A model and all that belongs to it; `parts` maps each other file of the tar to its SHA-256."""

    schema_version: Literal[1]
    model: str
    target: str
    unit: str
    horizons_months: tuple[int, ...] = ()
    methods: dict[int, str] = Field(default_factory=dict)  # by horizon; the model's own where nothing is said
    inputs: Annotated[tuple[InputColumn, ...], Field(min_length=1)]
    features: tuple[str, ...]
    training_window: dict[str, Any]
    dataset_sha256: Sha256
    seed: int
    metrics: dict[str, Any]
    recession: dict[str, Any] | None = None  # the second head of a forecaster of unemployment, or why it is left out
    drift_reference: DriftReference
    golden: Golden
    parts: Annotated[dict[str, Sha256], Field(min_length=1)]

    @field_validator("drift_reference", mode="before")
    @classmethod
    def _of_older_bundles(cls, value: object) -> object:
        """Versions from before references had kinds stay fit to be rolled back to; theirs were of figures only."""
        if isinstance(value, dict) and value and "features" not in value:
            return {"features": {name: {"kind": "numeric", **each} for name, each in value.items()}}
        return value
