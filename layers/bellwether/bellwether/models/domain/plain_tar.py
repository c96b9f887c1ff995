"""Read a gzipped tar so strictly that every other program reads the same files from the same bytes.

Tar readers differ in what they do with a second gzip member, bytes after the end, a damaged header, sparse files,
links, extended headers or names that end in a slash. An archive with any of these is refused, so that what is verified
here is what Python's tarfile and GNU tar unpack elsewhere. Accepted are regular files and folders in POSIX or GNU
headers, with long names as PAX or GNU records. Names are printable ASCII. (POSIX.1-2017, pax, "ustar Interchange
Format".)
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import IO

BLOCK_BYTES = 512
CHUNK_BYTES = 1024 * 1024
EXTENSION_LIMIT_BYTES = 64 * 1024
PADDING_LIMIT_BYTES = 1024 * 1024  # zeros after the end; GNU tar writes up to 10 KiB
EMPTY_BLOCK = bytes(BLOCK_BYTES)
FILE, FOLDER, PAX_RECORDS, GNU_LONG_NAME = b"0", b"5", b"x", b"L"
POSIX_MAGIC, GNU_MAGIC = b"ustar\x0000", b"ustar  \x00"
PAX_KEYS = frozenset({"path", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname"})

_OCTAL = re.compile(rb"[0-7]+[\0 ]*|\0+")
_NAME = re.compile(r"[ -\[\]-~]+")  # printable ASCII without the backslash
_PAX_LENGTH = re.compile(rb"([1-9]\d{0,5}) ")
_OWNER_READS, _OWNER_ENTERS = 0o400, 0o700


class ArchiveUnreadableError(ValueError):
    """The bytes are no gzipped tar, or end too early."""


class ArchiveAmbiguousError(ValueError):
    """Readers may disagree about the content."""


class ArchiveTooLargeError(ValueError):
    """The content exceeds a limit."""


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold; `kept_bytes` is the limit of each file whose bytes are returned."""

    members: int
    member_bytes: int
    total_bytes: int
    kept_bytes: int


@dataclass(frozen=True)
class PlainTar:
    """SHA-256 of the whole archive, SHA-256 of every file by name, and the bytes of the files that were asked for."""

    sha256: str
    hashes: Mapping[str, str]
    contents: Mapping[str, bytes]


@dataclass(frozen=True)
class _Header:
    kind: bytes
    name: str
    size: int
    mode: int


def read_plain_tar(stream: IO[bytes], *, keep: frozenset[str], limits: Limits) -> PlainTar:
    """Read the archive to its end.

    Raises ArchiveUnreadableError, ArchiveAmbiguousError or ArchiveTooLargeError.
    """
    source = _GzipMember(stream)
    hashes: dict[str, str] = {}
    contents: dict[str, bytes] = {}
    folders: set[str] = set()
    total_bytes = 0
    for number, header in enumerate(_headers(source)):
        total_bytes += header.size
        if number >= limits.members or header.size > limits.member_bytes or total_bytes > limits.total_bytes:
            raise ArchiveTooLargeError("the archive is larger than a bundle may be")
        path = _path(header)
        if path in hashes or path in folders:
            raise ArchiveAmbiguousError(f"{path} is in the archive twice")
        if header.kind == FOLDER:
            folders.add(path)
            continue
        kept = path in keep
        if kept and header.size > limits.kept_bytes:
            raise ArchiveTooLargeError(f"{path} is larger than {limits.kept_bytes} bytes")
        digest, chunks = sha256(), []
        for chunk in source.chunks(header.size):
            digest.update(chunk)
            if kept:
                chunks.append(chunk)
        source.expect_zeros(-header.size % BLOCK_BYTES, f"the padding of {path}")
        hashes[path] = digest.hexdigest()
        if kept:
            contents[path] = b"".join(chunks)
    _refuse_files_as_folders(hashes, folders)
    return PlainTar(source.finish(), hashes, contents)


