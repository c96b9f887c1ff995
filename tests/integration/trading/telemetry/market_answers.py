"""Alpaca's bars API: symbols in one request, pages over all of them, an inclusive end, its errors."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from bellwether.trading.domain.bars import Bar
from tests.fakes.http_server import Answer, Request


def market(bars: Sequence[Bar], *, page: int = 10_000, unknown: Sequence[str] = ()) -> Callable[[Request], Answer]:
    """The API over these bars, so many on a page."""

    def answer(request: Request) -> Answer:
        query = request.query
        symbols = query["symbols"].split(",")
        strangers = [symbol for symbol in symbols if symbol in unknown]
        if strangers:
            return Answer(400, json.dumps({"message": f"invalid symbol(s): {strangers[0]}"}).encode())
        start, end = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
        found = sorted(
            (bar.ticker, bar.start, bar) for bar in bars if bar.ticker in symbols and start <= bar.start <= end
        )
        first = int(query.get("page_token", "0"))
        of_page = found[first : first + min(page, int(query["limit"]))]
        rows: dict[str, list[dict[str, object]]] = {}
        for ticker, at, bar in of_page:
            row = {"t": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "n": 3, "vw": float(bar.close), "v": bar.volume}
            prices = {"o": float(bar.open), "h": float(bar.high), "l": float(bar.low), "c": float(bar.close)}
            rows.setdefault(ticker, []).append(row | prices)
        more = first + len(of_page) < len(found)
        body = {"bars": rows or None, "next_page_token": str(first + len(of_page)) if more else None}
        return Answer(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})

    return answer
