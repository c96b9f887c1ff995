"""The configured feed list: a JSON array of feeds. A bad item is left out and reported; the others are polled."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bellwether.news.domain.feeds import ListedFeed
from bellwether.news.domain.news_layout import FEED_LISTS
from bellwether.shared.domain.errors import InvalidInputError

MAX_FEEDS = 5000
OPTIONAL_KEYS = ("interval_seconds", "identity")
_STORED_LIST = re.compile(rf"{FEED_LISTS}[A-Za-z0-9._-]{{1,100}}")


@dataclass(frozen=True, slots=True)
class FeedProblem:
    """A fault in the feed list: the place (position and, if readable, the feed id) and the reason."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class FeedList:
    """The usable feeds, or None when there is no list that can be read; and every fault."""

    feeds: tuple[ListedFeed, ...] | None
    problems: tuple[FeedProblem, ...] = ()


def stored_list_key(content: str | Sequence[Any]) -> str | None:
    """The key of the list in the data bucket, when the content is `{"s3_key": KEY}` instead of a list.

    Raises InvalidInputError for a key that no list may have.
    """
    if not isinstance(content, str) or not content.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if found.keys() != {"s3_key"}:
        return None
    key = found["s3_key"]
    if not isinstance(key, str) or not _STORED_LIST.fullmatch(key):
        raise InvalidInputError(f"{str(key)[:200]!r} is not a key under {FEED_LISTS}", field="s3_key")
    return key


def read_feed_list(content: str | Sequence[Any]) -> FeedList:
    """Read a feed list, as JSON text or as a sequence. Unknown keys are reported and ignored."""
    items: Any = content
    if isinstance(content, str):
        try:
            items = json.loads(content)
        except (ValueError, RecursionError) as error:
            return FeedList(None, (FeedProblem("list", f"not JSON: {error}"),))
    if not isinstance(items, list | tuple):
        return FeedList(None, (FeedProblem("list", f"not a JSON array but {type(items).__name__}"),))
    feeds: dict[str, ListedFeed] = {}
    problems: list[FeedProblem] = []
    for position, item in enumerate(items, start=1):
        place = _place(position, item)
        if len(feeds) == MAX_FEEDS:
            problems.append(FeedProblem(place, f"the list has more than {MAX_FEEDS} feeds: left out from here on"))
            break
        if isinstance(item, dict) and (unknown := sorted(str(key) for key in item.keys() - ListedFeed.model_fields)):
            problems.append(FeedProblem(place, f"unknown keys are ignored: {', '.join(unknown)[:200]}"))
            item = {key: value for key, value in item.items() if key in ListedFeed.model_fields}
        item = _without_unusable_options(item, place, problems)
        try:
            feed = ListedFeed.model_validate(item)
        except ValidationError as error:
            problems.append(FeedProblem(place, f"left out: {_reason(error)}"))
            continue
        if feed.feed_id in feeds:
            problems.append(FeedProblem(place, "left out: an earlier feed has the same feed_id"))
            continue
        feeds[feed.feed_id] = feed
    return FeedList(tuple(feeds.values()), tuple(problems))


def _without_unusable_options(item: Any, place: str, problems: list[FeedProblem]) -> Any:
    """The item without optional keys whose value can't be used: the feed is polled without them."""
    try:
        ListedFeed.model_validate(item)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            key = fault["loc"][0] if fault["loc"] else None
            if key in OPTIONAL_KEYS:
                problems.append(FeedProblem(place, f"{key} {str(fault['input'])[:100]!r} is ignored: {fault['msg']}"))
                item = {name: value for name, value in item.items() if name != key}
    return item


def _place(position: int, item: Any) -> str:
    name = item.get("feed_id") if isinstance(item, dict) else getattr(item, "feed_id", None)
    return f"item {position}" + (f" ({name[:60]!r})" if isinstance(name, str) else "")


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    value = first["input"]
    if not field:
        return f"{value!r:.100} is not an object with feed_id and url"
    if first["type"] == "missing":
        return f"{field} is missing"
    said = f" {value[:100]!r}" if isinstance(value, str) else ""
    hint = ": only http:// and https:// addresses are fetched" if field == "url" else ""
    if field == "feed_id" and isinstance(value, str):
        hint = ": use a-z, 0-9 and hyphens, at most 60 characters"
    return f"{field}{said}{hint or ': ' + first['msg']}"
