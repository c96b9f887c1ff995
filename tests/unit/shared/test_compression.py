"""Decompression: the right bytes, in linear time, within limits."""

import gzip
import zlib
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.shared.domain.compression import MAX_MEMBERS, gunzip, inflate
from bellwether.shared.domain.errors import InvalidInputError


@given(st.lists(st.binary(max_size=20_000), min_size=1, max_size=5), st.sampled_from([b"", b"\0" * 600, b"junk"]))
def test_members_of_any_size_come_out_whole_whatever_follows_the_last(parts: list[bytes], trailer: bytes) -> None:
    packed = b"".join(map(gzip.compress, parts)) + trailer
    assert gunzip(packed, limit_bytes=200_000) == b"".join(parts)


@given(st.binary(min_size=1, max_size=50_000), st.integers(0, 3))
def test_the_limit_is_exact(content: bytes, beyond: int) -> None:
    packed = gzip.compress(content)
    assert gunzip(packed, limit_bytes=len(content) + beyond) == content
    with pytest.raises(InvalidInputError, match="larger than"):
        gunzip(packed, limit_bytes=len(content) - 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "truncated"),
        (gzip.compress(b"x" * 10_000)[:-1], "truncated"),
        (gzip.compress(b"x") + gzip.compress(b"y")[:-1], "truncated"),
        (b"\x1f\x8b\x08 and no more of it", "damaged"),
        (gzip.compress(b"") * (MAX_MEMBERS + 1), "members"),
        (gzip.compress(b"\0" * 50_000_000), "larger than"),
    ],
)
def test_what_cannot_be_decompressed_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        gunzip(content, limit_bytes=1_000_000)


def test_zlib_and_raw_data_have_no_members() -> None:
    packed = zlib.compress(b"feed")
    assert inflate(packed + packed, window=15, limit_bytes=100) == b"feed"
    assert inflate(packed[2:-4], window=-15, limit_bytes=100) == b"feed"


def test_time_is_linear_in_the_number_of_members() -> None:
    def seconds(members: int) -> float:
        content = gzip.compress(b"") * members
        begun = process_time()
        gunzip(content, limit_bytes=100)
        return process_time() - begun

    # Given ten times as many members, a quadratic copy would take a hundred times as long
    few = min(seconds(MAX_MEMBERS // 10) for _ in range(5))
    many = min(seconds(MAX_MEMBERS) for _ in range(3))
    assert many < 30 * few
