"""The reader against servers of every manner: caches, moves, limits, and attempts to lead it inside."""

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import process_time

import pytest

from bellwether.news.adapters.feed_http import HttpFeedFetcher, Limits
from bellwether.news.domain.feeds import DueFeed
from bellwether.news.ports.feed_access import FeedResponse
from tests.feed_builders import due, rss
from tests.integration.news.feeds.feed_server import FeedServer, Request, http

SMALL = Limits(at_once=32, total_seconds=30, connect_seconds=15, wire_bytes=20_000, content_bytes=200_000)
SHORT = replace(SMALL, total_seconds=2, connect_seconds=1)


def ask(*feeds: DueFeed, limits: Limits = SMALL, seconds_left: float = 30) -> list[FeedResponse]:
    fetcher = HttpFeedFetcher(allow_private=True, limits=limits)
    return list(fetcher.fetch(feeds, seconds_left=seconds_left))


def ask_one(feed: DueFeed, *, limits: Limits = SMALL) -> FeedResponse:
    (answer,) = ask(feed, limits=limits)
    return answer


# --- what a server wants to hear again ------------------------------------------------------------------------------


def test_etag_and_last_modified_come_back_letter_by_letter(feeds: FeedServer) -> None:
    # Given a server that knows both
    def answer(request: Request) -> bytes:
        if (
            request.headers.get("if-none-match") == 'W/"a b"'
            and request.headers.get("if-modified-since") == "yesterday"
        ):
            return b'HTTP/1.1 304 Not Modified\r\nETag: W/"a b"\r\n\r\n'
        return http("200 OK", rss(), etag='W/"a b"', last_modified="yesterday")

    url = feeds.says("/feed", answer)
    # When it is asked, then both are told
    first = ask_one(due(url))
    assert (first.http_status, first.etag, first.last_modified) == (200, 'W/"a b"', "yesterday")
    assert first.content == rss()
    # And when it hears both again, nothing is sent
    second = ask_one(due(url, etag=first.etag, last_modified=first.last_modified))
    assert (second.http_status, second.content, second.error) == (304, b"", None)


def test_a_validator_beyond_ascii_comes_back_byte_by_byte(feeds: FeedServer) -> None:
    # Given an ETag as RFC 9110 still allows it
    heard: list[bytes] = []

    def answer(request: Request) -> bytes:
        heard.append(request.headers.get("if-none-match", "").encode("latin-1"))
        return b'HTTP/1.1 200 OK\r\nETag: "caf\xe9"\r\nContent-Length: 0\r\n\r\n'

    url = feeds.says("/feed", answer)
    first = ask_one(due(url))
    second = ask_one(due(url, etag=first.etag))
    assert (second.error, heard) == (None, [b"", b'"caf\xe9"'])


def test_a_publisher_can_be_told_whom_to_ask(feeds: FeedServer) -> None:
    fetcher = HttpFeedFetcher(allow_private=True, contact="mailto:feeds@example.org")
    list(fetcher.fetch([due(feeds.says("/feed", http("200 OK", rss())))], seconds_left=30))
    assert feeds.requests[-1].headers["user-agent"] == "bellwether/0.1 (feed reader; mailto:feeds@example.org)"


def test_a_validator_too_long_to_keep_is_none(feeds: FeedServer) -> None:
    assert ask_one(due(feeds.says("/feed", http("200 OK", rss(), etag='"' + "x" * 2000 + '"')))).etag is None


def test_the_reader_says_who_it_is_and_what_it_takes(feeds: FeedServer) -> None:
    ask_one(due(feeds.says("/feed", http("200 OK", rss())) + "?q=ä&x=1"))
    (last,) = feeds.requests[-1:]
    assert last.path == "/feed?q=%C3%A4&x=1"
    assert last.headers["user-agent"].startswith("bellwether/")
    assert last.headers["accept-encoding"] == "gzip, deflate"
    assert last.headers["host"] == feeds.url.removeprefix("http://")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("max-age=600", 600),
        ("public, MAX-AGE=30", 30),
        ("no-cache, max-age=600", None),
        ("s-maxage=9", None),
        ("", None),
    ],
)
def test_cache_control_is_a_hint(feeds: FeedServer, header: str, seconds: int | None) -> None:
    assert ask_one(due(feeds.says("/feed", http("200 OK", rss(), cache_control=header)))).max_age_seconds == seconds


