"""Fetch feeds, parse their documents, and quarantine unreadable ones."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, Self
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from bellwether.news.domain.feeds import DueFeed, Entry, FetchResult, credible_date, interval_seconds, is_old
from bellwether.news.domain.news_layout import FETCHED, fetched_key, quarantine_key, reason_key
from bellwether.news.domain.stories import names_of_entry
from bellwether.news.ports.feed_access import DocumentEntry, FeedDocument, FeedFetcher, FeedParser, FeedResponse
from bellwether.shared.domain.errors import BellwetherError, ConflictError, InvalidInputError
from bellwether.shared.ports.objects import ObjectStore

GRACE_SECONDS = 10
"""A document may be read this much longer than the time for fetching lasts; then it counts as untried."""
INLINE_BYTES = 100 * 1024
"""Larger results go to S3, and only their key through the state machine."""

PackedResult = Annotated[FetchResult | dict[str, Any], Field(union_mode="left_to_right")]
"""A result, or the raw object of one that does not validate: it must not stop the others."""

RESULTS = TypeAdapter(tuple[PackedResult, ...])


class FetchPayload(BaseModel):
    """Results for the next step: inline, or the key of an object with them (claim check)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    results: tuple[PackedResult, ...] | None = None
    results_key: Annotated[str, Field(pattern=rf"^{FETCHED}[0-9a-f-]+\.json$")] | None = None

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.results is None) == (self.results_key is None):
            raise ValueError("either results or results_key")
        return self


class QuarantineReason(BaseModel):
    """Metadata stored beside a quarantined document."""

    model_config = ConfigDict(frozen=True)

    file: str
    field: str
    reason: str
    received_at: AwareDatetime
    sha256: str
    url: str
    content_type: str | None


def fetch_feeds(
    fetcher: FeedFetcher,
    parser: FeedParser,
    store: ObjectStore,
    feeds: Sequence[DueFeed],
    *,
    seconds_left: Callable[[], float],
) -> Iterator[FetchResult]:
    """Yield one result for each feed as it arrives; a failed feed does not affect the others.

    A response that there is no time left to parse counts as untried.
    """
    for answer in fetcher.fetch(feeds, seconds_left=seconds_left()):
        left = seconds_left()
        answer = answer if left > 0 else replace(answer, tried=False)
        try:
            yield _result(answer, parser, store, left + GRACE_SECONDS)
        except TimeoutError:
            yield _result(replace(answer, tried=False), parser, store)
        except Exception as error:  # noqa: BLE001 - one feed's fault must not stop the others
            reason = _printable(f"not processed: {type(error).__name__}: {error}")
            yield FetchResult(status="failed", error=reason, **_facts(answer))


def pack_results(store: ObjectStore, results: Sequence[FetchResult]) -> FetchPayload:
    """Return the results inline if small, else store them and return the key."""
    content = RESULTS.dump_json(tuple(results), exclude_defaults=True)
    if len(content) <= INLINE_BYTES:
        return FetchPayload(results=tuple(results))
    key = fetched_key(uuid4())
    store.put(key, content, content_type="application/json")
    return FetchPayload(results_key=key)


def unpack_results(store: ObjectStore, payload: FetchPayload) -> tuple[FetchResult, ...]:
    """Return the results of a payload; an unreadable one is a failure of its feed.

    Raises NotFoundError when the object no longer exists.
    """
    packed = payload.results or ()
    if payload.results_key is not None:
        packed = RESULTS.validate_json(store.get(payload.results_key).content)
    return tuple(result for each in packed if (result := _unpacked(each)) is not None)


def _unpacked(packed: FetchResult | dict[str, Any]) -> FetchResult | None:
    """A result that does not validate is a failure of its feed; None if not even the feed is named.

    The claim of an unnamed feed expires with its lease.
    """
    if isinstance(packed, FetchResult):
        return packed
    known = ("feed_id", "claim_token", "fetched_at", "interval_seconds", "failures")
    try:
        FetchResult.model_validate(packed)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        with suppress(ValidationError):
            return FetchResult.model_validate(
                {name: packed.get(name) for name in known}
                | {"status": "failed", "error": _printable(f"result not readable: {place}: {first['msg']}")}
            )
    return None


# --- one answer -----------------------------------------------------------------------------------------------------


def _facts(answer: FeedResponse) -> dict[str, Any]:
    return {
        "feed_id": answer.feed.feed_id,
        "claim_token": answer.feed.claim_token,
        "fetched_at": answer.fetched_at,
        "interval_seconds": answer.feed.interval_seconds,
        "failures": answer.feed.failures,
        "http_status": answer.http_status,
        "retry_after_seconds": answer.retry_after_seconds,
    }


