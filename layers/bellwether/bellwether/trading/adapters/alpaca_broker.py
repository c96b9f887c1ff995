"""Alpaca's trading API, version 2: its paper account, and no other.

A client order id is unique for ever in an account: sending an order twice is refused (422), and it can be asked for by
that id, which is what makes sending repeatable.
"""

import json
from datetime import datetime
from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

import urllib3
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bellwether.shared.domain.errors import ConflictError, InvalidInputError, TransientUpstreamError, UpstreamError
from bellwether.trading.adapters.alpaca_key import AlpacaKey
from bellwether.trading.domain.executions import BrokerOrder, ExecutionStatus
from bellwether.trading.domain.orders import PAPER, ZERO, Order

PAPER_URL = "https://paper-api.alpaca.markets"
CONNECT_SECONDS = 3.0
READ_SECONDS = 5.0
MAX_ANSWER_BYTES = 1024 * 1024
_USER_AGENT = "bellwether/0.1 (paper trading)"
_ORDER_REFUSED = range(40310000, 40320000)  # buying power, shares, pattern day trading, wash trade, short sale
_STATUSES = {
    "filled": ExecutionStatus.FILLED,
    "canceled": ExecutionStatus.UNFILLED,
    "expired": ExecutionStatus.UNFILLED,
    "done_for_day": ExecutionStatus.UNFILLED,
    "replaced": ExecutionStatus.UNFILLED,
    "rejected": ExecutionStatus.REJECTED,
    "suspended": ExecutionStatus.SENT,
}


def paper_url(url: str) -> str:
    """The URL, without a slash at its end; raises InvalidInputError unless it is the paper API's or a replay's here."""
    parts = urlsplit(url)
    if url.rstrip("/") == PAPER_URL or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return url.rstrip("/")
    raise InvalidInputError(f"is not {PAPER_URL}: no other account may trade", field="alpaca_trading_url")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class AlpacaPaperBroker:
    """Broker over HTTP. Sends each request once: whoever asks decides what a silence means."""

    name = PAPER

    def __init__(self, url: str, key: AlpacaKey) -> None:
        self._url = paper_url(url)
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            headers={"User-Agent": _USER_AGENT, "Accept": "application/json"} | key.headers(),
            retries=False,
        )

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order of that name; None when there is none."""
        status, content = self._ask("GET", "/v2/orders:by_client_order_id", fields={"client_order_id": client_order_id})
        if status == 404:
            return None
        if status != 200:
            raise UpstreamError(f"Alpaca did not return order {client_order_id}: HTTP {status} {_told(content)}")
        return _read_own(content, client_order_id).order()

    def place(self, order: Order) -> BrokerOrder:
        """Send a limit order for the day; raises ConflictError when an order of its name is there already."""
        body = {
            "symbol": order.ticker,
            "qty": str(order.quantity),
            "side": order.side.lower(),
            "type": "limit",
            "time_in_force": "day",
            "limit_price": str(order.limit_price),
            "client_order_id": order.client_order_id,
        }
        status, content = self._ask(
            "POST", "/v2/orders", body=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        if status in (200, 201):
            return _read_own(content, order.client_order_id).order()
        told, code = _told(content), _code(content)
        if status in (409, 422) and "client_order_id" in told:
            raise ConflictError(f"Alpaca already has an order {order.client_order_id}")
        if status in (400, 422) or (status == 403 and code in _ORDER_REFUSED):
            return BrokerOrder("", ExecutionStatus.REJECTED, reason=f"HTTP {status} {told}")
        raise UpstreamError(f"Alpaca did not accept the request: HTTP {status} {told}")

    def _ask(self, method: str, path: str, **request: Any) -> tuple[int, bytes]:
        try:
            headers = {**self._pool.headers, **request.pop("headers", {})}
            response = self._pool.request(
                method, self._url + path, headers=headers, preload_content=False, redirect=False, **request
            )
            try:
                content = response.read(MAX_ANSWER_BYTES)
            finally:
                response.release_conn()
                response.close()
        except urllib3.exceptions.HTTPError as error:
            raise TransientUpstreamError(f"Alpaca did not answer ({type(error).__name__})") from error
        if response.status == 429 or response.status >= 500:
            raise TransientUpstreamError(f"Alpaca is busy: HTTP {response.status}")
        return response.status, content


class _AlpacaOrder(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=200)]
    client_order_id: str
    status: str
    filled_qty: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] = ZERO
    filled_avg_price: Annotated[Decimal | None, Field(gt=0)] = None
    submitted_at: AwareDatetime | None = None

    def order(self) -> BrokerOrder:
        """As we speak of it: closed with some shares is filled with these; what we don't know is not an end."""
        status = _STATUSES.get(self.status, ExecutionStatus.SENT)
        if status is ExecutionStatus.UNFILLED and self.filled_qty > 0:
            status = ExecutionStatus.FILLED
        if status is ExecutionStatus.FILLED and (not self.filled_qty or self.filled_avg_price is None):
            status = ExecutionStatus.SENT  # the price is not there yet
        sent_at: datetime | None = self.submitted_at
        return BrokerOrder(
            broker_order_id=self.id,
            status=status,
            sent_at=sent_at,
            filled_quantity=self.filled_qty if status is ExecutionStatus.FILLED else ZERO,
            fill_price=self.filled_avg_price if status is ExecutionStatus.FILLED else None,
            reason="" if status is ExecutionStatus.FILLED else self.status,
        )


def _read(content: bytes) -> _AlpacaOrder:
    try:
        return _AlpacaOrder.model_validate_json(content)
    except ValidationError as error:
        raise UpstreamError("Alpaca's response does not match its API") from error


def _read_own(content: bytes, client_order_id: str) -> _AlpacaOrder:
    found = _read(content)
    if found.client_order_id != client_order_id:
        raise UpstreamError(f"Alpaca returned order {found.client_order_id} instead of {client_order_id}"[:300])
    return found


def _told(content: bytes) -> str:
    return content[:300].decode(errors="replace").strip()


def _code(content: bytes) -> int | None:
    try:
        told = json.loads(content)
    except ValueError:
        return None
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, int) else None
