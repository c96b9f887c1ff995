"""Update the merged macro data: ingest series from the inbox or from FRED, then publish what they amount to."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.datasets.domain.series import SERIES_PATTERN
from bellwether.datasets.ports.series import SeriesSource
from bellwether.datasets.usecases.ingest_series import Ingestion, ingest_from, ingest_inbox
from bellwether.datasets.usecases.publish_dataset import Published, publish_as_of, publish_dataset
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore

QUARANTINED_SHOWN = 200

Fred = Literal["fred_csv", "fred_api"]
Source = Literal["pack"] | Fred
SeriesId = Annotated[str, Field(pattern=rf"^{SERIES_PATTERN.pattern}$")]


class UpdateRequest(BaseModel):
    """What to ingest, as given by hand. Nothing given: the configured source and what lies in the inbox.

    `accept_shrunken`: series that may lose history this time, also by a change of base. `vintages_since`: with source
    fred_api, every vintage from that day on. `as_of`: ingest nothing, write the data as known at that
    time beside the current one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Source | None = None
    series: Annotated[tuple[SeriesId, ...], Field(max_length=1000)] = ()
    accept_shrunken: tuple[SeriesId, ...] = ()
    vintages_since: date | None = None
    as_of: AwareDatetime | None = None


class DatasetSummary(BaseModel):
    """The merged data as it lies there now. `changed`: by this run."""

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str
    rows: int
    first_month: str
    last_month: str
    series: int
    vintages: int
    changed: bool
    findings: tuple[dict[str, str], ...]

    @classmethod
    def of(cls, published: Published) -> "DatasetSummary":
        """What is worth telling about a published dataset."""
        manifest = published.manifest
        return cls(
            key=published.key,
            sha256=manifest.sha256,
            rows=manifest.rows,
            first_month=manifest.first_month,
            last_month=manifest.last_month,
            series=len(manifest.series),
            vintages=published.vintages,
            changed=published.changed,
            findings=tuple(finding.model_dump() for finding in manifest.findings),
        )


class Update(Ingestion):
    """What came in, and what the merged data is now; None when there is none yet."""

    dataset: DatasetSummary | None

    @classmethod
    def of(cls, ingestion: Ingestion, published: Published | None) -> "Update":
        """The first quarantined parts only: the others count in `rejections`."""
        shown = ingestion.model_copy(update={"quarantined": ingestion.quarantined[:QUARANTINED_SHOWN]})
        return cls(**shown.model_dump(), dataset=DatasetSummary.of(published) if published else None)


def update_macro_data(
    store: ObjectStore,
    request: UpdateRequest,
    *,
    source: Source,
    series: tuple[str, ...],
    fred: Callable[[Fred, date | None], SeriesSource],
    clock: Clock,
    pause: Callable[[int], None],
) -> Update:
    """Ingest what the request names, else from the configured `source` its `series`, and publish.

    `fred` opens FRED in one of its forms, from a vintage on. Raises InvalidInputError when no series is named.
    """
    if request.as_of:
        return Update.of(Ingestion(), publish_as_of(store, request.as_of))
    source = request.source or source
    ingestion = Ingestion()
    if source == "pack" or request.source is None:
        ingestion += ingest_inbox(store, series=request.series, accept_rebased=request.accept_shrunken)
    if source != "pack":
        wanted = request.series or series
        if not wanted:
            raise InvalidInputError("no series to fetch: set SERIES or name them", field="series")
        fetched = fred(source, request.vintages_since)
        ingestion += ingest_from(store, fetched, clock, wanted, accept_rebased=request.accept_shrunken)
    return Update.of(ingestion, publish_dataset(store, pause=pause, accept_shrunken=request.accept_shrunken))


def update_from_drop(store: ObjectStore, key: str, *, pause: Callable[[int], None]) -> Update:
    """Ingest one file of the inbox, and publish."""
    ingestion = ingest_inbox(store, keys=[key])
    return Update.of(ingestion, publish_dataset(store, pause=pause))
