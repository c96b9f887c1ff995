"""Small vintages and files to start a test from."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from bellwether.datasets.domain.tabular import Observation, SeriesTable
from bellwether.datasets.domain.vintages import Vintage, make_vintage

JUNE = datetime(2016, 6, 29, tzinfo=UTC)
JULY = datetime(2016, 7, 29, tzinfo=UTC)


def month_starts(first: str, count: int) -> list[date]:
    """First days of `count` months from `YYYY-MM` on."""
    start = int(first[:4]) * 12 + int(first[5:]) - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(start, start + count)]


def monthly(values: list[float | None], first: str = "2015-01") -> dict[date, float | None]:
    """Figures by month from `first` on."""
    return dict(zip(month_starts(first, len(values)), values, strict=True))


def a_vintage(values: Mapping[date, float | None], known_at: datetime = JUNE, series: str = "UNRATE") -> Vintage:
    """The vintage of a series with these figures."""
    observations = tuple(
        Observation(day, "" if value is None else repr(value), value) for day, value in sorted(values.items())
    )
    return make_vintage(SeriesTable(series, observations), known_at)


def a_file(values: Mapping[date, float | None], series: str = "UNRATE", date_column: str = "DATE") -> bytes:
    """A FRED CSV file with these figures."""
    rows = [f"{day.isoformat()},{'.' if value is None else value}" for day, value in values.items()]
    return "\n".join([f"{date_column},{series}", *rows, ""]).encode()
