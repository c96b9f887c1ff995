"""Update the dataset of a model's sales: ingest what lies in the inbox, or start over, then describe the dataset."""

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, StrictBool

from bellwether.datasets.usecases.ingest_sales import SalesIngestion, ingest_sales, published, start_over
from bellwether.models.domain.catalogue import CATALOGUE, valuation_spec
from bellwether.models.domain.specs import ValuationSpec
from bellwether.models.ports.actuals import ActualsStore
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.objects import ObjectStore

QUARANTINED_SHOWN = 200


class SalesUpdateRequest(BaseModel):
    """Ingest what lies in a model's inbox; `start_over` first moves the existing dataset away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    start_over: StrictBool = False


class SalesSummary(BaseModel):
    """The dataset as it is now."""

    model_config = ConfigDict(frozen=True)

    key: str
    layout: str
    sha256: str
    rows: int
    first_day: str
    last_day: str
    files: int


class SalesUpdate(SalesIngestion):
    """What was ingested, and the dataset (None when there is none). `earlier`: where the dataset before is kept."""

    model: str
    dataset: SalesSummary | None
    earlier: str | None = None


def update_sales(
    store: ObjectStore, actuals: ActualsStore, request: SalesUpdateRequest, *, pause: Callable[[int], None]
) -> SalesUpdate:
    """Ingest the whole inbox of one model."""
    spec = valuation_spec(request.model)
    earlier = start_over(store, spec) if request.start_over else None
    return _update(store, spec, ingest_sales(store, actuals, spec, pause=pause), earlier)


def update_sales_from_drop(
    store: ObjectStore, actuals: ActualsStore, key: str, *, pause: Callable[[int], None]
) -> SalesUpdate:
    """Ingest one file; raises InvalidInputError when it is not in an inbox."""
    spec = _spec_of(key)
    return _update(store, spec, ingest_sales(store, actuals, spec, pause=pause, keys=[key]))


def _spec_of(key: str) -> ValuationSpec:
    for spec in CATALOGUE.values():
        if isinstance(spec, ValuationSpec) and key.startswith(spec.dataset.inbox):
            return spec
    raise InvalidInputError(f"{key!r} is not in an inbox for sales", field="detail.object.key")


def _update(
    store: ObjectStore, spec: ValuationSpec, ingestion: SalesIngestion, earlier: str | None = None
) -> SalesUpdate:
    """The first quarantined parts only: the others count in `rejections`."""
    manifest = published(store, spec)
    dataset = manifest and SalesSummary(
        key=spec.dataset.data_key,
        layout=manifest.layout,
        sha256=manifest.sha256,
        rows=manifest.rows,
        first_day=manifest.first_day,
        last_day=manifest.last_day,
        files=len(manifest.files),
    )
    shown = ingestion.model_copy(update={"quarantined": ingestion.quarantined[:QUARANTINED_SHOWN]})
    return SalesUpdate(**shown.model_dump(), model=spec.name, dataset=dataset, earlier=earlier)
