"""How old data are, and from when on they are too old."""

import json
from datetime import UTC, date, datetime

import pytest

from bellwether.models.domain.catalogue import HOUSING, MACRO
from bellwether.models.domain.manifests import DatasetManifest, SalesManifest
from bellwether.monitoring.domain.dataset_freshness import dataset_freshness
from bellwether.monitoring.usecases.measure_freshness import Freshness, measure_freshness
from tests.builders import dataset_manifest
from tests.fakes.lifecycle import StoppedClock
from tests.fakes.objects import InMemoryObjectStore


def series(name: str, last_month: str, *, frequency: str = "monthly", lag: int = 1) -> dict[str, object]:
    example: dict[str, object] = dataset_manifest()["series"][0]
    return example | {
        "series": name,
        "last_month": last_month,
        "frequency": frequency,
        "publication_lag_months": lag,
    }


def merged(*columns: dict[str, object], last_month: str = "2026-01") -> DatasetManifest:
    return DatasetManifest.model_validate(dataset_manifest() | {"series": list(columns), "last_month": last_month})


def sales(last_day: str) -> SalesManifest:
    return SalesManifest(
        schema_version=1,
        dataset="housing",
        sha256="a" * 64,
        rows=2,
        first_day="2025-01-01",
        last_day=last_day,
        columns=[
            {"name": "date", "role": "date"},
            {"name": "price", "role": "price"},
        ],
    )


@pytest.mark.parametrize(
    ("column", "today", "overdue"),
    [
        (series("UNRATE", "2026-01"), date(2026, 3, 31), False),  # February's is due within March
        (series("UNRATE", "2026-01"), date(2026, 4, 1), True),
        (series("DGS10", "2026-02", frequency="daily", lag=0), date(2026, 3, 31), False),
        (series("DGS10", "2026-02", frequency="daily", lag=0), date(2026, 4, 1), True),
        (
            series("GDPC1", "2025-09", frequency="quarterly", lag=1),
            date(2026, 2, 28),
            False,
        ),  # autumn's comes in winter
        (series("GDPC1", "2025-09", frequency="quarterly", lag=1), date(2026, 3, 1), True),
        (series("UMCSENT", "2026-03", lag=0), date(2026, 3, 20), False),  # the running month's
        (series("UNRATE", "2027-03"), date(2026, 3, 20), True),  # from the future, as after the clock stepped back
    ],
)
def test_a_series_is_overdue_by_its_own_calendar(column: dict[str, object], today: date, overdue: bool) -> None:
    found = dataset_freshness(MACRO, merged(column), today)
    assert found.stale == ((column["series"],) if overdue else ())


def test_sales_from_the_future_are_not_fresh() -> None:
    assert dataset_freshness(HOUSING, sales("2026-02-09"), date(2026, 2, 10)).stale == ()
    assert dataset_freshness(HOUSING, sales("2026-02-11"), date(2026, 2, 10)).stale != ()


def test_the_oldest_feature_is_told_beside_the_dataset() -> None:
    found = dataset_freshness(MACRO, merged(series("A", "2026-01"), series("B", "2025-10")), date(2026, 2, 10))
    assert (found.age_days, found.oldest_feature_days, found.stale) == (10, 102, ("B",))


@pytest.mark.parametrize(("last_day", "stale"), [("2026-01-01", ()), ("2025-12-01", ("date", "price"))])
def test_sales_age_together(last_day: str, stale: tuple[str, ...]) -> None:
    found = dataset_freshness(HOUSING, sales(last_day), date(2026, 3, 1))
    assert found.stale == stale


def test_only_what_was_ingested_is_measured() -> None:
    clock = StoppedClock(datetime(2020, 1, 10, tzinfo=UTC))
    assert measure_freshness(objects=InMemoryObjectStore({}), clock=clock) == Freshness((), ())
    objects = InMemoryObjectStore({"fred-data/train/manifest.json": json.dumps(dataset_manifest()).encode()})
    (found,) = measure_freshness(objects=objects, clock=clock).datasets
    assert (found.model, found.dataset, found.age_days) == ("macro", "fred", 10)


def test_a_manifest_that_can_not_be_read_is_named_and_costs_no_other() -> None:
    clock = StoppedClock(datetime(2020, 1, 10, tzinfo=UTC))
    objects = InMemoryObjectStore(
        {
            "fred-data/train/manifest.json": json.dumps(dataset_manifest()).encode(),
            HOUSING.dataset.manifest_key: b"{",
        }
    )
    found = measure_freshness(objects=objects, clock=clock)
    assert [each.model for each in found.datasets] == ["macro"]
    (problem,) = found.problems
    assert problem.field is not None
    assert problem.field.startswith(HOUSING.dataset.manifest_key)
