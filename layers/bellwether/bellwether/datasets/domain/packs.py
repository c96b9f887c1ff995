"""Packs: a dropped file is one CSV file or a ZIP archive of them."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from bellwether.shared.domain.delimited import MAX_FILE_BYTES

MAX_PACK_BYTES = 64 * 1024 * 1024
MAX_MEMBERS = 1_000
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
_ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, slots=True)
class PackFile:
    """A file by the path it came under (`pack.zip!2016-06-29/UNRATE.csv`); `problem` says why it can't be read."""

    name: str
    content: bytes
    problem: str = ""


def unpack(name: str, content: bytes) -> Iterator[PackFile]:
    """The file itself or, for an archive, what is in it; never raises for what is in it."""
    if not content.startswith(_ZIP_SIGNATURES):
        yield PackFile(name, content)
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not _is_noise(member)]
            if len(members) > MAX_MEMBERS:
                yield PackFile(name, content, f"an archive of {len(members)} files; at most {MAX_MEMBERS} are read")
                return
            if not members:
                yield PackFile(name, content, "an empty archive")
            unpacked = 0
            for member in members:
                file = _extract(archive, member, f"{name}!{member.filename}", MAX_UNPACKED_BYTES - unpacked)
                unpacked += len(file.content)
                yield file
    except (zipfile.BadZipFile, ValueError) as error:
        yield PackFile(name, content, f"a damaged archive: {error}")


def _is_noise(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    return member.is_dir() or path.parts[:1] == ("__MACOSX",) or path.name.startswith(".")


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, budget_bytes: int) -> PackFile:
    """Read one member, no further than allowed: the size in the archive's directory may lie."""
    limit = min(MAX_FILE_BYTES, budget_bytes)
    try:
        with archive.open(member) as file:
            content = file.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        return PackFile(name, b"", f"can't be unpacked: {error}")  # RuntimeError: encrypted
    if len(content) > limit:
        return PackFile(name, b"", f"unpacks to more than {limit} bytes")
    return PackFile(name, content)
