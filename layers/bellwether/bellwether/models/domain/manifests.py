"""The dataset manifest (`manifest.json`), which is stored beside the data that a model is trained on."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from bellwether.models.domain.report_schema import Day, Finite, Month, Report, Sha256
from bellwether.models.domain.specs import DatasetKind, DatasetSpec
from bellwether.shared.domain.json_documents import parse_document


class Manifest(Report, ABC):
    """What training needs to know of any dataset: which bytes it is, and from when until when it reaches."""

    schema_version: Literal[1]
    dataset: str
    sha256: Sha256
    rows: Annotated[int, Field(ge=1)]

    @property
    @abstractmethod
    def begins(self) -> str:
        """First month or day."""

    @property
    @abstractmethod
    def ends(self) -> str:
        """Last month or day."""

    @property
    @abstractmethod
    def origins(self) -> dict[str, str]:
        """Where each of its columns comes from, as far as is known."""


class SeriesEntry(Report):
    """One column of the merged file.

    `stands_for`: the series that its monthly mean is, used in that one's place where it is missing (DGS10 for GS10).
    `left_out`: why it is no input of training; empty for one that is.
    """

    series: str
    title: str
    unit: str
    frequency: Literal["daily", "weekly", "monthly", "quarterly"]
    aggregation: Literal["mean", "last", "sum"]
    tcode: Annotated[int, Field(ge=1, le=7)]
    publication_lag_months: Annotated[int, Field(ge=0)]
    first_month: Month
    last_month: Month
    rows: Annotated[int, Field(ge=1)]
    vintage: str
    sha256: Sha256
    stands_for: str = ""
    left_out: str = ""


class DatasetManifest(Manifest):
    """What is in `fred_merged_data.csv`: one row a month end, one column a series, by reference month, not shifted.

    A series' value for month m is known `publication_lag_months` months after m; features have to respect that.
    """

    first_month: Month
    last_month: Month
    series: Annotated[tuple[SeriesEntry, ...], Field(min_length=1)]

    @property
    def begins(self) -> str:
        """First month."""
        return self.first_month

    @property
    def ends(self) -> str:
        """Last month."""
        return self.last_month

    @property
    def origins(self) -> dict[str, str]:
        """Vintage of each series."""
        return {entry.series: entry.vintage for entry in self.series}


class SalesColumn(Report):
    """One column of the sales. `monotone`: as it rises, the price may only rise (1), may only fall (-1), or do both."""

    name: str
    role: Literal["id", "date", "price", "number", "category", "latitude", "longitude"]
    unit: str = ""
    minimum: Finite | None = None
    maximum: Finite | None = None
    fill: Literal["refuse", "unknown"] = "refuse"
    monotone: Literal[-1, 0, 1] = 0


class SalesManifest(Manifest):
    """What is in `sales.csv`: one row a sale, by day; `layout` names the description that its files were read by."""

    layout: str = ""
    first_day: Day
    last_day: Day
    columns: Annotated[tuple[SalesColumn, ...], Field(min_length=2)]

    @property
    def begins(self) -> str:
        """Day of the first sale."""
        return self.first_day

    @property
    def ends(self) -> str:
        """Day of the last sale."""
        return self.last_day

    @property
    def origins(self) -> dict[str, str]:
        """All columns come from files of one layout."""
        return {column.name: self.layout for column in self.columns}


class SpendManifest(Manifest):
    """What is in `spend.csv`: spend a day of each account, service and cost center, final days of one currency."""

    first_day: Day
    last_day: Day
    metric: Literal["effective", "billed"]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

    @property
    def begins(self) -> str:
        """First day with a charge."""
        return self.first_day

    @property
    def ends(self) -> str:
        """Last final day."""
        return self.last_day

    @property
    def origins(self) -> dict[str, str]:
        """All amounts come from the cost exports."""
        return {"amount": f"{self.metric} cost"}


_SCHEMAS: Mapping[DatasetKind, type[Manifest]] = MappingProxyType(
    {DatasetKind.SERIES: DatasetManifest, DatasetKind.SALES: SalesManifest, DatasetKind.SPEND: SpendManifest}
)


def read_manifest(dataset: DatasetSpec, content: bytes, key: str) -> Manifest:
    """The manifest of a dataset; raises InvalidInputError with the field that does not match the schema."""
    return parse_document(_SCHEMAS[dataset.kind], content, key)
