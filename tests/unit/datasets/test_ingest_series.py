"""Ingestion over a store in memory: inbox, quarantine, vintages, sources."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from bellwether.datasets.domain import packs
from bellwether.datasets.domain.fred_layout import INBOX, ORIGINALS, QUARANTINE, VINTAGES
from bellwether.datasets.ports.series import Download
from bellwether.datasets.usecases import ingest_series, quarantine
from bellwether.datasets.usecases.ingest_series import Ingestion, ingest_from, ingest_inbox
from bellwether.datasets.usecases.publish_dataset import publish_dataset
from bellwether.shared.domain import delimited
from bellwether.shared.domain.errors import BellwetherError, NotFoundError, TransientUpstreamError, UpstreamError
from tests.fakes.objects import NOON, InMemoryObjectStore
from tests.unit.datasets.builders import a_file, monthly

GOOD = a_file(monthly([3.5, None, 4.4]))


@pytest.fixture
def store() -> InMemoryObjectStore:
    return InMemoryObjectStore()


def drop(store: InMemoryObjectStore, file: str, content: bytes = GOOD) -> None:
    store.put(f"{INBOX}{file}", content)


def reasons(result: Ingestion) -> list[tuple[str, int | None, str]]:
    return [(part.file, part.line, part.reason) for part in result.quarantined]


def state(store: InMemoryObjectStore) -> dict[str, bytes]:
    return {key: store.get(key).content for key in store.keys()}  # noqa: SIM118 - a method, no dict


# --- inbox ----------------------------------------------------------------------------------------------------------


def test_a_dropped_file_becomes_a_vintage_and_leaves_the_inbox(store: InMemoryObjectStore) -> None:
    # Given a file in the inbox
    drop(store, "UNRATE.csv")
    # When the inbox is ingested
    result = ingest_inbox(store)
    # Then the series is known by the time it arrived, and the file is kept as it came
    (came,) = result.ingested
    assert (came.series, came.rows, came.new, came.added) == ("UNRATE", 2, True, 2)
    assert came.vintage.startswith(f"{NOON:%Y%m%dT%H%M%SZ}-")
    assert store.get(f"{VINTAGES}UNRATE/{came.vintage}.csv").content.startswith(
        b"observation_date,UNRATE\n2015-01-01,3.5\n"
    )
    assert [store.get(key).content for key in store.keys(ORIGINALS)] == [GOOD]
    assert store.keys(INBOX) == store.keys(QUARANTINE) == []


def test_a_dated_folder_says_when_the_figures_were_known(store: InMemoryObjectStore) -> None:
    drop(store, "2016-06-29/UNRATE.csv")
    drop(store, "2016-07-29/UNRATE.csv", a_file(monthly([3.5, None, 4.5, 4.6])))
    result = ingest_inbox(store)
    assert [each.vintage[:16] for each in result.ingested] == ["20160629T000000Z", "20160729T000000Z"]
    assert [(each.added, each.revised) for each in result.ingested] == [(2, 0), (1, 1)]


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("2015-02-01", "dated 2015-02-01, but has a value for 2015-03-01; the time of arrival is used instead"),
        ("2027-01-01", "dated 2027-01-01, which is in the future; the time of arrival is used instead"),
    ],
)
def test_a_dated_folder_that_cannot_be_true_is_not_believed(
    store: InMemoryObjectStore, folder: str, reason: str
) -> None:
    drop(store, f"{folder}/UNRATE.csv")
    result = ingest_inbox(store)
    assert result.ingested[0].vintage.startswith(f"{NOON:%Y%m%dT%H%M%SZ}-")
    assert reasons(result) == [(f"{folder}/UNRATE.csv", None, reason)]


def test_a_bad_row_is_quarantined_and_the_rest_of_its_file_goes_on(store: InMemoryObjectStore) -> None:
    # Given a file with a bad row
    content = b"DATE,UNRATE\n2015-01-01,3.5\n2015-02-01,abc\n2015-03-01,4.4\n"
    drop(store, "UNRATE.csv", content)
    # When it is ingested
    result = ingest_inbox(store)
    # Then the good rows are a vintage
    assert (result.ingested[0].rows, result.rejections) == (2, 1)
    # And the file lies in quarantine, by day, with file, line, field and reason beside it
    (part,) = result.quarantined
    assert part.key.startswith(f"{QUARANTINE}2026-03-01/")
    assert part.key.endswith("-UNRATE.csv")
    assert store.get(part.key).content == content
    reason = json.loads(store.get(f"{part.key}.reason.json").content)
    assert (reason["file"], reason["line"], reason["field"], reason["reason"]) == (
        "UNRATE.csv",
        3,
        "UNRATE",
        "'abc' is not a number",
    )


def test_a_pack_may_describe_series_that_the_catalogue_does_not_know(store: InMemoryObjectStore) -> None:
    # Given an archive with an unknown series, and a series.json with one usable entry and one that is not
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as pack:
        pack.writestr("today/NEWWAGE.csv", a_file(monthly([10.0, 10.1, 10.2]), "NEWWAGE"))
        pack.writestr("today/series.json", json.dumps({"NEWWAGE": {"tcode": 6}, "OTHER": {"tcode": 9}}))
    drop(store, "pack.zip", archive.getvalue())
    # When the inbox is ingested and published
    result = ingest_inbox(store)
    published = publish_dataset(store, pause=lambda _attempt: None)
    # Then the entry is kept and applied, and the bad one is in quarantine with its field
    assert result.described == ("NEWWAGE",)
    assert [(part.file, part.field) for part in result.quarantined] == [("pack.zip!today/series.json", "OTHER.tcode")]
    assert published is not None
    (entry,) = published.manifest.series
    assert (entry.series, entry.tcode, entry.left_out) == ("NEWWAGE", 6, "")


def test_a_description_that_comes_later_changes_the_published_data(store: InMemoryObjectStore) -> None:
    # Given published data with an unknown series, which training leaves out
    drop(store, "NEWWAGE.csv", a_file(monthly([10.0, 10.1, 10.2]), "NEWWAGE"))
    ingest_inbox(store)
    before = publish_dataset(store, pause=lambda _attempt: None)
    assert before is not None
    assert before.manifest.series[0].left_out
    # When its description comes alone, then it is an input; the same word again changes nothing
    for changed in (True, False):
        drop(store, "series.json", b'{"NEWWAGE": {"tcode": 6}}')
        ingest_inbox(store)
        after = publish_dataset(store, pause=lambda _attempt: None)
        assert after is not None
        assert (after.changed, after.manifest.series[0].left_out) == (changed, "")


def test_a_broken_file_leaves_the_others_alone(store: InMemoryObjectStore) -> None:
    # Given broken files among good ones
    drop(store, "A.csv", b"")
    drop(store, "B.csv", b"\x00\x01")
    drop(store, "HOUST.csv", a_file(monthly([1000.0, 1100.0]), "HOUST"))
    drop(store, "README.md", b"# not a series")
    drop(store, "UNRATE.csv")
    # When the inbox is ingested
    result = ingest_inbox(store)
    # Then the good ones are in, the broken ones are set aside, and nothing is lost
    assert [each.series for each in result.ingested] == ["HOUST", "UNRATE"]
    assert [file for file, _, _ in reasons(result)] == ["A.csv", "B.csv", "README.md"]
    assert store.keys(INBOX) == []
    assert len(store.keys(ORIGINALS)) == 5


def test_of_many_bad_rows_the_first_are_shown_and_all_are_counted_and_kept(store: InMemoryObjectStore) -> None:
    rows = "".join(f"2015-01-{day:02d},x\n" for day in range(1, 31))
    drop(store, "UNRATE.csv", f"DATE,UNRATE\n{rows}2015-02-01,3.5\n".encode())
    result = ingest_inbox(store)
    assert (len(result.quarantined), result.rejections) == (quarantine.REASONS_SHOWN, 30)
    reason = json.loads(store.get(f"{result.quarantined[0].key}.reason.json").content)
    assert len(reason["findings"]) == 30


def test_a_file_too_large_to_read_is_moved_aside_unread(
    store: InMemoryObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a limit that the file exceeds, and a store that refuses to give its bytes
    monkeypatch.setattr(ingest_series, "MAX_PACK_BYTES", 10)
    drop(store, "UNRATE.csv")
    monkeypatch.setattr(store, "get", None)
    # When it is ingested, then it lies in quarantine
    result = ingest_inbox(store)
    assert reasons(result) == [("UNRATE.csv", None, f"{len(GOOD)} bytes; at most 10 are read")]
    assert store.find(result.quarantined[0].key) is not None
    assert store.keys(INBOX) == []


def test_only_the_keys_of_the_event_are_ingested_and_one_that_is_gone_is_no_error(store: InMemoryObjectStore) -> None:
    drop(store, "HOUST.csv", a_file(monthly([1000.0]), "HOUST"))
    drop(store, "UNRATE.csv")
    result = ingest_inbox(store, keys=[f"{INBOX}UNRATE.csv", f"{INBOX}GONE.csv"])
    assert [each.series for each in result.ingested] == ["UNRATE"]
    assert store.keys(INBOX) == [f"{INBOX}HOUST.csv"]


def test_with_named_series_the_other_files_stay(store: InMemoryObjectStore) -> None:
    drop(store, "HOUST.csv", a_file(monthly([1000.0]), "HOUST"))
    drop(store, "UNRATE.csv")
    result = ingest_inbox(store, series=["unrate"])
    assert [each.series for each in result.ingested] == ["UNRATE"]
    assert store.keys(INBOX) == [f"{INBOX}HOUST.csv"]


def test_a_folder_made_in_the_console_is_no_file(store: InMemoryObjectStore) -> None:
    drop(store, "2016-06-29/", b"")
    assert ingest_inbox(store) == Ingestion()


def test_a_file_replaced_while_it_is_read_stays_for_its_own_event(store: InMemoryObjectStore) -> None:
    # Given somebody who drops a newer file while the older is being ingested
    drop(store, "UNRATE.csv")
    newer = a_file(monthly([3.5, None, 4.4, 4.5]))

    def replace(key: str) -> None:
        if key.startswith(VINTAGES):
            store.before_put = None
            drop(store, "UNRATE.csv", newer)

    store.before_put = replace
    ingest_inbox(store)
    # Then the newer one is still there
    assert store.get(f"{INBOX}UNRATE.csv").content == newer


# --- archives -------------------------------------------------------------------------------------------------------


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_an_archive_is_a_pack(store: InMemoryObjectStore) -> None:
    files = {
        "2016-06-29/UNRATE.csv": GOOD,
        "2016-06-29/broken.csv": b"nonsense",
        "__MACOSX/._UNRATE.csv": b"\0",
        "2016-06-29/.DS_Store": b"\0",
    }
    drop(store, "pack.zip", zipped(files))
    result = ingest_inbox(store)
    assert [(each.series, each.vintage[:8]) for each in result.ingested] == [("UNRATE", "20160629")]
    assert [file for file, _, _ in reasons(result)] == ["pack.zip!2016-06-29/broken.csv"]


def test_damaged_empty_and_overlarge_archives_are_set_aside(
    store: InMemoryObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "MAX_MEMBERS", 2)
    monkeypatch.setattr(packs, "MAX_FILE_BYTES", 1000)
    whole = zipped({"UNRATE.csv": GOOD})
    drop(store, "bomb.zip", zipped({"UNRATE.csv": b"0" * 100_000}))
    drop(store, "cut.zip", whole[: len(whole) // 2])
    drop(store, "empty.zip", zipped({}))
    drop(store, "many.zip", zipped({f"{n}.csv": GOOD for n in range(3)}))
    flipped = bytearray(whole)
    flipped[40] ^= 0xFF
    drop(store, "rotten.zip", bytes(flipped))
    result = ingest_inbox(store)
    assert result.ingested == ()
    assert {file.partition("!")[0] for file, _, _ in reasons(result)} == {
        "bomb.zip",
        "cut.zip",
        "empty.zip",
        "many.zip",
        "rotten.zip",
    }


# --- twice ----------------------------------------------------------------------------------------------------------


def test_the_same_pack_twice_makes_no_new_vintage(store: InMemoryObjectStore) -> None:
    # Given a pack ingested before, bad rows and all
    for file in ("2016-06-29/UNRATE.csv", "HOUST.csv"):
        drop(store, file, GOOD if "UNRATE" in file else a_file(monthly([1000.0, -5.0]), "HOUST"))
    ingest_inbox(store)
    vintages = store.keys(VINTAGES)
    # When it is dropped again a day later
    store.tick(86_400)
    drop(store, "2016-06-29/UNRATE.csv")
    drop(store, "HOUST.csv", a_file(monthly([1000.0, -5.0]), "HOUST"))
    result = ingest_inbox(store)
    # Then nothing is new
    assert [each.new for each in result.ingested] == [False, False]
    assert store.keys(VINTAGES) == vintages


def test_an_event_delivered_again_after_a_crash_writes_the_same_objects(store: InMemoryObjectStore) -> None:
    # Given an ingestion that dies before the file leaves the inbox
    content = b"DATE,UNRATE\n2015-01-01,3.5\n2015-02-01,abc\n"
    drop(store, "UNRATE.csv", content)
    arrived = store.now
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "delete", None)
        with pytest.raises(TypeError):
            ingest_inbox(store)
    before = state(store)
    # When it runs again some minutes later
    store.tick(300)
    result = ingest_inbox(store)
    # Then there is nothing new, and all that changed is the inbox
    assert result.ingested[0].new is False
    assert result.ingested[0].vintage.startswith(f"{arrived:%Y%m%dT%H%M%SZ}-")
    assert state(store) == {key: each for key, each in before.items() if not key.startswith(INBOX)}


def test_two_at_once_keep_one_vintage(store: InMemoryObjectStore) -> None:
    # Given two ingestions of the same file: the second runs while the first is about to write
    drop(store, "UNRATE.csv")
    results: list[Ingestion] = []

    def race(key: str) -> None:
        if key.startswith(VINTAGES):
            store.before_put = None
            results.append(ingest_inbox(store))

    store.before_put = race
    results.append(ingest_inbox(store))
    # Then one of them made it, the other saw it
    assert [each.new for result in results for each in result.ingested] == [True, False]
    assert len(store.keys(VINTAGES)) == 1


# --- sources --------------------------------------------------------------------------------------------------------


class RecordedSource:
    """SeriesSource that gives what a test says."""

    def __init__(self, answers: Mapping[str, list[Download] | BellwetherError]) -> None:
        self._answers = answers

    def downloads(self, series: str) -> Iterator[Download]:
        answer = self._answers[series]
        if isinstance(answer, BellwetherError):
            raise answer
        yield from answer


class TickingClock:
    """A second goes by at each look."""

    def __init__(self) -> None:
        self._now = NOON

    def now(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


def a_download(series: str, values: list[float | None], known_on: date | None = None) -> Download:
    return Download(f"{series}.csv", a_file(monthly(values), series), known_on)


def test_one_series_that_fails_leaves_the_others_alone(store: InMemoryObjectStore) -> None:
    source = RecordedSource(
        {
            "UNRATE": [a_download("UNRATE", [3.5])],
            "HOUST": TransientUpstreamError("busy"),
            "PAYEMS": NotFoundError("no such series", field="PAYEMS"),
            "TCU": [Download("TCU.csv", b"<html>maintenance</html>")],
        }
    )
    result = ingest_from(store, source, TickingClock(), ["UNRATE", "HOUST", "PAYEMS", "TCU"])
    assert [each.series for each in result.ingested] == ["UNRATE"]
    assert [(each.series, each.reason) for each in result.failed] == [
        ("HOUST", "busy"),
        ("PAYEMS", "PAYEMS: no such series"),
        ("TCU", "the download has no values for this series"),
    ]
    assert [part.reason for part in result.quarantined] == ["a web page or XML; CSV is expected"]


@pytest.mark.parametrize(
    ("errors", "raised"),
    [
        ([UpstreamError("key refused"), UpstreamError("key refused")], UpstreamError),
        ([UpstreamError("refused"), TransientUpstreamError("busy")], TransientUpstreamError),
    ],
)
def test_when_every_series_fails_it_is_an_error(
    store: InMemoryObjectStore, errors: list[BellwetherError], raised: type[BellwetherError]
) -> None:
    source = RecordedSource(dict(zip(("UNRATE", "HOUST"), errors, strict=True)))
    with pytest.raises(raised):
        ingest_from(store, source, TickingClock(), ["UNRATE", "HOUST"])


def test_an_unchanged_download_is_no_new_vintage_and_a_revised_one_is(store: InMemoryObjectStore) -> None:
    clock = TickingClock()
    outcomes = []
    for values in ([3.5, 3.6], [3.5, 3.6], [3.5, 3.7, 3.8]):
        source = RecordedSource({"UNRATE": [a_download("UNRATE", list(values))]})
        (came,) = ingest_from(store, source, clock, ["UNRATE"]).ingested
        outcomes.append((came.new, came.added, came.revised))
    assert outcomes == [(True, 2, 0), (False, 0, 0), (True, 1, 1)]


def test_vintages_of_a_source_keep_their_days(store: InMemoryObjectStore) -> None:
    days = [date(2016, 6, 3), date(2016, 7, 8)]
    source = RecordedSource({"UNRATE": [a_download("UNRATE", [3.5, 3.6 + n], day) for n, day in enumerate(days)]})
    result = ingest_from(store, source, TickingClock(), ["UNRATE"])
    assert [each.vintage[:16] for each in result.ingested] == ["20160603T000000Z", "20160708T000000Z"]


def test_the_file_limit_is_below_the_pack_limit() -> None:
    assert delimited.MAX_FILE_BYTES <= packs.MAX_PACK_BYTES <= packs.MAX_UNPACKED_BYTES
    assert NOON.tzinfo is UTC
