"""Answers of FRED's API, as its documentation shows them."""

import json

from tests.fakes.http_server import Answer


def api_answer(rows: list[tuple[str, str, str, str]], *, count: int | None = None) -> Answer:
    """A page of observations: realtime start and end, date, value."""
    names = ("realtime_start", "realtime_end", "date", "value")
    observations = [dict(zip(names, row, strict=True)) for row in rows]
    return Answer(
        body=json.dumps({"count": len(rows) if count is None else count, "observations": observations}).encode(),
        headers={"Content-Type": "application/json"},
    )