def test_retry_after_is_seconds_or_a_date(feeds: FeedServer) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    for text, seconds in [("120", 120), (format_datetime(later, usegmt=True), 3600), ("soon", None), ("-5", None)]:
        answer = ask_one(due(feeds.says("/feed", http("503 Service Unavailable", retry_after=text))))
        assert answer.http_status == 503
        assert answer.retry_after_seconds == (pytest.approx(seconds, abs=5) if seconds else None)


@pytest.mark.parametrize(
    "text", ["Mon, 02 Mar 99999999999999999999 12:00:00 GMT", "Mon, 02 Mar 2026 12:00:00 +9999999999999"]
)
def test_a_retry_after_beyond_time_costs_no_document(feeds: FeedServer, text: str) -> None:
    answer = ask_one(due(feeds.says("/feed", http("200 OK", rss(), retry_after=text))))
    assert (answer.content, answer.retry_after_seconds, answer.error) == (rss(), None, None)


# --- moves ----------------------------------------------------------------------------------------------------------


def moves(feeds: FeedServer, *steps: tuple[str, str, str]) -> None:
    for path, status, target in steps:
        feeds.says(path, http(status, location=target))


def test_permanent_moves_are_remembered_as_far_as_they_are_permanent(feeds: FeedServer) -> None:
    # Given 301 → 308 → 302 → the feed
    moves(feeds, ("/a", "301 Moved", "/b"), ("/b", "308 Moved", f"{feeds.url}/c#top"), ("/c", "302 Found", "d"))
    feeds.says("/d", http("200 OK", rss()))
    answer = ask_one(due(f"{feeds.url}/a"))
    # Then the feed was read, and the permanent part is remembered
    assert (answer.http_status, answer.url) == (200, f"{feeds.url}/d")
    assert answer.moved_to == f"{feeds.url}/c"


def test_a_move_to_an_address_as_people_type_it_can_be_asked_again(feeds: FeedServer) -> None:
    moves(feeds, ("/a", "301 Moved", "/to the feed?q=\xe4"))
    feeds.says("/to%20the%20feed", http("200 OK", rss()))
    answer = ask_one(due(f"{feeds.url}/a"))
    assert answer.moved_to == f"{feeds.url}/to%20the%20feed?q=%C3%A4"  # a server's bytes stay what they are
    assert ask_one(due(answer.moved_to)).content == rss()


def test_a_permanent_move_behind_a_temporary_one_is_temporary(feeds: FeedServer) -> None:
    moves(feeds, ("/a", "307 Elsewhere", "/b"), ("/b", "301 Moved", "/c"))
    feeds.says("/c", http("200 OK", rss()))
    answer = ask_one(due(f"{feeds.url}/a"))
    assert (answer.http_status, answer.moved_to) == (200, None)


def test_going_in_circles_ends(feeds: FeedServer) -> None:
    moves(feeds, ("/a", "301 Moved", "/b"), ("/b", "301 Moved", "/a"))
    assert ask_one(due(f"{feeds.url}/a")).error == "more than 5 redirects"
    assert len(feeds.requests) == 6


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://[", "http://u:p@127.0.0.1/"])
def test_a_move_out_of_the_web_is_refused(feeds: FeedServer, location: str) -> None:
    answer = ask_one(due(feeds.says("/feed", http("302 Found", location=location))))
    assert answer.error
    assert answer.content == b""