def _result(
    answer: FeedResponse, parser: FeedParser, store: ObjectStore, parse_seconds: float = math.inf
) -> FetchResult:
    facts = _facts(answer)
    if not answer.tried:
        return FetchResult(status="untried", **facts)
    if answer.error is None and answer.unreadable is None:
        if answer.http_status == 410:
            return FetchResult(status="gone", error="HTTP 410: permanently gone", **facts)
        if answer.http_status == 304 and _is_conditional(answer.feed):
            return FetchResult(status="unchanged", **facts, **_validators(answer, answer.feed.body_sha256))
        if answer.http_status == 200:
            return _read(answer, parser, store, facts, parse_seconds)
    if answer.unreadable is not None:
        return _quarantine(answer, store, facts, "document", answer.unreadable)
    return FetchResult(status="failed", error=_printable(answer.error or f"HTTP {answer.http_status}"), **facts)


def _printable(reason: str) -> str:
    """A reason without control characters, cut to 1000: it may quote untrusted content."""
    return "".join(letter if letter.isprintable() else " " for letter in reason)[:1000]


def _is_conditional(feed: DueFeed) -> bool:
    """Whether the request was conditional; only then can 304 be a valid response."""
    return feed.etag is not None or feed.last_modified is not None


def _read(
    answer: FeedResponse, parser: FeedParser, store: ObjectStore, facts: dict[str, Any], parse_seconds: float
) -> FetchResult:
    sha256 = hashlib.sha256(answer.content).hexdigest()
    if sha256 == answer.feed.body_sha256:
        return FetchResult(status="unchanged", **facts, **_validators(answer, sha256))
    try:
        document = parser.parse(
            answer.content, url=answer.url, content_type=answer.content_type, seconds_left=parse_seconds
        )
    except InvalidInputError as error:
        return _quarantine(answer, store, facts, error.field or "document", error.reason)
    entries = tuple(each for entry in document.entries if (each := _entry(entry, document, answer)))
    facts["interval_seconds"] = answer.feed.listed_interval_seconds or interval_seconds(
        document.ttl_seconds, document.update_period_seconds, answer.max_age_seconds
    )
    return FetchResult(
        status="changed",
        entries=entries,
        empty_entries=len(document.entries) - len(entries),
        **facts,
        **_validators(answer, sha256),
    )


def _validators(answer: FeedResponse, sha256: str | None) -> dict[str, str | None]:
    """Validators for the next request. A 304 response may omit them."""
    not_modified = answer.http_status == 304
    return {
        "etag": answer.etag or (answer.feed.etag if not_modified else None),
        "last_modified": answer.last_modified or (answer.feed.last_modified if not_modified else None),
        "body_sha256": sha256,
        "moved_to": answer.moved_to,
    }


def _entry(entry: DocumentEntry, document: FeedDocument, answer: FeedResponse) -> Entry | None:
    """The entry with its names; a date that can't be right is unknown."""
    names = names_of_entry(
        entry_id=entry.entry_id,
        url=entry.url,
        title=entry.title,
        summary=entry.summary,
        published_at=entry.published_at or entry.latest_at,
        feed_names=document.names,
    )
    if not names.first:
        return None
    return Entry(
        entry_id=names.first,
        url=entry.url or None,
        title=entry.title,
        summary=entry.summary,
        published_at=credible_date(entry.published_at or entry.updated_at, now=answer.fetched_at),
        is_old=is_old(entry.latest_at, now=answer.fetched_at),
        link_name=names.link,
        words_name=names.words,
    )


def _quarantine(
    answer: FeedResponse, store: ObjectStore, facts: dict[str, Any], field: str, reason: str
) -> FetchResult:
    """Store an unreadable document, once a day, with its reason."""
    reason = _printable(reason)
    sha256 = hashlib.sha256(answer.content).hexdigest()
    feed_id = answer.feed.feed_id
    key = quarantine_key(feed_id, sha256, answer.fetched_at.date())
    document_reason = QuarantineReason(
        file=feed_id,
        field=field,
        reason=reason,
        received_at=answer.fetched_at,
        sha256=sha256,
        url=answer.url,
        content_type=answer.content_type,
    )
    failed = FetchResult(status="failed", error=f"{field}: {reason}", **facts)
    try:
        with suppress(ConflictError):  # stored before today
            store.put(key, answer.content, only_if_absent=True)
            store.put(
                reason_key(key), document_reason.model_dump_json(indent=2).encode(), content_type="application/json"
            )
    except BellwetherError as error:  # report the feed's failure even if quarantine fails
        return failed.model_copy(update={"error": f"{failed.error} (not quarantined: {error})"})
    return failed.model_copy(update={"quarantine_key": key})
