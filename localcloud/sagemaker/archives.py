"""tar.gz: packed the same way every time, unpacked without trust."""

import gzip
import hashlib
import tarfile
import zlib
from pathlib import Path

from localcloud.sagemaker.errors import JobError

_CHUNK_BYTES = 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"


def pack(folder: Path, target: Path) -> None:
    """Pack what is below `folder`. The same content gives the same bytes: order, owner and times are fixed."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=_plain)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into `folder` what every tar reader finds in the archive: its one gzip member and nothing after it.

    Raises JobError for more than that, for names that occur twice, and for all that are neither files nor folders.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _check_gzip(archive)
        with tarfile.open(archive, "r:*") as tar:
            _check_members(tar.getmembers())
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise JobError(f"ClientError: can't unpack {archive.name}: {type(error).__name__}: {error}") from error


def check_sha256(archive: Path, expected: str | None) -> None:
    """Raises JobError when the archive has another SHA-256 than the expected one; None expects nothing."""
    with archive.open("rb") as file:
        observed = hashlib.file_digest(file, "sha256").hexdigest()
    if expected is not None and observed != expected:
        raise JobError(f"ClientError: the model data have SHA-256 {observed}, expected {expected}.")


def _check_gzip(archive: Path) -> None:
    inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    with archive.open("rb") as file:
        if file.read(2) != _GZIP_MAGIC:
            return  # not compressed; tarfile finds out
        file.seek(0)
        while not inflate.eof and (chunk := inflate.unconsumed_tail or file.read(_CHUNK_BYTES)):
            try:
                inflate.decompress(chunk, _CHUNK_BYTES)
            except zlib.error as error:
                raise tarfile.ReadError(str(error)) from error
        if inflate.unused_data or file.read(1):
            raise tarfile.ReadError("the archive goes on after its first gzip member")


def _check_members(members: list[tarfile.TarInfo]) -> None:
    names = [member.name for member in members]
    if len(set(names)) != len(names):
        raise tarfile.ReadError("a name occurs twice")
    if odd := [member.name for member in members if not (member.isreg() or member.isdir())]:
        raise tarfile.ReadError(f"{odd[0]} is neither a file nor a folder")


def _plain(item: tarfile.TarInfo) -> tarfile.TarInfo:
    item.uid = item.gid = 0
    item.uname = item.gname = ""
    item.mtime = 0
    item.mode = 0o755 if item.isdir() or item.mode & 0o100 else 0o644
    return item
