"""Sales over a store in memory: inbox, dataset, quarantine, corrections, what came true."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest

from bellwether.datasets.domain.sales import KeptManifest, merge
from bellwether.datasets.usecases import ingest_sales as usecase
from bellwether.datasets.usecases.ingest_sales import SalesIngestion, ingest_sales, published, start_over
from bellwether.models.domain.catalogue import HOUSING
from bellwether.models.domain.manifests import SalesManifest
from bellwether.shared.domain.errors import InvalidInputError, TransientUpstreamError
from bellwether.shared.ports.objects import ObjectContent
from tests.fakes.captures import InMemoryActualsStore
from tests.fakes.objects import InMemoryObjectStore

INBOX, QUARANTINE, ORIGINALS = HOUSING.dataset.inbox, HOUSING.dataset.quarantine, HOUSING.dataset.originals
LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
CANBERRA = b"datesold,postcode,price,propertyType,bedrooms\n"
HOUSE = b"2007-02-07,2607,525000,house,4\n"
UNIT = b"2007-03-09,2602,290000,unit,2\n"
SCHEMA = json.dumps(
    {
        "layout": "homes",
        "columns": [
            {"name": "house", "role": "id"},
            {"name": "sold", "role": "date"},
            {"name": "paid", "role": "price", "unit": "EUR"},
            {"name": "town", "role": "category"},
            {"name": "size", "role": "number", "unit": "square metres"},
        ],
    }
).encode()
HOMES = b"house,sold,paid,town,size\n"


class World:
    """A bucket with an inbox, and what came true."""

    def __init__(self) -> None:
        self.store = InMemoryObjectStore()
        self.actuals = InMemoryActualsStore()

    def drop(self, files: Mapping[str, bytes]) -> "World":
        for name, content in files.items():
            self.store.put(f"{INBOX}{name}", content)
        return self

    def ingest(self, **options: Any) -> SalesIngestion:
        return ingest_sales(self.store, self.actuals, HOUSING, pause=lambda _: None, **options)

    @property
    def manifest(self) -> KeptManifest:
        found = published(self.store, HOUSING)
        assert found is not None
        return found

    @property
    def rows(self) -> list[str]:
        return self.store.get(HOUSING.dataset.data_key).content.decode().splitlines()[1:]

    @property
    def everything(self) -> dict[str, bytes]:
        return {entry.key: self.store.get(entry.key).content for entry in self.store.entries("")}

    def prices(self) -> dict[str, float]:
        return {key: each.value for key, each in self.actuals.read("housing", since=LONG_AGO).items()}


@pytest.fixture
def world() -> World:
    return World()


def archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as pack:
        for name, content in files.items():
            pack.writestr(name, content)
    return buffer.getvalue()


def test_a_dropped_file_becomes_the_dataset(world: World) -> None:
    result = world.drop({"a.csv": CANBERRA + UNIT + HOUSE}).ingest()
    assert (result.ingested[0].layout, result.ingested[0].added, result.rejections) == ("canberra", 2, 0)
    assert world.rows == ["2007-02-07,525000,2607,house,4", "2007-03-09,290000,2602,unit,2"]
    manifest = SalesManifest.model_validate_json(world.store.get(HOUSING.dataset.manifest_key).content)
    assert (manifest.rows, manifest.begins, manifest.ends) == (2, "2007-02-07", "2007-03-09")
    assert world.store.keys(INBOX) == world.store.keys(QUARANTINE) == []
    assert len(world.store.keys(ORIGINALS)) == 1


def test_the_same_file_again_writes_nothing(world: World) -> None:
    world.drop({"a.csv": CANBERRA + HOUSE}).ingest()
    world.drop({"again.csv": CANBERRA + HOUSE})
    world.store.puts.clear()
    (again,) = world.ingest().ingested
    assert (again.known, again.added) == (True, 0)
    assert [key for key in world.store.puts if "/train/" in key] == []


def test_an_event_that_comes_again_finds_nothing_to_do(world: World) -> None:
    world.drop({"a.csv": CANBERRA + HOUSE}).ingest(keys=[f"{INBOX}a.csv"])
    assert world.ingest(keys=[f"{INBOX}a.csv"]) == SalesIngestion()


def test_bad_rows_are_set_aside_with_their_place_and_the_rest_goes_on(world: World) -> None:
    result = world.drop({"a.csv": CANBERRA + HOUSE + b"2007-02-30,2607,1,house,4\n"}).ingest()
    (part,) = result.quarantined
    assert (part.file, part.line, part.field) == ("a.csv", 3, "datesold")
    assert world.manifest.rows == 1
    reason = json.loads(world.store.get(f"{part.key}.reason.json").content)
    assert reason["findings"] == [[3, "datesold", part.reason]]
    assert world.store.get(part.key).content.endswith(b"house,4\n")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\x00", b"a,b\n1,2\n", CANBERRA, b"PK\x03\x04broken"])
def test_a_file_that_is_none_is_set_aside_and_changes_nothing(world: World, content: bytes) -> None:
    world.drop({"a.csv": CANBERRA + HOUSE}).ingest()
    before = world.store.get(HOUSING.dataset.manifest_key)
    result = world.drop({"b.csv": content}).ingest()
    assert (result.ingested, result.rejections) == ((), 1)
    assert world.store.get(HOUSING.dataset.manifest_key) == before
    assert world.store.keys(INBOX) == []


def test_a_file_too_large_is_set_aside_unread(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usecase, "MAX_PACK_BYTES", 10)
    result = world.drop({"a.csv": CANBERRA + HOUSE}).ingest()
    assert "at most 10 are read" in result.quarantined[0].reason
    assert world.store.get(result.quarantined[0].key).content == CANBERRA + HOUSE


def test_a_dataset_that_would_grow_too_large_keeps_what_it_has(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.drop({"a.csv": CANBERRA + HOUSE}).ingest()
    monkeypatch.setattr(usecase, "MAX_SALES", 1)
    result = world.drop({"b.csv": CANBERRA + UNIT}).ingest()
    assert result.quarantined[0].reason == "the dataset would have 2 sales; at most 1 are kept"
    assert world.manifest.rows == 1


def test_a_file_that_makes_a_step_raise_is_set_aside_and_the_others_are_merged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given three drops, of which one makes merging raise an error that nobody expects
    def merge_or_raise(layout: Any, present: Any, arrived: Any) -> Any:
        if any("2602" in sale for sale in arrived):
            raise RecursionError("too deep")
        return merge(layout, present, arrived)

    monkeypatch.setattr(usecase, "merge", merge_or_raise)
    later = HOUSE.replace(b"2007", b"2008")
    # When the inbox is ingested
    result = world.drop({"a.csv": CANBERRA + HOUSE, "b.csv": CANBERRA + UNIT, "c.csv": CANBERRA + later}).ingest()
    # Then the others are in the dataset, and the one is in quarantine with the error
    assert [each.file for each in result.ingested] == ["a.csv", "c.csv"]
    assert [(each.file, each.reason) for each in result.quarantined] == [
        ("b.csv", "can't be read: RecursionError: too deep")
    ]
    assert (world.manifest.rows, world.store.keys(INBOX)) == (2, [])


def test_sales_in_another_unit_than_the_dataset_are_set_aside(world: World) -> None:
    # Given a dataset in euros and square metres
    sold = b"".join(b"%d,2014-10-%d,%d,A,%d\n" % (n, 10 + n, 200_000 + 1_000 * n, 90 + n) for n in range(12))
    world.drop({"homes.schema.json": SCHEMA, "homes.csv": HOMES + sold}).ingest()
    # When files come with prices in thousands, and with square feet
    thousands = b"".join(b"%d,2015-10-%d,%d,A,%d\n" % (n, 10 + n, 210 + n, 90 + n) for n in range(12))
    feet = b"".join(b"%d,2015-11-%d,%d,A,%d\n" % (n, 10 + n, 210_000 + n, 970 + n) for n in range(12))
    result = world.drop({"thousands.csv": HOMES + thousands, "feet.csv": HOMES + feet}).ingest()
    # Then both are refused with both medians
    assert [(each.file, each.reason) for each in result.quarantined] == [
        ("feet.csv", "size is around 975.5, in the dataset around 95.5 square metres: another unit?"),
        ("thousands.csv", "paid is around 215.5, in the dataset around 205500 EUR: another unit?"),
    ]
    assert world.manifest.rows == 12


def test_another_layout_is_refused_and_kept_until_somebody_starts_over(world: World) -> None:
    world.drop({"a.csv": CANBERRA + HOUSE}).ingest()
    hdb = (
        b"month,town,flat_type,block,street_name,storey_range,floor_area_sqm,flat_model,lease_commence_date,"
        b"remaining_lease,resale_price\n2015-01,ANG MO KIO,3 ROOM,174,AVE 4,07 TO 09,60,Improved,1986,70,255000\n"
    )
    result = world.drop({"hdb.csv": hdb}).ingest()
    assert "is laid out as hdb, the dataset of housing as canberra" in result.quarantined[0].reason
    assert world.store.get(result.quarantined[0].key).content == hdb
    # When the dataset is put out of the way, then the file begins a new one, and the old one is kept
    folder = start_over(world.store, HOUSING)
    world.drop({"hdb.csv": hdb}).ingest()
    assert world.manifest.layout == "hdb"
    assert world.rows == ["2015-01-01,255000,ANG MO KIO,3 ROOM,Improved,07 TO 09,AVE 4,174,60,1986,70"]
    assert world.store.get(f"{folder}sales.csv").content.endswith(b"house,4\n")


def test_there_may_be_nothing_to_start_over_from(world: World) -> None:
    assert start_over(world.store, HOUSING) is None


def test_a_description_beside_the_file_tells_how_it_is_laid_out(world: World) -> None:
    # Given a description that arrives first; Then it waits
    world.drop({"homes.schema.json": SCHEMA})
    assert world.ingest() == SalesIngestion()
    # And leaves with its file
    world.drop({"homes.csv": HOMES + b"1,2014-10-13,221900,A,110\n"}).ingest()
    assert (world.manifest.layout, world.store.keys(INBOX)) == ("homes", [])
    # And the next file needs none
    world.drop({"more.csv": HOMES + b"2,2014-10-14,180000,B,80\n"}).ingest()
    assert world.manifest.rows == 2


def test_a_description_may_lie_in_the_archive(world: World) -> None:
    pack = archive({"homes.csv": HOMES + b"1,2014-10-13,221900,A,110\n", "homes.schema.json": SCHEMA, "README": b"x\n"})
    result = world.drop({"pack.zip": pack}).ingest()
    assert [each.file for each in result.ingested] == ["pack.zip!homes.csv"]
    assert [each.file for each in result.quarantined] == ["pack.zip!README"]


def test_a_description_that_can_t_be_used_is_told_and_both_are_kept(world: World) -> None:
    world.drop({"homes.schema.json": b"{}", "homes.csv": HOMES + b"1,2014-10-13,221900,A,110\n"})
    result = world.ingest()
    assert result.quarantined[0].field.startswith("homes.schema.json")
    assert world.store.keys(INBOX) == [f"{INBOX}homes.schema.json"]


def test_what_came_true_is_kept_by_house_and_a_correction_wins(world: World) -> None:
    world.drop({"homes.schema.json": SCHEMA, "homes.csv": HOMES + b"1,2014-10-13,221900,A,110\n"})
    assert world.ingest().actuals == 1
    world.store.tick(3600)
    result = world.drop({"fix.csv": HOMES + b"1,2014-10-13,225000,A,110\n2,2014-10-14,180000,B,80\n"}).ingest()
    assert (result.actuals, result.ingested[0].added, result.ingested[0].corrected) == (2, 1, 1)
    assert [(each.house, each.before, each.after) for each in result.corrections] == [("1", "221900", "225000")]
    assert world.prices() == {"1": 225000.0, "2": 180000.0}


def test_an_older_file_that_comes_again_undoes_no_correction(world: World) -> None:
    first = HOMES + b"1,2014-10-13,221900,A,110\n"
    world.drop({"homes.schema.json": SCHEMA, "homes.csv": first}).ingest()
    world.drop({"fix.csv": HOMES + b"1,2014-10-13,225000,A,110\n"}).ingest()
    world.drop({"homes.csv": first}).ingest()
    assert world.rows == ["1,2014-10-13,225000,A,110"]


# --- interrupted, and at the same time -------------------------------------------------------------------------------


class StoppedError(Exception):
    """The process ended here."""


@pytest.mark.parametrize("stop_at", range(1, 6))
def test_stopped_at_any_write_and_run_again_it_comes_out_the_same(world: World, stop_at: int) -> None:
    files = {"homes.schema.json": SCHEMA, "a.csv": HOMES + b"1,2014-10-13,221900,A,110\nx,bad,1,A,1\n"}
    for target in (world, reference := World()):
        target.drop(files)
        target.drop({"homes.csv": HOMES + b"2,2014-10-13,180000,B,80\n"})
        target.ingest(keys=[f"{INBOX}homes.csv"])
    reference.ingest()
    writes = 0

    def stop(_key: str) -> None:
        nonlocal writes
        writes += 1
        if writes == stop_at:
            raise StoppedError

    world.store.before_put = stop
    with pytest.raises(StoppedError):
        world.ingest()
    world.store.before_put = None
    world.ingest()
    assert world.everything == reference.everything
    assert world.prices() == reference.prices()


def test_a_first_file_whose_manifest_was_never_written_loses_nothing(world: World) -> None:
    # Given a run that ended between data and manifest
    world.drop({"a.csv": CANBERRA + HOUSE}).ingest()
    world.store.delete(HOUSING.dataset.manifest_key)
    # When another file comes, then both are in the dataset
    world.drop({"b.csv": CANBERRA + UNIT}).ingest()
    assert (len(world.rows), world.manifest.rows) == (2, 2)
    # And one of another layout is not mixed with it
    world.store.delete(HOUSING.dataset.manifest_key)
    world.drop({"homes.schema.json": SCHEMA, "homes.csv": HOMES + b"1,2014-10-13,221900,A,110\n"})
    with pytest.raises(InvalidInputError, match="header"):
        world.ingest()


def test_two_at_once_lose_nothing(world: World) -> None:
    names = [f"{number}.csv" for number in range(6)]
    world.drop({name: CANBERRA + b"2007-02-07,26%d0,525000,house,4\n" % place for place, name in enumerate(names)})
    threads = [Thread(target=world.ingest, kwargs={"keys": [f"{INBOX}{name}"]}) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.rows) == world.manifest.rows == len(world.manifest.files) == 6


def test_another_writer_between_two_reads_is_noticed(world: World) -> None:
    # Given a dataset, and a file that brings nothing new to it
    world.drop({"a.csv": CANBERRA + HOUSE}).ingest()
    world.drop({"b.csv": CANBERRA + UNIT, "again.csv": CANBERRA + b"\n" + HOUSE})
    # When another writer brings a sale in while the dataset is being read
    read, reads = world.store.get, 0

    def get(key: str) -> ObjectContent:
        nonlocal reads
        found = read(key)
        if key in {HOUSING.dataset.data_key, HOUSING.dataset.manifest_key}:
            reads += 1
            if reads == 1:
                world.ingest(keys=[f"{INBOX}b.csv"])
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.store, "get", get)
        world.ingest(keys=[f"{INBOX}again.csv"])
    # Then the manifest tells of the data that are there, and of every file
    data = world.store.get(HOUSING.dataset.data_key).content
    assert world.manifest.sha256 == hashlib.sha256(data).hexdigest()
    assert {each.file for each in world.manifest.files} == {"a.csv", "b.csv", "again.csv"}


@pytest.mark.parametrize("damaged", [None, CANBERRA.replace(b"datesold,postcode,price", b"datesold,price,postcode")])
def test_data_that_are_fewer_than_their_manifest_names_stop_ingestion(world: World, damaged: bytes | None) -> None:
    # Given a dataset whose data were deleted, or cut off
    world.drop({"a.csv": CANBERRA + HOUSE}).ingest()
    if damaged is None:
        world.store.delete(HOUSING.dataset.data_key)
    else:
        world.store.put(HOUSING.dataset.data_key, damaged)
    # When another file comes; Then it waits, and the manifest does not claim what is no longer there
    with pytest.raises(InvalidInputError, match="holds 0 sales, its manifest names 1"):
        world.drop({"b.csv": CANBERRA + UNIT}).ingest()
    assert world.store.keys(INBOX) == [f"{INBOX}b.csv"]
    # And once somebody has started over, it begins a dataset of its own
    assert start_over(world.store, HOUSING)
    world.ingest()
    assert (len(world.rows), world.manifest.rows) == (1, 1)


def test_when_others_keep_replacing_the_dataset_it_is_worth_another_try(world: World) -> None:
    world.drop({"a.csv": CANBERRA + HOUSE}).ingest()
    world.drop({"b.csv": CANBERRA + UNIT})
    data_key, inside = HOUSING.dataset.data_key, False

    def meddle(key: str) -> None:
        nonlocal inside
        if key == data_key and not inside:
            inside = True
            world.store.put(data_key, world.store.get(data_key).content + b"2008-01-01,300000,2602,unit,2\n")
            inside = False

    world.store.before_put = meddle
    with pytest.raises(TransientUpstreamError, match="kept replacing"):
        world.ingest()
    assert world.store.keys(INBOX) == [f"{INBOX}b.csv"]


def test_a_manifest_that_is_none_stops_ingestion_and_the_file_stays(world: World) -> None:
    world.store.put(HOUSING.dataset.manifest_key, b"{}")
    with pytest.raises(InvalidInputError, match="not a manifest of sales"):
        world.drop({"a.csv": CANBERRA + HOUSE}).ingest()
    assert world.store.keys(INBOX) == [f"{INBOX}a.csv"]
