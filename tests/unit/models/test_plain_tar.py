"""What the verifier accepts is read alike by every other tar reader; everything else is refused."""

import gzip
import io
import subprocess
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from bellwether.models.domain.plain_tar import (
    ArchiveAmbiguousError,
    ArchiveTooLargeError,
    ArchiveUnreadableError,
    Limits,
    read_plain_tar,
)

LIMITS = Limits(members=100, member_bytes=100_000, total_bytes=1_000_000, kept_bytes=100_000)
REFUSALS = (ArchiveAmbiguousError, ArchiveTooLargeError, ArchiveUnreadableError)
Files = dict[str, str]


def verified(content: bytes) -> Files:
    return dict(read_plain_tar(io.BytesIO(content), keep=frozenset(), limits=LIMITS).hashes)


def hashes_below(folder: Path) -> Files:
    """SHA-256 of every entry that is not a folder, links included by what they lead to."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if not path.is_dir()
    }


def unpacked_by_python(archive: Path, folder: Path) -> Files:
    with tarfile.open(archive, "r:gz") as tar:
        tar.extractall(folder, filter="data")
    return hashes_below(folder)


def unpacked_by_gnu_tar(archive: Path, folder: Path) -> Files:
    done = subprocess.run(["tar", "-xzf", archive, "-C", folder], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return hashes_below(folder)


def read_everywhere(content: bytes) -> tuple[Files, Files]:
    """What Python and GNU tar unpack."""
    with TemporaryDirectory() as scratch:
        root = Path(scratch)
        archive, python, gnu = root / "model.tar.gz", root / "python", root / "gnu"
        archive.write_bytes(content)
        python.mkdir()
        gnu.mkdir()
        return unpacked_by_python(archive, python), unpacked_by_gnu_tar(archive, gnu)


def agrees(content: bytes) -> bool:
    """Whether the verifier accepts; then every reader has to agree with it."""
    try:
        seen = verified(content)
    except REFUSALS:
        return False
    assert read_everywhere(content) == (seen, seen)
    return True


# --- generated archives ---------------------------------------------------------------------------------------------

PLAIN_NAMES = st.sampled_from(
    ["bundle.json", "model.ubj", "code/inference.py", "code/a b.py", "./x", "a", "a/b", "code"]
)
LONG_NAMES = st.builds(
    lambda depth, part: f"{part}/" * depth + "part.bin", st.integers(1, 6), st.sampled_from(["d" * 40, "e" * 90])
)
ODD_NAMES = st.sampled_from(["/etc/x", "../x", "a/../x", "a//b", "a/./b", "ä.txt", "x\n", "a\\b", "", ".", "x/"])
KINDS = st.sampled_from(
    [tarfile.REGTYPE] * 12
    + [tarfile.DIRTYPE, tarfile.AREGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE]
)
PAX_RECORDS = st.dictionaries(
    st.sampled_from(["mtime", "uid", "path", "size", "GNU.sparse.size", "GNU.sparse.name", "linkpath", "comment"]),
    st.sampled_from(["0", "1.5", "x", "other.py", "a/b/"]),
    max_size=1,
)


@st.composite
def members(draw: st.DrawFn) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(draw(st.one_of(PLAIN_NAMES, PLAIN_NAMES, LONG_NAMES, ODD_NAMES)))
    info.type = draw(KINDS)
    info.linkname = "bundle.json" if info.type in {tarfile.SYMTYPE, tarfile.LNKTYPE} else ""
    info.mode = draw(st.sampled_from([0o644, 0o755, 0o600, 0o444] if info.type != tarfile.DIRTYPE else [0o755, 0o700]))
    info.mtime = draw(st.sampled_from([0, 1_600_000_000, 1.25]))
    info.pax_headers = draw(st.one_of(st.just({}), st.just({}), PAX_RECORDS))
    content = (
        draw(st.binary(max_size=1200)) if info.type in {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE} else b""
    )
    info.size = len(content)
    return info, content


@st.composite
def tars(draw: st.DrawFn) -> bytes:
    buffer = io.BytesIO()
    form = draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]))
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for info, content in draw(st.lists(members(), max_size=4)):
            try:
                tar.addfile(info, io.BytesIO(content))
            except ValueError:  # a name too long for this format
                continue
    return buffer.getvalue()


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """Archives that a reader may take in more than one way among plain ones."""
    content = draw(tars())
    damage = draw(
        st.sampled_from(["none"] * 5 + ["byte", "end", "garbage", "concatenated", "members", "after", "zeros"])
    )
    event(damage)
    if damage == "byte":
        place = draw(st.integers(0, min(len(content), 2048) - 1))
        content = content[:place] + bytes([draw(st.integers(0, 255))]) + content[place + 1 :]
    elif damage == "end":
        content = content[: draw(st.integers(0, len(content)))]
    elif damage == "garbage":
        content += draw(st.binary(min_size=1, max_size=600))
    elif damage == "concatenated":
        content += draw(tars())
    elif damage == "zeros":
        content += bytes(512 * draw(st.integers(1, 40)))
    packed = gzip.compress(content, mtime=0)
    if damage == "members":
        return gzip.compress(content.rstrip(b"\0"), mtime=0) + gzip.compress(draw(tars()), mtime=0)
    return packed + (draw(st.binary(min_size=1, max_size=40)) if damage == "after" else b"")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@settings(deadline=None, max_examples=150)
@given(archives())
def test_what_is_accepted_is_read_alike_by_python_and_gnu_tar(content: bytes) -> None:
    event(f"accepted: {agrees(content)}")


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(
        st.one_of(st.sampled_from(["bundle.json", "code/inference.py", "model.ubj"]), LONG_NAMES),
        st.binary(max_size=3000),
    )
)
def test_what_an_honest_job_writes_is_accepted(files: dict[str, bytes]) -> None:
    # Given plain files in any of the formats that our jobs and SageMaker write
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        # Then the verifier accepts them, and every reader agrees
        assert agrees(packed(files, form=form))


# --- single cases ---------------------------------------------------------------------------------------------------


def raw_tar(files: dict[str, bytes], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def packed(files: dict[str, bytes], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    return gzip.compress(raw_tar(files, form=form), mtime=0)


GENUINE = {"bundle.json": b"{}", "code/inference.py": b"print('genuine')"}
FOREIGN = {"code/inference.py": b"raise SystemExit('foreign code')"}


def without_end(tar: bytes) -> bytes:
    return tar[: 4 * 512]  # two headers with one block of content each


def two_gzip_members() -> bytes:
    return gzip.compress(without_end(raw_tar(GENUINE)), mtime=0) + gzip.compress(raw_tar(FOREIGN), mtime=0)


def whole_archives_in_a_row() -> bytes:
    return packed(GENUINE) + packed(FOREIGN)


def second_tar_after_the_end() -> bytes:
    return gzip.compress(raw_tar(GENUINE) + raw_tar(FOREIGN), mtime=0)


def empty_second_member() -> bytes:
    return packed(GENUINE) + gzip.compress(b"", mtime=0)


def bytes_after_the_gzip_member() -> bytes:
    return packed(GENUINE) + b"\0"


def damaged_second_header() -> bytes:
    content = bytearray(raw_tar(GENUINE))
    content[2 * 512 + 136 : 2 * 512 + 148] = b"no number!!!"  # Python takes it for the end, GNU tar reads on
    header = content[2 * 512 : 3 * 512]
    content[2 * 512 + 148 : 2 * 512 + 156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:]) + 256)
    return gzip.compress(bytes(content), mtime=0)


def lone_empty_block() -> bytes:
    return gzip.compress(raw_tar({"a": b"1"})[:1024] + bytes(512) + raw_tar(FOREIGN), mtime=0)


def missing_end() -> bytes:
    return gzip.compress(without_end(raw_tar(GENUINE)), mtime=0)


@pytest.mark.parametrize(
    "archive",
    [
        two_gzip_members,
        whole_archives_in_a_row,
        second_tar_after_the_end,
        empty_second_member,
        bytes_after_the_gzip_member,
        damaged_second_header,
        lone_empty_block,
        missing_end,
    ],
)
def test_an_archive_that_another_reader_reads_on_is_refused(archive: Callable[[], bytes]) -> None:
    with pytest.raises((ArchiveAmbiguousError, ArchiveUnreadableError)):
        verified(archive())


def test_a_file_that_is_a_folder_elsewhere_is_refused() -> None:
    with pytest.raises(ArchiveAmbiguousError, match="both a file and a folder"):
        verified(packed({"code": b"1", "code/inference.py": b"2"}))


def test_sparse_files_are_refused(tmp_path: Path) -> None:
    # Given a file with a hole, which GNU tar packs as a map of its parts
    with (tmp_path / "weights").open("wb") as file:
        file.write(b"1")
        file.seek(1_000_000)
        file.write(b"2")
    for form in ("gnu", "posix"):
        archive = tmp_path / f"{form}.tar.gz"
        subprocess.run(
            ["tar", "-czSf", archive, f"--format={form}", "-C", tmp_path, "weights"], check=True, capture_output=True
        )
        # Then it is refused
        with pytest.raises(ArchiveAmbiguousError):
            verified(archive.read_bytes())


@pytest.mark.parametrize("form", ["gnu", "posix", "ustar"])
def test_what_gnu_tar_packs_is_accepted(form: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "code" / ("long" * 20)).mkdir(parents=True)
    (folder / "bundle.json").write_text("{}")
    (folder / "code" / ("long" * 20) / ("name" * 10)).write_bytes(b"\0" * 700)
    archive = tmp_path / "model.tar.gz"
    subprocess.run(["tar", "-czf", archive, f"--format={form}", "-C", folder, "."], check=True, capture_output=True)
    assert agrees(archive.read_bytes())


def test_the_hash_is_that_of_all_bytes_however_they_arrive() -> None:
    # Given a stream that hands over few bytes at a time
    content = packed(GENUINE)

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 7, 7))

    stream: IO[bytes] = Slow(content)
    # Then the whole archive is hashed
    assert read_plain_tar(stream, keep=frozenset(), limits=LIMITS).sha256 == sha256(content).hexdigest()


def test_an_endless_run_of_zeros_is_refused() -> None:
    with pytest.raises(ArchiveAmbiguousError, match="after its end"):
        verified(gzip.compress(raw_tar(GENUINE) + bytes(3_000_000), mtime=0))