class _GzipMember:
    """The content of a stream that has to be exactly one gzip member."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._digest = sha256()

    def read(self, size: int) -> bytes:
        """`size` bytes; fewer at the end of the member."""
        parts: list[bytes] = []
        while size > 0 and not self._inflate.eof:
            pending = self._inflate.unconsumed_tail or self._next()
            try:
                part = self._inflate.decompress(pending, size)
            except zlib.error as error:
                raise ArchiveUnreadableError(str(error)) from error
            if not (part or pending or self._inflate.eof):
                raise ArchiveUnreadableError("it ends within its gzip member")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def exactly(self, size: int) -> bytes:
        """`size` bytes."""
        content = self.read(size)
        if len(content) != size:
            raise ArchiveUnreadableError("it ends within a member of the tar")
        return content

    def chunks(self, size: int) -> Iterator[bytes]:
        """`size` bytes in pieces."""
        while size > 0:
            chunk = self.exactly(min(size, CHUNK_BYTES))
            size -= len(chunk)
            yield chunk

    def expect_zeros(self, size: int, place: str) -> None:
        """Read `size` bytes that have to be zero."""
        if any(self.exactly(size)):
            raise ArchiveAmbiguousError(f"{place} is not empty")

    def finish(self) -> str:
        """Read the zeros that end a tar; returns the SHA-256 of the stream."""
        rest = self.read(PADDING_LIMIT_BYTES)
        if any(rest) or not self._inflate.eof:
            raise ArchiveAmbiguousError("the tar goes on after its end")
        if self._inflate.unused_data or self._next():
            raise ArchiveAmbiguousError("the archive goes on after its first gzip member")
        return self._digest.hexdigest()

    def _next(self) -> bytes:
        content = self._stream.read(CHUNK_BYTES)
        self._digest.update(content)
        return content


def _headers(source: _GzipMember) -> Iterator[_Header]:
    """The files and folders up to the two empty blocks that end a tar; the caller reads each content."""
    while (block := source.exactly(BLOCK_BYTES)) != EMPTY_BLOCK:
        header, long_name = _header(block), None
        if header.kind in {PAX_RECORDS, GNU_LONG_NAME}:
            if not 0 < header.size <= EXTENSION_LIMIT_BYTES:
                raise ArchiveAmbiguousError(f"an extended header has {header.size} bytes")
            content = source.exactly(header.size)
            source.expect_zeros(-header.size % BLOCK_BYTES, "the padding of an extended header")
            long_name = _pax_path(content) if header.kind == PAX_RECORDS else _gnu_name(content)
            header = _header(source.exactly(BLOCK_BYTES))
        if header.kind not in {FILE, FOLDER}:
            kind = header.kind.decode("latin-1")
            raise ArchiveAmbiguousError(f"{header.name} is neither a file nor a folder (type {kind!r})")
        yield header if long_name is None else _Header(header.kind, long_name, header.size, header.mode)
    if source.exactly(BLOCK_BYTES) != EMPTY_BLOCK:
        raise ArchiveAmbiguousError("one empty block is followed by other content")


def _header(block: bytes) -> _Header:
    magic = block[257:265]
    if magic not in {POSIX_MAGIC, GNU_MAGIC}:
        raise ArchiveUnreadableError("a header of the tar is damaged or of an unknown kind")
    for begin, end in ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148), (148, 156), (329, 337), (337, 345)):
        if not _OCTAL.fullmatch(block[begin:end]):
            raise ArchiveAmbiguousError(f"bytes {begin} to {end} of a header are not an octal number")
    if int(block[148:156].rstrip(b"\0 ") or b"0", 8) != sum(block[:148]) + sum(block[156:]) + 8 * ord(" "):
        raise ArchiveUnreadableError("the checksum of a header differs")
    prefix = _text(block[345:500])
    if any(block[500:]) or (prefix and magic == GNU_MAGIC):
        raise ArchiveAmbiguousError("a header has fields of an unknown kind")
    if any(block[157:257]):
        raise ArchiveAmbiguousError("a header names the target of a link")
    for begin, end in ((265, 297), (297, 329)):
        _text(block[begin:end])
    name = _text(block[:100])
    return _Header(
        kind=block[156:157],
        name=f"{prefix}/{name}" if prefix else name,
        size=_number(block[124:136]),
        mode=_number(block[100:108]),
    )


def _text(field: bytes) -> str:
    """Text up to the first zero; nothing may follow it."""
    text, _, rest = field.partition(b"\0")
    if any(rest):
        raise ArchiveAmbiguousError("a header has text after the end of a field")
    return text.decode("latin-1")


def _number(field: bytes) -> int:
    return int(field.rstrip(b"\0 ") or b"0", 8)


def _pax_path(content: bytes) -> str | None:
    """The path among PAX records; None when they are about times and owners only."""
    values: dict[str, str] = {}
    while content:
        length = _PAX_LENGTH.match(content)
        record, content = (content[: int(length[1])], content[int(length[1]) :]) if length else (content, b"")
        key, equals, value = record[length.end() if length else 0 :].partition(b"=")
        name = key.decode("latin-1")
        complete = length is not None and len(record) == int(length[1]) and value.endswith(b"\n")
        if not complete or not equals or name not in PAX_KEYS or name in values or b"\0" in value or not value[:-1]:
            raise ArchiveAmbiguousError(f"a PAX record is damaged or of an unknown kind: {name[:40]!r}")
        values[name] = value[:-1].decode("latin-1")
    for name in ("mtime", "atime", "ctime", "uid", "gid"):
        if not re.fullmatch(
            r"-?\d{1,15}(\.\d{1,20})?" if name.endswith("time") else r"\d{1,15}", values.get(name, "0")
        ):
            raise ArchiveAmbiguousError(f"the PAX record {name} is not a number")
    return values.get("path")


def _gnu_name(content: bytes) -> str:
    if not content.endswith(b"\0"):
        raise ArchiveAmbiguousError("a long name does not end in zero")
    return _text(content)


def _path(header: _Header) -> str:
    """The place below the folder that the archive is unpacked into."""
    name = header.name
    if not _NAME.fullmatch(name):
        raise ArchiveAmbiguousError(f"{name[:100]!r} is not a name in printable ASCII")
    if header.kind == FOLDER:
        if header.size or header.mode & _OWNER_ENTERS != _OWNER_ENTERS:
            raise ArchiveAmbiguousError(f"{name} is a folder with content, or one that its owner can't enter")
        if name in {".", "./"}:
            return "."
        name = name.removesuffix("/")
    elif not header.mode & _OWNER_READS:
        raise ArchiveAmbiguousError(f"{name} can't be read by its owner")
    path = name.removeprefix("./")
    if any(part in {"", ".", ".."} for part in path.split("/")):
        raise ArchiveAmbiguousError(f"{name} does not name a place below the folder of the archive")
    return path


def _refuse_files_as_folders(files: Mapping[str, str], folders: set[str]) -> None:
    parents = {parent.as_posix() for name in (*files, *folders) for parent in PurePosixPath(name).parents}
    if clash := sorted(files.keys() & parents):
        raise ArchiveAmbiguousError(f"{clash[0]} is both a file and a folder")
