"""What a person says about series that the catalogue lacks: the file `series.json` in a pack.

{"AHETPI": {"tcode": 6, "frequency": "monthly", "publication_lag_months": 0, "unit": "USD an hour"}}
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bellwether.datasets.domain.series import SERIES_PATTERN, Aggregation, Frequency, SeriesSpec
from bellwether.datasets.domain.series_catalogue import spec_of
from bellwether.shared.domain.delimited import Rejection

DESCRIPTIONS_FILE = "series.json"
MOST_SERIES = 1000


class SeriesDescription(BaseModel):
    """One series: its transformation code, and what else is known of it. Without a frequency the dates decide."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tcode: Annotated[int, Field(ge=1, le=7, strict=True)]
    frequency: Frequency | None = None
    publication_lag_months: Annotated[int, Field(ge=0, le=36, strict=True)] | None = None
    unit: Annotated[str, Field(min_length=1, max_length=100)] = "unknown"
    title: Annotated[str, Field(max_length=200)] = ""
    aggregation: Aggregation = Aggregation.MEAN

    @property
    def has_lag(self) -> bool:
        """Whether a publication lag is given."""
        return self.publication_lag_months is not None

    def apply(self, spec: SeriesSpec) -> SeriesSpec:
        """The series as described. A publication lag that is not given keeps its careful default."""
        lag = self.publication_lag_months
        return replace(
            spec,
            title=self.title or spec.title,
            unit=self.unit,
            frequency=self.frequency or spec.frequency,
            aggregation=self.aggregation,
            tcode=self.tcode,
            publication_lag_months=spec.publication_lag_months if lag is None else lag,
            known=True,
        )


Descriptions = Mapping[str, SeriesDescription]


def is_descriptions_file(path: str) -> bool:
    """Whether a file of a pack describes series; its figures are in other files."""
    return PurePosixPath(path.replace("!", "/")).name == DESCRIPTIONS_FILE


def read_descriptions(content: bytes) -> tuple[dict[str, SeriesDescription], list[Rejection]]:
    """Descriptions by series, and what can't be used; one bad entry leaves the others alone."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}, [Rejection(None, "file", "is not JSON")]
    if not isinstance(document, dict) or len(document) > MOST_SERIES:
        return {}, [Rejection(None, "file", f"has to be an object of at most {MOST_SERIES} series")]
    read: dict[str, SeriesDescription] = {}
    rejections: list[Rejection] = []
    for series, entry in document.items():
        if problems := list(_problems(series, entry)):
            rejections += problems
        else:
            read[spec_of(series).series] = SeriesDescription.model_validate(entry)
    return read, rejections


def _problems(series: str, entry: Any) -> Iterator[Rejection]:
    if not SERIES_PATTERN.fullmatch(series):
        yield Rejection(None, series[:64], "is not a series identifier")
        return
    if spec_of(series).known:
        reason = f"the catalogue knows this series (tcode {spec_of(series).tcode}); its own entry is used"
        yield Rejection(None, series, reason)
        return
    try:
        SeriesDescription.model_validate(entry)
    except ValidationError as error:
        for each in error.errors(include_url=False)[:5]:
            place = ".".join((series, *(str(part) for part in each["loc"])))
            yield Rejection(None, place[:200], each["msg"])
