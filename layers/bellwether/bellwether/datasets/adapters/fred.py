"""FRED over HTTP: the CSV download, and the API with a key, which also gives past vintages (ALFRED)."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bellwether.datasets.ports.series import Download
from bellwether.shared.adapters.http import Answer, HttpClient, Limits
from bellwether.shared.domain.errors import NotFoundError, UpstreamError

ATTEMPTS = 4
MAX_ANSWER_BYTES = 64 * 1024 * 1024
PAGE_ROWS = 100_000  # the API's own limit
MAX_PAGES = 100
FOREVER = date.max

_USER_AGENT = "bellwether/0.1 (ingestion of series)"
_KEY_IN_TEXT = re.compile(r"api_key=[^&\s\"']*")


class FredCsv:
    """SeriesSource over the CSV download that FRED's graph pages offer; needs no key."""

    def __init__(self, url: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._url = url
        self._http = _client(pause)

    def downloads(self, series: str) -> Iterator[Download]:
        """The series as it is now, in one file."""
        yield Download(f"{series}.csv", _content(self._http.get(self._url, {"id": series}), series))


class FredApi:
    """SeriesSource over FRED's API: the series as it is now, or each of its vintages since a day."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        vintages_since: date | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = f"{url.rstrip('/')}/series/observations"
        self._api_key = api_key
        self._since = vintages_since
        self._http = _client(pause)

    def downloads(self, series: str) -> Iterator[Download]:
        """One file without `vintages_since`; with it one for each day on which something changed, oldest first."""
        if self._since is None:
            rows = [(each.day, each.value) for each in self._observations(series, {})]
            yield Download(f"{series}.csv", _as_csv(series, rows))
            return
        period = {"realtime_start": self._since.isoformat(), "realtime_end": FOREVER.isoformat(), "output_type": "1"}
        for known_on, published in vintages(list(self._observations(series, period)), self._since):
            yield Download(f"{known_on.isoformat()}/{series}.csv", _as_csv(series, published), known_on)

    def _observations(self, series: str, period: Mapping[str, str]) -> Iterator["RealtimeObservation"]:
        for page in range(MAX_PAGES):
            offset = page * PAGE_ROWS
            parameters = {
                "series_id": series,
                "api_key": self._api_key,
                "file_type": "json",
                "limit": str(PAGE_ROWS),
                "offset": str(offset),
                **period,
            }
            answer = _content(self._http.get(self._url, parameters), series)
            try:
                found = _Page.model_validate_json(answer)
            except ValidationError as error:
                raise UpstreamError(f"FRED's response for {series} does not match its API") from error
            yield from found.observations
            if offset + PAGE_ROWS >= found.count:
                return
        raise UpstreamError(f"FRED has more than {MAX_PAGES * PAGE_ROWS} rows for {series}")


# --- vintages -------------------------------------------------------------------------------------------------------


class RealtimeObservation(BaseModel):
    """A figure, and from when to when it was the published one (both days included)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    realtime_start: date
    realtime_end: date
    day: Annotated[date, Field(alias="date")]
    value: Annotated[str, Field(max_length=100)]


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    count: Annotated[int, Field(ge=0)]
    observations: tuple[RealtimeObservation, ...]


def vintages(
    observations: Sequence[RealtimeObservation], since: date
) -> Iterator[tuple[date, Sequence[tuple[date, str]]]]:
    """Rebuild what was published on each day of change from `since` on; what held before that day counts from it."""
    by_start: dict[date, list[RealtimeObservation]] = {}
    for each in observations:
        if each.realtime_end >= since:
            by_start.setdefault(max(each.realtime_start, since), []).append(each)
    published: dict[date, RealtimeObservation] = {}
    for known_on in sorted(by_start):
        published |= {each.day: each for each in by_start[known_on]}
        published = {day: each for day, each in published.items() if each.realtime_end >= known_on}
        yield known_on, [(day, each.value) for day, each in sorted(published.items())]


def _as_csv(series: str, rows: Sequence[tuple[date, str]]) -> bytes:
    return "".join([f"observation_date,{series}\n", *(f"{day.isoformat()},{value}\n" for day, value in rows)]).encode()


# --- HTTP -----------------------------------------------------------------------------------------------------------


def _client(pause: Callable[[float], None]) -> HttpClient:
    limits = Limits(
        attempts=ATTEMPTS, read_seconds=30, answer_seconds=120, pause_seconds=30, answer_bytes=MAX_ANSWER_BYTES
    )
    return HttpClient("FRED", headers={"User-Agent": _USER_AGENT}, limits=limits, pause=pause)


def _content(answer: Answer, series: str) -> bytes:
    """Raises NotFoundError for an unknown series and UpstreamError for another refusal; no message holds the key."""
    if answer.status == 200:
        return answer.content
    text = answer.content[:500].decode(errors="replace")
    if answer.status == 404 or (answer.status == 400 and "does not exist" in text):
        raise NotFoundError("FRED has no such series", field=series)
    raise UpstreamError(f"FRED refused {series}: HTTP {answer.status} {_KEY_IN_TEXT.sub('api_key=…', text[:200])}")
