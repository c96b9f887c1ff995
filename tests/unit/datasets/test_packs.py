"""Whatever an archive makes its reader raise, it is a finding about that archive."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.datasets.domain.fred_layout import INBOX, QUARANTINE
from bellwether.datasets.domain.packs import is_folder, unpack
from bellwether.datasets.usecases.ingest_series import ingest_inbox
from tests.fakes.objects import InMemoryObjectStore

GOOD = b"DATE,UNRATE\n2015-01-01,5.7\n2015-02-01,5.5\n"
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def archive(method: int = zipfile.ZIP_DEFLATED, name: str = "UNRATE.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as packed:
        packed.writestr(zipfile.ZipInfo(name), GOOD, method)
    return buffer.getvalue()


def unknown_method() -> bytes:
    """Compressed by a method that zipfile does not know: NotImplementedError."""
    content = bytearray(archive())
    directory = content.index(b"PK\x01\x02")
    content[8:10] = content[directory + 10 : directory + 12] = b"\x0c\x63"
    return bytes(content)


def damaged_lzma() -> bytes:
    """LZMA data with a changed byte: LZMAError."""
    content = bytearray(archive(zipfile.ZIP_LZMA))
    content[30 + len("UNRATE.csv") + 4 + 5] = 0xFF
    return bytes(content)


@given(st.sampled_from(METHODS), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4))
def test_no_damaged_archive_raises(method: int, changes: list[tuple[int, int]]) -> None:
    content = bytearray(archive(method))
    for place, value in changes:
        content[place % len(content)] = value
    for part in unpack("pack.zip", bytes(content)):
        assert part.problem or part.name


@pytest.mark.parametrize("hostile", [unknown_method(), damaged_lzma()])
def test_an_archive_that_cannot_be_unpacked_does_not_block_the_inbox(hostile: bytes) -> None:
    # Given such an archive before a good file
    store = InMemoryObjectStore({f"{INBOX}a.zip": hostile, f"{INBOX}b/UNRATE.csv": GOOD})
    # When the inbox is ingested
    result = ingest_inbox(store)
    # Then the archive is in quarantine, the good file is ingested, and the inbox is empty
    assert [part.file.split("!")[0] for part in result.quarantined] == ["a.zip"]
    assert [each.series for each in result.ingested] == ["UNRATE"]
    assert (store.keys(INBOX), bool(store.keys(QUARANTINE))) == ([], True)


def test_a_file_named_as_a_folder_is_quarantined() -> None:
    # Given objects whose keys end in a slash, one of them with content
    store = InMemoryObjectStore({f"{INBOX}empty/": b"", f"{INBOX}full/": GOOD})
    result = ingest_inbox(store)
    # Then the one with content is quarantined with the reason, and a folder stays a folder
    assert [(part.file, part.reason) for part in result.quarantined] == [
        ("full", "its name ends in a slash, as a folder's does, but it has content")
    ]
    assert (store.keys(INBOX), result.ingested) == ([f"{INBOX}empty/"], ())


def test_a_member_named_as_a_folder_is_a_finding() -> None:
    (part,) = unpack("pack.zip", archive(name="2016-06-29/"))
    assert (part.name, part.content, bool(part.problem)) == ("pack.zip!2016-06-29", GOOD, True)
    assert is_folder("2016-06-29/", 0)