# --- bytes ----------------------------------------------------------------------------------------------------------


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(rss()), "gzip"),
        (gzip.compress(rss()), "X-GZIP"),
        (gzip.compress(rss()), "identity"),  # a file that is gzipped, and nobody said so
        (gzip.compress(rss()[:100]) + gzip.compress(rss()[100:]), "gzip"),
        (zlib.compress(rss()), "deflate"),
        (raw_deflate(rss()), "deflate"),
        (rss(), "identity"),
        (rss(), "gzip"),  # said, and not done
        (b"\n" + rss(), "br"),
    ],
)
def test_compressed_answers_are_read(feeds: FeedServer, body: bytes, encoding: str) -> None:
    answer = ask_one(due(feeds.says("/feed", http("200 OK", body, content_encoding=encoding))))
    assert (answer.content.strip(), answer.unreadable) == (rss(), None)


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (gzip.compress(b"<rss>" + b" " * 10_000_000), "gzip", "larger than 200000 bytes when decompressed"),
        (gzip.compress(rss())[:-12], "gzip", "truncated"),
        (b"\x1f\x8b\x08" + b"no gzip at all" * 3, "gzip", "damaged"),
        (b"\x0b\x02\x80feed", "br", "'br', which was not requested"),
        (b"x" * 30_000, "identity", "larger than 20000 bytes on the wire"),
    ],
)
def test_what_cannot_be_unpacked_is_kept_as_it_came(feeds: FeedServer, body: bytes, encoding: str, reason: str) -> None:
    answer = ask_one(due(feeds.says("/feed", http("200 OK", body, content_encoding=encoding))))
    assert reason in (answer.unreadable or "")
    assert body.startswith(answer.content[:15])


