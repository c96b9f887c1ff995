"""Decompress gzip and zlib data in time that is linear in its size, with limits on members and on output.

`gzip.decompress` copies the rest of the input for each member, so that a few megabytes of empty members take minutes.
"""

import zlib

from bellwether.shared.domain.errors import InvalidInputError

MAX_MEMBERS = 10_000
"""Members of one gzip stream; block-wise writers (bgzip) make one for each 64 KB."""

_GZIP, _MAGIC = 31, b"\x1f\x8b"
_STEP_BYTES = 4096


def gunzip(content: bytes, *, limit_bytes: int) -> bytes:
    """Decompress gzip data of one or more members; padding and other bytes after the last member are ignored.

    Raises InvalidInputError for damaged or truncated data, and for data beyond the limits.
    """
    return inflate(content, window=_GZIP, limit_bytes=limit_bytes)


def inflate(content: bytes, *, window: int, limit_bytes: int) -> bytes:
    """Decompress data in the format of `window` (zlib's `wbits`); only gzip (31) has members. Errors as in `gunzip`."""
    view, position = memoryview(content), 0
    whole = bytearray()
    for _ in range(MAX_MEMBERS):
        stream = zlib.decompressobj(window)
        while not stream.eof:
            piece = view[position : position + _STEP_BYTES]
            if not piece:
                raise InvalidInputError("compressed data is truncated")
            position += len(piece)
            _extend(whole, stream, piece, limit_bytes)
        position -= len(stream.unused_data)
        if window != _GZIP or bytes(view[position : position + 2]) != _MAGIC:
            return bytes(whole)
    raise InvalidInputError(f"compressed data has more than {MAX_MEMBERS} members")


def _extend(whole: bytearray, stream: "zlib._Decompress", piece: memoryview, limit_bytes: int) -> None:
    rest: bytes | memoryview = piece
    try:
        while True:
            whole += stream.decompress(rest, limit_bytes + 1 - len(whole))
            if len(whole) > limit_bytes:
                raise InvalidInputError(f"larger than {limit_bytes} bytes when decompressed")
            if stream.eof or not (rest := stream.unconsumed_tail):
                return
    except zlib.error as error:
        raise InvalidInputError(f"compressed data is damaged: {error}") from error
