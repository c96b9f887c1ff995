"""The replay as a server, asked by the adapters that ask the real ones."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from urllib.request import Request, urlopen
from uuid import UUID

import boto3
import pytest

from bellwether.news.adapters.feed_http import HttpFeedFetcher, Limits
from bellwether.news.domain.feeds import DueFeed
from bellwether.news.ports.feed_access import FeedResponse
from bellwether.news.views import NewsViews
from bellwether.trading.adapters.alpaca_actions import AlpacaCorporateActions
from bellwether.trading.adapters.alpaca_data import AlpacaMarketData
from bellwether.trading.domain.bars import BarRequest
from cli.costs import cost_explorer_total
from cli.demo.news import prepare_replay
from cli.target import Target
from localcloud import ports
from localcloud.replay.clock import ReplayClock
from localcloud.replay.server import ADDRESSES, Replay, ReplayServer
from localcloud.replay.tape import Tape
from tests.places import SAMPLES

SAMPLES = SAMPLES / "news"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A running replay."""
    with running(tmp_path) as url:
        yield url


@contextmanager
def running(folder: Path) -> Iterator[str]:
    tape = Tape.load(SAMPLES)
    with ReplayServer(0, Replay.of(tape, ReplayClock(folder / "clock.json", tape.begin))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://{ports.LOOPBACK}:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def fetch(url: str, **validators: str) -> dict[str, FeedResponse]:
    feeds = [
        DueFeed(feed_id=feed_id, url=url + path, claim_token=UUID(int=1), **validators)
        for feed_id, path in ADDRESSES.items()
    ]
    fetcher = HttpFeedFetcher(allow_private=True, limits=Limits(total_seconds=3))
    return {answer.feed.feed_id: answer for answer in fetcher.fetch(feeds, seconds_left=20)}


def test_the_reader_gets_along_with_every_feed(url: str) -> None:
    answers = fetch(url)
    # Then the good ones are there, one of them where it has moved to
    for feed_id in ("market-wire", "tech-desk", "industry-desk", "energy-desk"):
        assert answers[feed_id].http_status == 200
        assert answers[feed_id].content.startswith(b"<?xml")
    assert answers["energy-desk"].moved_to == f"{url}/feeds/energy-desk.atom"
    assert answers["odd-desk"].http_status == answers["json-desk"].http_status == 200
    # And the others have done no harm
    assert answers["closed-desk"].http_status == 410
    assert answers["silent-desk"].error == "no whole answer within 3 s"


def test_what_the_reader_has_is_not_sent_again(url: str) -> None:
    etag = fetch(url)["tech-desk"].etag
    assert etag
    assert fetch(url, etag=etag)["tech-desk"].http_status == 304


def test_the_market_data_adapter_gets_its_bars_past_a_refusal(url: str) -> None:
    now = datetime.now(UTC)
    request = BarRequest(
        tickers=("AAPL", "MSFT", "NVDA"), session_day=now.date(), start=now - timedelta(hours=10), end=now
    )
    market = AlpacaMarketData(url, None)
    first, second = market.bars(request), market.bars(request)
    # Then the second request was refused once, asked again, and answered alike
    assert first == second
    assert len(first.bars) in (3 * 119, 3 * 120)
    assert first.refused == ()


def test_the_replay_announces_no_splits(url: str) -> None:
    today = datetime.now(UTC).date()
    assert AlpacaCorporateActions(url, None).splits(("AAPL",), today - timedelta(days=7), today) == ()


class _Read:
    """When the replay's feeds were read last."""

    def __init__(self, ago: timedelta | None) -> None:
        self._at = None if ago is None else datetime.now(UTC) - ago

    def newest_story_at(self, feed_ids: Sequence[str]) -> datetime | None:
        assert set(feed_ids) == set(ADDRESSES)
        return self._at


@pytest.mark.parametrize(
    ("begun", "read", "rewinds"),
    [
        (timedelta(hours=2), None, True),  # it has gone on unread
        (timedelta(hours=2), timedelta(hours=1), False),  # it goes on from there
        (timedelta(days=3), timedelta(days=2), True),  # what was read then is no news any more
    ],
)
def test_the_demo_begins_anew_where_nothing_was_read_lately(
    tmp_path: Path, begun: timedelta, read: timedelta | None, rewinds: bool
) -> None:
    tape = Tape.load(SAMPLES)
    ReplayClock(tmp_path / "clock.json", tape.begin, now=lambda: datetime.now(UTC) - begun)
    with running(tmp_path) as url:
        told = prepare_replay(url, cast(NewsViews, _Read(read)))
    age = datetime.now(UTC) - told.replay_from
    assert (age < timedelta(minutes=6)) is rewinds
    assert json.loads((tmp_path / "clock.json").read_bytes())["edition"] == (2 if rewinds else 1)


def test_cost_explorer_answers_the_aws_sdk(url: str) -> None:
    # Given a Cost Explorer that is not enabled, and then is
    client = boto3.client(
        "ce", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    target = Target("replay", "stack", lambda _service: client, "us-east-1")
    with pytest.raises(client.exceptions.DataUnavailableException):
        cost_explorer_total(target, "2026-05")
    charges = [{"day": "2026-05-01", "UnblendedCost": "1.10"}, {"day": "2026-05-02", "UnblendedCost": "2.20"}]
    table = json.dumps({"today": "2026-06-10", "charges": charges}).encode()
    with urlopen(Request(f"{url}/_replay/costs", table)) as answer:  # noqa: S310 - loopback
        assert answer.status == 200
    # Then the command line's request has the month's total
    assert cost_explorer_total(target, "2026-05") == {"USD": "3.30"}
