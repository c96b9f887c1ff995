"""Read what was sent in, write what goes out: JSON lines for batches, one JSON object for endpoints.

In JSON lines a line that can't be used is answered in its place by an object with `error`; the others go on. In one
object it refuses the whole request, with the field's name.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .companies.tones import company_scores
from .errors import RefusedInputError
from .results import Classification, Classifier

JSON = "application/json"
JSON_LINES = "application/jsonlines"
LINE_TYPES = frozenset({JSON_LINES, "application/x-jsonlines", "application/jsonl", "application/x-ndjson"})
MOST_INSTANCES = 10_000
LONGEST_ID = 256
MOST_COMPANIES = 200
COMPANY_CHARACTERS = 4000  # of a text that are read for the companies' own tones


@dataclass(frozen=True)
class Item:
    """One text, or why there is none. `id` is the caller's own and comes back as it was.

    The text stands by itself, or in `data`, which is where every model's columns stand. `companies`, where given, maps
    companies to their names in the text, and each gets a tone of its own.
    """

    id: str | None
    text: str
    refusal: RefusedInputError | None = None
    companies: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What was asked, and the form in which the answer has to come: `lines`, `instances` or `single`."""

    form: str
    items: Sequence[Item]


@dataclass(frozen=True)
class Answer:
    """Results in the order of the request, ready to be written."""

    form: str
    results: Sequence[dict[str, Any]]
    model_version: str


# --- in --------------------------------------------------------------------------------------------------------------


def parse(body: bytes | str, content_type: str) -> Request:
    """Read a request. Raises RefusedInputError."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in LINE_TYPES:
        return Request("lines", list(_lines(body)))
    if kind != JSON:
        raise RefusedInputError("content_type", f"has to be {JSON} or {JSON_LINES}, is {content_type[:60]}")
    content = _json(_text(body, "body"), "body")
    if isinstance(content, dict) and "instances" in content:
        return Request("instances", _instances(content["instances"]))
    return Request("single", [_item(content, "")])


def _text(body: bytes | str, field: str) -> str:
    if isinstance(body, str):  # decoded by the container already
        return body.removeprefix("\ufeff")
    try:
        return bytes(body).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RefusedInputError(field, "is not UTF-8") from error


def _json(text: str, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedInputError(field, "is not JSON") from error


def _lines(body: bytes | str) -> Iterator[Item]:
    lines: Sequence[bytes | str] = body.split("\n") if isinstance(body, str) else bytes(body).split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        identifier = None
        try:
            content = _json(_text(line, place), place)
            identifier = _readable_id(content)
            yield _item(content, f"{place}: ")
        except RefusedInputError as refusal:
            yield Item(identifier, "", refusal)


def _instances(content: Any) -> list[Item]:
    if not isinstance(content, list) or not content:
        raise RefusedInputError("instances", "has to be a list of at least one object")
    if len(content) > MOST_INSTANCES:
        raise RefusedInputError("instances", f"{len(content)} are more than the {MOST_INSTANCES} that fit one request")
    return [_item(each, f"instances[{index}].") for index, each in enumerate(content)]


def _item(content: Any, place: str) -> Item:
    if not isinstance(content, dict):
        raise RefusedInputError(place.strip(" :.") or "body", 'has to be an object {"id": …, "text": …}')
    identifier, data = content.get("id"), content.get("data")
    text = data.get("text") if isinstance(data, dict) else content.get("text")
    if identifier is not None and _readable_id(content) is None:
        raise RefusedInputError(f"{place}id", f"has to be a text of 1 to {LONGEST_ID} characters")
    if not isinstance(text, str):
        raise RefusedInputError(f"{place}text", "is missing" if text is None else "has to be a text")
    if not text.strip():
        raise RefusedInputError(f"{place}text", "is blank")
    return Item(identifier, text, companies=_companies(content, place))


def _companies(content: dict[str, Any], place: str) -> dict[str, list[str]]:
    companies = content.get("companies")
    if companies is None:
        return {}
    if not isinstance(companies, dict) or not all(
        isinstance(names, list) and all(isinstance(name, str) for name in names) for names in companies.values()
    ):
        raise RefusedInputError(f"{place}companies", 'has to be an object {"company": ["name in the text", …]}')
    if len(companies) > MOST_COMPANIES:
        raise RefusedInputError(f"{place}companies", f"{len(companies)} are more than {MOST_COMPANIES}")
    return companies


def _readable_id(content: Any) -> str | None:
    identifier = content.get("id") if isinstance(content, dict) else None
    return identifier if isinstance(identifier, str) and 0 < len(identifier) <= LONGEST_ID else None


# --- out -------------------------------------------------------------------------------------------------------------


def answer(request: Request, classifier: Classifier, model_version: str) -> Answer:
    """Classify what can be classified."""
    usable = [item for item in request.items if item.refusal is None]
    found = iter(classifier.classify([item.text for item in usable]))
    results = [
        _result(item, next(found), model_version, classifier) if item.refusal is None else _refused(item, item.refusal)
        for item in request.items
    ]
    return Answer(request.form, results, model_version)


def _result(item: Item, found: Classification, model_version: str, classifier: Classifier) -> dict[str, Any]:
    result: dict[str, Any] = {
        "id": item.id,
        "label": found.label,
        "scores": found.scores.as_dict(),
        "model_version": model_version,
        "truncated": found.truncated,
    }
    if item.companies:
        text = item.text[:COMPANY_CHARACTERS]
        result["companies"] = {
            company: {"label": scores.label, "scores": scores.as_dict()}
            for company, scores in company_scores(text, item.companies, found, classifier).items()
        }
    return result


def _refused(item: Item, refusal: RefusedInputError) -> dict[str, Any]:
    return {"id": item.id, "error": {"field": refusal.field, "reason": refusal.reason}}


def render(given: Answer) -> tuple[str, str]:
    """The answer's text and content type."""
    if given.form == "lines":
        return "".join(_dump(result) + "\n" for result in given.results), JSON_LINES
    if given.form == "single":
        return _dump(given.results[0]), JSON
    return _dump({"model_version": given.model_version, "predictions": list(given.results)}), JSON


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
