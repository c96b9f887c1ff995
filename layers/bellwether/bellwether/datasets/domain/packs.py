"""Packs: a dropped file is one CSV file or a ZIP archive of them."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from bellwether.shared.domain.delimited import MAX_FILE_BYTES

MAX_PACK_BYTES = 64 * 1024 * 1024
MAX_MEMBERS = 1_000
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
NAMED_AS_FOLDER = "its name ends in a slash, as a folder's does, but it has content"
_ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, slots=True)
class PackFile:
    """A file by the path it came under (`pack.zip!2016-06-29/UNRATE.csv`); `problem` says why it can't be read."""

    name: str
    content: bytes
    problem: str = ""


def is_folder(key: str, size_bytes: int) -> bool:
    """Whether an object is a folder made in the console; one with content is a file with an odd name."""
    return key.endswith("/") and size_bytes == 0


def unpack(name: str, content: bytes) -> Iterator[PackFile]:
    """The file itself or, for an archive, what is in it; never raises for what is in it."""
    if name.endswith("/"):
        yield PackFile(name.rstrip("/") or "unnamed", content, NAMED_AS_FOLDER)
        return
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
    except Exception as error:  # noqa: BLE001 - zipfile raises errors of many kinds for hostile archives
        yield PackFile(name, content, f"a damaged archive: {type(error).__name__}: {error}")


def _is_noise(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    return is_folder(member.filename, member.file_size) or path.parts[:1] == ("__MACOSX",) or path.name.startswith(".")


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, budget_bytes: int) -> PackFile:
    """Read one member, no further than allowed: the size in the archive's directory may lie."""
    limit = min(MAX_FILE_BYTES, budget_bytes)
    try:
        with archive.open(member) as file:
            content = file.read(limit + 1)
    except Exception as error:  # noqa: BLE001 - decompressors raise their own errors; encrypted is a RuntimeError
        return PackFile(name, b"", f"can't be unpacked: {type(error).__name__}: {error}")
    if len(content) > limit:
        return PackFile(name, b"", f"unpacks to more than {limit} bytes")
    if name.endswith("/"):
        return PackFile(name.rstrip("/"), content, NAMED_AS_FOLDER)
    return PackFile(name, content)
