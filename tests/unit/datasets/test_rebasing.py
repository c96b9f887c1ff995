"""A download on another base or in another unit is told from a revision, and never joined with older figures."""

from datetime import date
from random import Random

import pytest

from bellwether.datasets.domain.fred_layout import INBOX, QUARANTINE
from bellwether.datasets.domain.rebasing import base_change
from bellwether.datasets.usecases.ingest_series import Ingestion, ingest_inbox
from bellwether.datasets.usecases.publish_dataset import publish_dataset
from tests.fakes.objects import InMemoryObjectStore
from tests.unit.datasets.builders import a_file, month_starts

DAYS = month_starts("1990-01", 240)
OUTPUT = {day: 8_000 * 1.002**n * (1 + 0.003 * (-1) ** n) for n, day in enumerate(DAYS)}
RATE = {day: 4 + (n % 23) / 10 - (n % 3) / 10 for n, day in enumerate(DAYS)}
SPREAD = {day: (n % 23) / 10 - 1 for n, day in enumerate(DAYS)}


def since(figures: dict[date, float], year: int) -> dict[date, float]:
    return {day: value for day, value in figures.items() if day.year >= year}


def chained(figures: dict[date, float]) -> dict[date, float]:
    """Other chained dollars: the factor falls from 1.20 to 1.10 over the years."""
    return {day: value * (1.2 - 0.1 * n / len(DAYS)) for n, (day, value) in enumerate(figures.items())}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (OUTPUT, since({day: value * 1.126 for day, value in OUTPUT.items()}, 2000), "by a factor of 1.126"),
        (OUTPUT, since(chained(OUTPUT), 2000), "by a factor of 1.1"),
        (OUTPUT, since({day: value * 1000 for day, value in OUTPUT.items()}, 2009), "by a factor of 1000"),
        (OUTPUT, {DAYS[-1]: OUTPUT[DAYS[-1]] * 1.126}, "by a factor of 1.126"),
        (OUTPUT, {date(2010, 1, 1): OUTPUT[DAYS[-1]] * 1.126}, "no date is common"),
        (
            since(OUTPUT, 2000),
            {day: value * 0.9 for day, value in OUTPUT.items() if day.year < 2008},
            "by a factor of 0.9",
        ),
        (RATE, since({day: value / 100 for day, value in RATE.items()}, 2005), "by a factor of 0.01"),
        (SPREAD, since({day: value + 5 for day, value in SPREAD.items()}, 2005), "by an offset of 5"),
    ],
    ids=["index", "chained dollars", "units", "one figure", "next figure", "older end", "fractions", "offset"],
)
def test_another_base_shows_where_the_figures_would_join(
    before: dict[date, float], after: dict[date, float], told: str
) -> None:
    assert base_change(before, after).startswith(told) or told in base_change(before, after)


@pytest.mark.parametrize("seed", range(10))
def test_revisions_and_new_figures_are_no_change_of_base(seed: int) -> None:
    # Given the usual: figures of the last years revised a little, in a file that begins later
    random = Random(seed)  # noqa: S311 - makes revisions
    for figures, size in ((OUTPUT, 0.004), (RATE, 0.02), (SPREAD, 0.0)):
        revised = {day: value * (1 + random.uniform(-size, size)) for day, value in figures.items()}
        assert base_change(figures, since(revised, random.choice([1995, 2005, 2009]))) == ""
    # And the next month, without any overlap, within what has been seen before
    assert base_change(OUTPUT, {date(2010, 1, 1): OUTPUT[DAYS[-1]] * 1.004}) == ""
    assert base_change(RATE, {date(2010, 1, 1): RATE[DAYS[-1]] + 0.1}) == ""


def test_a_whole_history_on_another_base_is_no_join() -> None:
    assert base_change(since(OUTPUT, 2000), chained(OUTPUT)) == ""


def ingest(*files: dict[date, float], accept: tuple[str, ...] = ()) -> tuple[InMemoryObjectStore, Ingestion]:
    """Ingest downloads of real output one after the other."""
    store = InMemoryObjectStore()
    for month, figures in enumerate(files, start=1):
        quarters = {day: value for day, value in figures.items() if day.month % 3 == 1}
        store.put(f"{INBOX}2010-0{month}-15/GDPC1.csv", a_file(quarters, "GDPC1"))
        ingestion = ingest_inbox(store, accept_rebased=accept)
    return store, ingestion


def test_a_part_in_other_chained_dollars_is_quarantined_and_the_series_stays_as_it_was() -> None:
    # Given a history, and a later file in other chained dollars that begins ten years later
    store, ingestion = ingest(OUTPUT, since(chained(OUTPUT), 2000))
    # Then the file is set aside with the reason and what to do
    assert ingestion.ingested == ()
    (part,) = ingestion.quarantined
    assert part.key.startswith(QUARANTINE)
    assert part.field == "GDPC1"
    assert "another base or unit" in part.reason
    assert "give the whole history" in part.reason
    # And the published series is the history
    published = publish_dataset(store, pause=lambda _: None)
    assert published is not None
    assert published.manifest.series[0].rows == 80


def test_the_whole_history_in_other_chained_dollars_replaces_the_series() -> None:
    store, ingestion = ingest(OUTPUT, chained(OUTPUT))
    assert ingestion.quarantined == ()
    published = publish_dataset(store, pause=lambda _: None)
    assert published is not None
    assert published.manifest.findings == ()


def test_a_person_may_accept_a_shorter_history_on_another_base_and_nothing_is_joined() -> None:
    store, ingestion = ingest(OUTPUT, since(chained(OUTPUT), 2000), accept=("GDPC1",))
    assert ingestion.quarantined == ()
    published = publish_dataset(store, pause=lambda _: None)
    assert published is not None
    assert published.manifest.series[0].first_month == "2000-03"
    assert "40 figures of the old base left out" in published.manifest.findings[0].reason
