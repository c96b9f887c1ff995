"""How a transform job cuts its input into payloads, and puts answers together."""

from typing import Any

import pytest

from localcloud.sagemaker.errors import JobError
from localcloud.sagemaker.transform import assemble, payloads


def job(strategy: str | None = None, *, split: str = "Line", megabytes: int = 1) -> dict[str, Any]:
    chosen = {} if strategy is None else {"BatchStrategy": strategy}
    return {"TransformInput": {"SplitType": split}, "MaxPayloadInMB": megabytes, **chosen}


def test_single_records_go_one_by_one_without_their_line_ends() -> None:
    assert list(payloads(job("SingleRecord"), b'{"a": 1}\r\n\n{"a": 2}')) == [b'{"a": 1}', b'{"a": 2}']


@pytest.mark.parametrize("strategy", ["MultiRecord", None])
def test_as_many_lines_as_fit_go_together_in_their_order(strategy: str | None) -> None:
    # Given ten thousand lines, more than a payload holds
    lines = [b'{"line": %d, "filler": "%s"}\n' % (number, b"x" * 200) for number in range(10_000)]
    # When cut
    found = list(payloads(job(strategy), b"".join(lines)))
    # Then each payload fits, ends with a whole line, and nothing is lost
    assert len(found) == 3
    assert max(map(len, found)) <= 1024 * 1024
    assert b"".join(found) == b"".join(lines)
    assert all(each.endswith(b"}\n") for each in found)


def test_only_a_line_feed_ends_a_line() -> None:
    # Given JSON with other white space between its tokens, and with other line ends inside a text
    content = '{"a":\r1}\n{"b": "\u2028\u0085"}\n'.encode()
    assert len(list(payloads(job("SingleRecord"), content))) == 2


def test_an_empty_object_makes_no_payload() -> None:
    assert list(payloads(job("MultiRecord"), b"\n\n")) == []


def test_a_record_that_fits_no_payload_ends_the_job() -> None:
    with pytest.raises(JobError, match="exceeds MaxPayloadInMB"):
        list(payloads(job("MultiRecord"), b"x" * (1024 * 1024 + 1)))


def test_without_a_split_everything_goes_at_once() -> None:
    assert list(payloads(job(split="None"), b"1\n2\n")) == [b"1\n2\n"]


def test_answers_are_put_together_line_by_line() -> None:
    assert assemble([b"1", b"2\n", b"3\n4\n"], "Line") == b"1\n2\n3\n4\n"
    assert assemble([b"1", b"2"], "None") == b"12"
