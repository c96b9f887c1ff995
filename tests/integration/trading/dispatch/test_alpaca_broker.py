"""The broker for Alpaca's paper account, over HTTP."""

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest

from bellwether.shared.domain.errors import ConflictError, InvalidInputError, TransientUpstreamError, UpstreamError
from bellwether.trading.adapters.alpaca_broker import PAPER_URL, AlpacaPaperBroker, paper_url
from bellwether.trading.adapters.alpaca_key import AlpacaKey
from bellwether.trading.domain.executions import ExecutionStatus
from bellwether.trading.domain.orders import PAPER
from bellwether.trading.usecases.execute_orders import execute_orders
from tests.fakes.dispatch import ManualClock
from tests.fakes.dispatch_suite import a_claimed_order
from tests.integration.trading.dispatch.alpaca_server import Account, serving

ORDER = a_claimed_order(broker=PAPER)


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def broker(account: Account) -> Iterator[AlpacaPaperBroker]:
    with serving(account) as url:
        yield AlpacaPaperBroker(url, AlpacaKey(key_id="key", secret_key="secret"))


def test_an_order_is_sent_as_a_limit_order_for_the_day(broker: AlpacaPaperBroker, account: Account) -> None:
    # Given an order that nobody has sent; When it is sent
    assert broker.find(ORDER.client_order_id) is None
    sent = broker.place(ORDER)
    # Then it went out with its terms and the key
    assert account.requests[-1] == (
        "POST",
        "/v2/orders",
        {
            "symbol": "AAPL",
            "qty": "2",
            "side": "buy",
            "type": "limit",
            "time_in_force": "day",
            "limit_price": "200.50",
            "client_order_id": ORDER.client_order_id,
            "key": "key",
        },
    )
    # And is found by its name, filled
    assert broker.find(ORDER.client_order_id) == sent
    assert sent.status is ExecutionStatus.FILLED
    assert (sent.filled_quantity, sent.fill_price) == (Decimal(2), Decimal("200.50"))


def test_an_order_sent_twice_is_a_conflict(broker: AlpacaPaperBroker) -> None:
    broker.place(ORDER)
    with pytest.raises(ConflictError):
        broker.place(ORDER)


def test_a_duplicate_means_that_it_was_sent(broker: AlpacaPaperBroker, account: Account) -> None:
    # Given an order that somebody sends between our question and our sending
    broker.place(ORDER)
    account.answers = [(404, b"{}")]
    # When it is executed; Then the standing order is what is reported
    (report,) = execute_orders([ORDER], brokers={PAPER: broker}, clock=ManualClock(), seconds_left=lambda: 60)
    assert (report.status, account.duplicates, len(account.accepted)) == (ExecutionStatus.FILLED, 1, 1)


def test_an_answer_about_another_order_is_none(broker: AlpacaPaperBroker, account: Account) -> None:
    stranger = b'{"id": "1", "client_order_id": "somebody-elses", "status": "filled"}'
    account.answers = [(200, stranger), (200, stranger)]
    with pytest.raises(UpstreamError, match="returned order somebody-elses"):
        broker.find(ORDER.client_order_id)
    with pytest.raises(UpstreamError, match="returned order somebody-elses"):
        broker.place(ORDER)


def test_a_lost_answer_is_found_by_asking(broker: AlpacaPaperBroker, account: Account) -> None:
    account.lost_answers = 1.0
    (report,) = execute_orders([ORDER], brokers={PAPER: broker}, clock=ManualClock(), seconds_left=lambda: 60)
    assert (report.status, len(account.accepted)) == (ExecutionStatus.FILLED, 1)


@pytest.mark.parametrize(
    ("theirs", "filled", "ours"),
    [
        ("new", "0", ExecutionStatus.SENT),
        ("accepted", "0", ExecutionStatus.SENT),
        ("partially_filled", "1", ExecutionStatus.SENT),
        ("filled", "2", ExecutionStatus.FILLED),
        ("expired", "1", ExecutionStatus.FILLED),
        ("canceled", "0", ExecutionStatus.UNFILLED),
        ("rejected", "0", ExecutionStatus.REJECTED),
        ("some_new_word", "0", ExecutionStatus.SENT),
    ],
)
def test_their_words_are_ours(
    broker: AlpacaPaperBroker, account: Account, theirs: str, filled: str, ours: ExecutionStatus
) -> None:
    account.orders[ORDER.client_order_id] = {
        "id": "1",
        "client_order_id": ORDER.client_order_id,
        "status": theirs,
        "filled_qty": filled,
        "filled_avg_price": "200.1" if filled != "0" else None,
    }
    found = broker.find(ORDER.client_order_id)
    assert found is not None
    assert found.status is ours
    assert found.filled_quantity == (Decimal(filled) if ours is ExecutionStatus.FILLED else 0)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (422, {"code": 42210000, "message": "asset AAPL is not tradable"}),
        (422, {"code": 42210000, "message": "asset AAPL cannot be sold short"}),
        (403, {"code": 40310000, "message": "insufficient buying power"}),
        (403, {"code": 40310000, "message": "potential wash trade detected"}),
        (403, {"code": 40310000, "message": "account not allowed to short"}),
        (403, {"code": 40310100, "message": "trade denied due to pattern day trading protection"}),
    ],
)
def test_what_they_do_not_want_is_rejected(
    broker: AlpacaPaperBroker, account: Account, status: int, body: dict[str, object]
) -> None:
    account.answers = [(status, json.dumps(body).encode())]
    rejected = broker.place(ORDER)
    assert rejected.status is ExecutionStatus.REJECTED
    assert str(body["message"]) in rejected.reason


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"{}", UpstreamError),
        (403, b'{"message": "forbidden."}', UpstreamError),
        (429, b"", TransientUpstreamError),
        (500, b"", TransientUpstreamError),
        (200, b"<html>", UpstreamError),
        (200, b"{}", UpstreamError),
        (302, b"", UpstreamError),
    ],
)
def test_trouble_has_our_names_and_not_the_key(
    broker: AlpacaPaperBroker, account: Account, status: int, body: bytes, error: type[Exception]
) -> None:
    for method in ("find", "place"):
        account.answers = [(status, body)]
        with pytest.raises(error) as caught:
            broker.find(ORDER.client_order_id) if method == "find" else broker.place(ORDER)
        assert "secret" not in str(caught.value)


def test_nobody_there_is_transient() -> None:
    with serving(Account()) as url:
        pass
    with pytest.raises(TransientUpstreamError):
        AlpacaPaperBroker(url, AlpacaKey(key_id="key", secret_key="secret")).find("bw-1")


@pytest.mark.parametrize(
    "url", [PAPER_URL, f"{PAPER_URL}/", "http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:1"]
)
def test_paper_is_paper(url: str) -> None:
    assert paper_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.alpaca.markets",
        "http://paper-api.alpaca.markets",
        "https://paper-api.alpaca.markets.example.com",
        "https://paper-api.alpaca.markets/../x",
        "https://paper-api.alpaca.markets@api.alpaca.markets",
        "http://127.0.0.1@api.alpaca.markets",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "",
    ],
)
def test_nothing_else_is(url: str) -> None:
    with pytest.raises(InvalidInputError):
        paper_url(url)