def test_a_feed_of_empty_gzip_members_delays_no_other_feed(feeds: FeedServer) -> None:
    # Given 4 MB of empty gzip members beside 20 healthy feeds
    member = gzip.compress(b"", mtime=0)
    hostile = due(feeds.says("/hostile", http("200 OK", member * (4_000_000 // len(member)), content_encoding="gzip")))
    url = feeds.says("/healthy", http("200 OK", rss()))
    healthy = [due(url, feed_id=f"ok-{n}") for n in range(20)]
    # When all are fetched
    begun = process_time()
    answers = list(HttpFeedFetcher(allow_private=True).fetch([hostile, *healthy], seconds_left=60))
    # Then the healthy ones are read, the hostile one is refused, and that takes no more than seconds of processor time
    reasons = {answer.feed.feed_id: answer.unreadable or answer.error for answer in answers}
    assert "more than 10000 members" in (reasons.pop("example") or "")
    assert set(reasons.values()) == {None}
    assert process_time() - begun < 10


def test_an_endless_answer_ends_at_the_limit(feeds: FeedServer) -> None:
    def answer(_: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            yield b"400\r\n" + b"x" * 1024 + b"\r\n"

    assert "on the wire" in (ask_one(due(feeds.says("/feed", answer))).unreadable or "")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
    ],
)
def test_a_server_that_speaks_no_http_is_an_error(feeds: FeedServer, answer: bytes) -> None:
    got = ask_one(due(feeds.says("/feed", answer)))
    assert got.error
    assert got.content == b""


def test_an_answer_without_a_length_ends_with_the_connection(feeds: FeedServer) -> None:
    answer = ask_one(due(feeds.says("/feed", b"HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n" + rss())))
    assert (answer.content, answer.content_type) == (rss(), "text/xml")


# --- time -----------------------------------------------------------------------------------------------------------


def drip(_: Request) -> Iterator[bytes]:
    """Always something, never all: no single read takes long."""
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(1000):
        yield f"X-{number}: x\r\n".encode()
        time.sleep(0.05)


def test_whatever_hangs_leaves_the_others_alone(feeds: FeedServer) -> None:
    # Given a feed that hangs at once, one that hangs in its body, one that drips, and ten that are well
    hanging = [
        feeds.hangs("/mute"),
        feeds.hangs("/half", after=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<rss"),
        feeds.says("/drip", drip),
    ]
    well = [feeds.says(f"/well/{number}", http("200 OK", rss())) for number in range(10)]
    # When all are asked at once
    answers = ask(*(due(url, feed_id=f"feed-{n}") for n, url in enumerate([*hanging, *well])), limits=SHORT)
    # Then the well ones are read, the hanging ones say why they are not, and none waits for another
    assert {each.feed.url for each in answers if each.content == rss()} == set(well)
    failed = [each for each in answers if each.error]
    assert {each.feed.url for each in failed} == set(hanging)
    assert all(each.error == "no whole answer within 2 s" for each in failed)


def test_no_more_than_so_many_are_asked_at_once_and_each_gets_its_turn(feeds: FeedServer) -> None:
    urls = [feeds.says(f"/{number}", http("200 OK", rss())) for number in range(60)]
    answers = ask(*(due(url) for url in urls), limits=Limits(at_once=3, total_seconds=5))
    assert sorted(each.feed.url for each in answers) == sorted(urls)


def test_what_there_is_no_time_for_is_not_tried(feeds: FeedServer) -> None:
    urls = [feeds.hangs(f"/{number}") for number in range(6)]
    answers = ask(*(due(url) for url in urls), limits=Limits(at_once=2, total_seconds=1), seconds_left=1.5)
    assert sorted(each.tried for each in answers) == [False] * 4 + [True] * 2


def test_a_reader_that_is_left_ends_its_threads(feeds: FeedServer) -> None:
    urls = [feeds.hangs("/hangs"), feeds.says("/well", http("200 OK", rss()))]
    answers = HttpFeedFetcher(allow_private=True).fetch([due(url) for url in urls], seconds_left=30)
    assert isinstance(answers, Iterator)
    assert next(answers).content == rss()
    answers.close()  # type: ignore[attr-defined]
    assert not any(thread.name == "fetch-feeds" for thread in threading.enumerate())


# --- addresses ------------------------------------------------------------------------------------------------------


def ask_in_public(feed: DueFeed, resolve: Mapping[str, Sequence[list[str]]] | None = None) -> FeedResponse:
    """As in the cloud; `resolve` holds the answers of the name server, one after the other."""
    told = {host: iter(answers) for host, answers in (resolve or {}).items()}
    fetcher = (
        HttpFeedFetcher(limits=SMALL, resolve=lambda host, _: next(told[host]))
        if resolve
        else HttpFeedFetcher(limits=SMALL)
    )
    (answer,) = fetcher.fetch([feed], seconds_left=10)
    return answer


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",  # 127.0.0.1 as one number
        "0x7f.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
        "[fd00::1]",
        "[fe80::1%25lo]",
    ],
)
def test_addresses_inside_are_refused_however_they_are_written(feeds: FeedServer, host: str) -> None:
    port = feeds.url.rpartition(":")[2]
    feeds.says("/feed", http("200 OK", rss()))
    answer = ask_in_public(due(f"http://{host}:{port}/feed"))
    assert answer.error
    assert feeds.requests == []


def test_a_name_that_leads_inside_is_refused(feeds: FeedServer) -> None:
    answer = ask_in_public(due("http://feeds.example.org/feed"), {"feeds.example.org": [["93.184.215.14", "10.0.0.7"]]})
    assert answer.error == "feeds.example.org is not on the public internet (10.0.0.7)"


def test_a_name_is_resolved_once_and_what_was_checked_is_what_is_connected_to(
    feeds: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a name whose first address is public and whose second is this machine's
    told = {"rebind.example.org": [["192.0.2.1"], ["127.0.0.1"]]}
    monkeypatch.setattr("bellwether.news.adapters.feed_http.is_public", lambda address: address == "192.0.2.1")
    port = feeds.url.rpartition(":")[2]
    # When it is asked; Then nobody asks the name server again, and this machine is not reached
    answer = ask_in_public(due(f"http://rebind.example.org:{port}/feed"), told)
    assert answer.error
    assert feeds.requests == []


def test_a_redirect_is_checked_like_an_address(feeds: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a public feed (it lies here, which nobody tells the reader) that leads to another port of this machine
    monkeypatch.setattr("bellwether.news.adapters.feed_http.is_public", lambda address: address == "127.0.0.1")
    port = feeds.url.rpartition(":")[2]
    feeds.says("/feed", http("302 Found", location="http://inside.example.org/secret"))
    told = {"outside.example.org": [["127.0.0.1"]], "inside.example.org": [["169.254.169.254"]]}
    answer = ask_in_public(due(f"http://outside.example.org:{port}/feed"), told)
    assert answer.error == "inside.example.org is not on the public internet (169.254.169.254)"


def test_a_certificate_is_checked_against_the_name(feeds: FeedServer) -> None:
    answer = ask_one(due(feeds.url.replace("http:", "https:") + "/feed"))
    assert "no connection" in (answer.error or "")


def test_a_refused_connection_is_named_without_the_call() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    answer = ask_one(due(f"http://127.0.0.1:{port}/feed"))
    assert answer.error == "no connection to 127.0.0.1: Connection refused"


def test_a_name_without_an_address_is_named_without_the_number() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    (answer,) = HttpFeedFetcher(resolve=unknown).fetch([due("http://nowhere.example.org/feed")], seconds_left=5)
    assert answer.error == "nowhere.example.org has no address: Name or service not known"
