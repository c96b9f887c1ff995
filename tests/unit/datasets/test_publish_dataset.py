"""Publishing the merged data: what is replaced, when, and who wins."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random

import pytest

from bellwether.datasets.domain.fred_layout import (
    AS_OF,
    CHECKPOINTS,
    INBOX,
    MERGED_CSV,
    MERGED_MANIFEST,
    VINTAGES,
    vintage_key,
)
from bellwether.datasets.domain.vintages import Vintage
from bellwether.datasets.usecases import publish_dataset as module
from bellwether.datasets.usecases.checkpoints import EVERY
from bellwether.datasets.usecases.ingest_series import ingest_inbox
from bellwether.datasets.usecases.publish_dataset import Published, dataset_as_of, publish_as_of, publish_dataset
from bellwether.datasets.usecases.stored_vintages import list_vintages, load_in_order
from bellwether.models.domain.manifests import DatasetManifest
from bellwether.shared.domain.errors import InvalidInputError, TransientUpstreamError
from bellwether.shared.ports.objects import ObjectContent
from tests.fakes.objects import InMemoryObjectStore
from tests.unit.datasets.builders import JULY, JUNE, a_file, a_vintage, monthly

LONG: list[float | None] = [float(n % 7) for n in range(60)]


def keep(store: InMemoryObjectStore, *vintages: Vintage) -> None:
    for vintage in vintages:
        store.put(vintage_key(vintage.series, vintage.name), vintage.content)


def publish(store: InMemoryObjectStore, accept: tuple[str, ...] = ()) -> Published:
    published = publish_dataset(store, pause=lambda _: None, accept_shrunken=accept)
    assert published is not None
    return published


@pytest.fixture
def store() -> InMemoryObjectStore:
    store = InMemoryObjectStore()
    keep(store, a_vintage(monthly(LONG)), a_vintage(monthly(LONG), series="HOUST"))
    return store


def test_the_manifest_says_what_was_assumed_when_a_file_was_read() -> None:
    # Given a file whose dates can only be told to be day first by their distances
    rows = "".join(f"01/{month:02d}/{year},5.5\n" for year in range(2000, 2005) for month in range(1, 13))
    store = InMemoryObjectStore({f"{INBOX}UNRATE.csv": f"DATE,UNRATE\n{rows}".encode()})
    # When it is ingested and published
    ingestion = ingest_inbox(store)
    published = publish(store)
    # Then both tell
    (assumption,) = ingestion.ingested[0].assumptions
    assert assumption.startswith("dates are read as D/M/YYYY")
    assert (published.manifest.first_month, published.manifest.last_month) == ("2000-01", "2004-12")
    assert [finding.reason for finding in published.manifest.findings] == [f"assumed: {assumption}"]


def test_the_files_belong_together(store: InMemoryObjectStore) -> None:
    published = publish(store)
    manifest = DatasetManifest.model_validate_json(store.get(MERGED_MANIFEST).content)
    assert published.changed
    assert published.vintages == 2
    assert manifest.sha256 == published.manifest.sha256
    assert store.get(MERGED_CSV).content.startswith(b"month,HOUST,UNRATE\n2015-01-31,0,0\n")


def test_publishing_again_writes_nothing(store: InMemoryObjectStore) -> None:
    first = publish(store)
    store.puts.clear()
    again = publish(store)
    assert (again.changed, again.manifest) == (False, first.manifest)
    assert store.puts == []


def test_a_later_vintage_replaces_the_data(store: InMemoryObjectStore) -> None:
    before = publish(store)
    keep(store, a_vintage(monthly([*LONG[:-1], 49.0]), JULY))
    after = publish(store)
    assert after.changed
    assert after.manifest.sha256 != before.manifest.sha256
    assert b",49\n" in store.get(MERGED_CSV).content


def test_without_vintages_there_is_nothing_to_publish() -> None:
    assert publish_dataset(InMemoryObjectStore(), pause=lambda _: None) is None


def test_vanished_vintages_never_empty_the_data(store: InMemoryObjectStore) -> None:
    # Given published data whose vintages are all gone
    before = publish(store)
    for key in store.keys(VINTAGES):
        store.delete(key)
    # When it is published again, then it stays
    assert publish(store).manifest == before.manifest
    # And with only one series left, the other one's column is kept and that is said
    keep(store, a_vintage(monthly([*LONG, 5.0])))
    after = publish(store)
    assert [entry.series for entry in after.manifest.series] == ["HOUST", "UNRATE"]
    assert [f.reason for f in after.manifest.findings] == ["vanished; the column before is kept"]


def test_a_shrunken_series_keeps_its_column_until_a_person_accepts_it(store: InMemoryObjectStore) -> None:
    # Given a vintage that withdraws most of a series
    publish(store)
    keep(store, a_vintage(monthly([*[None] * 50, *LONG[50:]]), JULY))
    # When it is published, then the old column is kept
    guarded = publish(store)
    assert [entry.rows for entry in guarded.manifest.series] == [60, 60]
    assert "shrank from 60 to 10 months" in guarded.manifest.findings[0].reason
    # And again, and again
    assert publish(store).manifest == guarded.manifest
    # And a person may accept it
    accepted = publish(store, accept=("UNRATE",))
    assert [entry.rows for entry in accepted.manifest.series] == [60, 10]
    assert accepted.manifest.findings == ()


def test_a_damaged_vintage_spoils_its_own_series_only(store: InMemoryObjectStore) -> None:
    publish(store)
    newer = a_vintage(monthly([*LONG, 5.0]), JULY)
    keep(store, newer, a_vintage(monthly([*LONG, 6.0]), JULY, "HOUST"))
    store.put(vintage_key("UNRATE", newer.name), b"observation_date,UNRATE\n2015-01-01,1\n")
    after = publish(store)
    assert {entry.series: entry.rows for entry in after.manifest.series} == {"HOUST": 61, "UNRATE": 60}
    assert "hash" in after.manifest.findings[0].reason


@pytest.mark.parametrize("key", [MERGED_CSV, MERGED_MANIFEST])
@pytest.mark.parametrize("damage", ["removed", "changed"])
def test_damaged_data_is_made_anew(store: InMemoryObjectStore, key: str, damage: str) -> None:
    whole = publish(store)
    content = store.get(key).content
    store.delete(key)
    if damage == "changed":
        store.put(key, b"nonsense")
    assert publish(store).manifest == whole.manifest
    assert store.get(key).content == content


def test_a_crash_between_the_two_files_is_mended(store: InMemoryObjectStore) -> None:
    # Given a writer that dies after the CSV file
    publish(store)
    keep(store, a_vintage(monthly([*LONG, 5.0]), JULY))

    def die(key: str) -> None:
        if key == MERGED_MANIFEST:
            raise RuntimeError

    store.before_put = die
    with pytest.raises(RuntimeError):
        publish(store)
    store.before_put = None
    # When the next one comes, then the files belong together again
    after = publish(store)
    assert after.manifest.series[1].rows == 61
    assert json.loads(store.get(MERGED_MANIFEST).content)["sha256"] == after.manifest.sha256


@pytest.mark.parametrize("moment", [MERGED_CSV, MERGED_MANIFEST])
def test_whoever_has_seen_less_starts_over(store: InMemoryObjectStore, moment: str) -> None:
    # Given a writer that is overtaken, just before its write, by one that has seen a newer vintage
    def overtake(key: str) -> None:
        if key == moment:
            store.before_put = None
            keep(store, a_vintage(monthly([*LONG, 5.0]), JULY))
            publish(store)

    store.before_put = overtake
    pauses: list[int] = []
    published = publish_dataset(store, pause=pauses.append)
    # Then it looks again, and the newer vintage stays in
    assert published is not None
    assert pauses == [1]
    assert published.manifest.series[1].rows == 61
    assert json.loads(store.get(MERGED_MANIFEST).content)["sha256"] == published.manifest.sha256


def test_who_always_loses_gives_up_and_may_be_retried(store: InMemoryObjectStore) -> None:
    values = iter(range(1000))

    def disturb(key: str) -> None:
        if key == MERGED_CSV:
            store.before_put = None
            store.put(MERGED_CSV, f"{next(values)}".encode())
            store.before_put = disturb

    store.before_put = disturb
    with pytest.raises(TransientUpstreamError):
        publish(store)


def many(count: int, start: int = 0) -> list[Vintage]:
    return [a_vintage(monthly([*LONG, float(n)]), JUNE + timedelta(days=n), "TCU") for n in range(start, start + count)]


def test_years_of_vintages_are_folded_from_the_last_checkpoint(
    store: InMemoryObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a long row of vintages, published once
    keep(store, *many(3 * EVERY))
    publish(store)
    assert len(store.keys(CHECKPOINTS)) == 2
    # When one more comes
    keep(store, *many(1, start=3 * EVERY))
    read: list[str] = []

    def get_many(keys: Sequence[str]) -> Iterator[ObjectContent]:
        read.extend(keys)
        return map(store.get, keys)

    monkeypatch.setattr(store, "get_many", get_many)
    fresh = publish(store)
    # Then only those after the checkpoint are read, and the outcome is that of reading all
    assert sum("TCU" in key for key in read) == EVERY + 1
    for key in store.keys(CHECKPOINTS):
        store.delete(key)
    assert dataset_as_of(store, JULY + timedelta(days=3000)).manifest.sha256 == fresh.manifest.sha256


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]"])
def test_a_damaged_checkpoint_is_passed_over(store: InMemoryObjectStore, damage: bytes) -> None:
    keep(store, *many(3 * EVERY))
    publish(store)
    for checkpoint in store.keys(CHECKPOINTS):
        store.put(checkpoint, damage)
    keep(store, *many(1, start=3 * EVERY))
    with_damage = publish(store)
    for checkpoint in store.keys(CHECKPOINTS):
        store.delete(checkpoint)
    assert dataset_as_of(store, JULY + timedelta(days=3000)).manifest.sha256 == with_damage.manifest.sha256


def test_an_old_vintage_that_comes_late_makes_no_checkpoint_lie(store: InMemoryObjectStore) -> None:
    # Given a checkpoint, and then a vintage from before it that alone knows a month of 2014
    keep(store, *many(3 * EVERY))
    publish(store)
    keep(store, a_vintage(monthly([9.0], "2014-12"), JUNE + timedelta(hours=1), "TCU"))
    # When it is published, then that month is in
    published = publish(store)
    assert [entry.first_month for entry in published.manifest.series if entry.series == "TCU"] == ["2014-12"]


@pytest.mark.parametrize("seed", range(20))
def test_in_whatever_order_files_and_events_come_the_data_is_the_same(seed: int) -> None:
    """A pack of two vintages, events in any order, some twice, some at once with another: always the same bytes."""
    random = Random(seed)  # noqa: S311 - shuffles a test
    june = {"UNRATE": LONG, "GS5": LONG, "GS10": LONG}
    july = {"UNRATE": [*LONG[:-1], 9.0, 8.0], "GS5": [*LONG, 7.0], "GS10": LONG}
    files = {
        f"{INBOX}{day}/{series}.csv": a_file(monthly(values), series)
        for day, pack in (("2022-06-29", june), ("2022-07-29", july))
        for series, values in pack.items()
    }
    expected = InMemoryObjectStore(files)
    ingest_inbox(expected)
    publish(expected)

    store = InMemoryObjectStore(files)
    events = [*files, *random.sample(sorted(files), 3)]
    random.shuffle(events)
    pending = list(events)

    def interrupt(_: str) -> None:
        if pending and random.random() < 0.2:
            run(pending.pop())

    def run(key: str) -> None:
        ingest_inbox(store, keys=[key])
        publish(store)

    store.before_put = interrupt
    while pending:
        run(pending.pop())
    store.before_put = None
    publish(store)
    for key in (MERGED_CSV, MERGED_MANIFEST):
        assert store.get(key).content == expected.get(key).content
    assert _figures(store, JULY + timedelta(days=3000)) == _figures(expected, JULY + timedelta(days=3000))


def _figures(store: InMemoryObjectStore, as_of: datetime) -> bytes:
    return dataset_as_of(store, as_of).csv


# --- point in time --------------------------------------------------------------------------------------------------


def test_as_of_a_day_is_what_one_would_have_published_then(store: InMemoryObjectStore) -> None:
    # Given what was published in June
    june = publish(store)
    then = store.get(MERGED_CSV).content
    # When revisions and a new series come in July
    keep(store, a_vintage(monthly([*LONG[:-1], 9.0, 8.0]), JULY), a_vintage(monthly(LONG), JULY, "TCU"))
    publish(store)
    # Then the data as of June is still that of June
    dataset = dataset_as_of(store, JUNE)
    assert (dataset.csv, dataset.manifest.sha256) == (then, june.manifest.sha256)
    assert [entry.series for entry in dataset_as_of(store, JULY).manifest.series] == ["HOUST", "TCU", "UNRATE"]
    assert [e.series for e in dataset_as_of(store, JULY, series=["TCU"]).manifest.series] == ["TCU"]
    with pytest.raises(InvalidInputError):
        dataset_as_of(store, JUNE - timedelta(seconds=1))


def test_data_as_of_a_day_lies_beside_the_current_one(store: InMemoryObjectStore) -> None:
    publish(store)
    current = store.get(MERGED_CSV).content
    keep(store, a_vintage(monthly([*LONG, 5.0]), JULY))
    published = publish_as_of(store, JUNE)
    assert published.key == f"{AS_OF}20160629T000000Z/fred_merged_data.csv"
    assert store.get(published.key).content == store.get(MERGED_CSV).content == current
    manifest = json.loads(store.get(f"{AS_OF}20160629T000000Z/manifest.json").content)
    assert (manifest["as_of"], published.vintages) == ("2016-06-29T00:00:00Z", 2)


# --- kept vintages --------------------------------------------------------------------------------------------------


def test_vintages_come_in_order_and_what_is_none_is_left_out() -> None:
    store = InMemoryObjectStore({f"{VINTAGES}README.md": b"", f"{VINTAGES}UNRATE/notes.csv": b""})
    longer, shorter = a_vintage(monthly([1.0, 2.0, 3.0])), a_vintage(monthly([1.5, 2.5]))
    later = a_vintage(monthly([9.0]), JULY)
    keep(store, later, longer, shorter)
    names = list_vintages(store)
    assert list(names) == ["UNRATE"]
    assert list(load_in_order(store, "UNRATE", names["UNRATE"])) == [shorter, longer, later]


def test_the_recipe_and_the_catalogue_are_part_of_the_input(
    store: InMemoryObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store)
    changes: list[tuple[str, object]] = [("RECIPE", "other"), ("catalogue_sha256", lambda: "other")]
    for name, value in changes:
        monkeypatch.setattr(module, name, value)
        assert publish(store).changed
