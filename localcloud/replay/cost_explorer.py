"""Cost Explorer's GetCostAndUsage over a table of daily charges.

The table is posted to the server (`/_replay/costs`); without one Cost Explorer is not enabled, as in a new account.
Days arrive late and the open month is an estimate, as AWS has it.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from localcloud.replay.answers import Answer

TARGET = "AWSInsightsIndexService.GetCostAndUsage"
LAG_DAYS = 1  # the newest days that are not told yet
GROUPS_A_PAGE = 500
MONTHS_BACK = 14
METRICS = ("UnblendedCost", "AmortizedCost")
DIMENSIONS = {
    "SERVICE": "service",
    "LINKED_ACCOUNT": "account",
    "USAGE_TYPE": "usage_type",
    "REGION": "region",
    "RECORD_TYPE": "record_type",
}
Charge = Mapping[str, str]  # day, the dimensions' columns, and the metrics as text
Json = dict[str, Any]


class RefusedError(Exception):
    """The request is refused; `code` is the name of AWS's exception."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class CostTable:
    """Daily charges, and the day on which they are asked for."""

    today: date
    charges: tuple[Charge, ...]

    @classmethod
    def of_json(cls, content: bytes) -> "CostTable":
        """From `{"today": "2026-05-10", "charges": [{"day": …, "service": …, "UnblendedCost": "1.10"}]}`."""
        document = json.loads(content)
        return cls(date.fromisoformat(document["today"]), tuple(document["charges"]))


class CostExplorer:
    """Answers GetCostAndUsage."""

    def __init__(self) -> None:
        self._table: CostTable | None = None

    def enable(self, table: CostTable) -> None:
        """Answer from this table from now on."""
        self._table = table

    def answer(self, target: str, body: bytes) -> Answer:
        """The answer to a request in AWS's JSON protocol."""
        try:
            if target != TARGET:
                raise RefusedError("UnknownOperationException", f"{target} is not replayed")
            if self._table is None:
                raise RefusedError("DataUnavailableException", "Cost Explorer is not enabled for this account")
            return _json(200, _cost_and_usage(self._table, json.loads(body)))
        except RefusedError as refusal:
            return _json(400, {"__type": refusal.code, "message": str(refusal)})


def _json(status: int, content: Json) -> Answer:
    return Answer(status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(content).encode())


def _cost_and_usage(table: CostTable, request: Json) -> Json:
    start, end = (date.fromisoformat(request["TimePeriod"][name][:10]) for name in ("Start", "End"))
    if start >= end:
        raise RefusedError("ValidationException", "Start date (and hour) should be before end date (and hour)")
    if start < _months_before(table.today, MONTHS_BACK):
        raise RefusedError("ValidationException", f"You haven't enabled historical data beyond {MONTHS_BACK} months")
    metrics = request.get("Metrics") or []
    if not metrics or not set(metrics) <= set(METRICS):
        raise RefusedError("ValidationException", f"Metrics must be among {', '.join(METRICS)}")
    groups = [_dimension(each) for each in request.get("GroupBy", [])]
    if len(groups) > 2:
        raise RefusedError("ValidationException", "Invalid number of GroupBy definitions, at most 2")
    known = [
        each for each in table.charges if date.fromisoformat(each["day"]) < table.today - timedelta(days=LAG_DAYS - 1)
    ]
    kept = list(filter(_filter(request.get("Filter")), known))
    results = [
        _result(kept, begin, until, table.today, metrics, groups) for begin, until in _periods(start, end, request)
    ]
    return _paged(results, request) | {"GroupDefinitions": request.get("GroupBy", []), "DimensionValueAttributes": []}


def _months_before(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def _dimension(group: Json) -> str:
    if group.get("Type") != "DIMENSION" or group.get("Key") not in DIMENSIONS:
        raise RefusedError("ValidationException", f"GroupBy {group} is not replayed; {', '.join(DIMENSIONS)} are")
    return DIMENSIONS[group["Key"]]


def _periods(start: date, end: date, request: Json) -> Iterator[tuple[date, date]]:
    granularity = request.get("Granularity")
    if granularity not in ("DAILY", "MONTHLY"):
        raise RefusedError("ValidationException", "Granularity must be DAILY or MONTHLY")
    while start < end:
        following = start + timedelta(days=1)
        if granularity == "MONTHLY":
            following = (start.replace(day=1) + timedelta(days=31)).replace(day=1)
        yield start, min(following, end)
        start = following


def _filter(given: Json | None) -> Callable[[Charge], bool]:
    if not given:
        return lambda _charge: True
    ((name, inner),) = given.items()
    if name in ("And", "Or"):
        parts = [_filter(each) for each in inner]
        return lambda charge: (all if name == "And" else any)(part(charge) for part in parts)
    if name == "Not":
        part = _filter(inner)
        return lambda charge: not part(charge)
    if name != "Dimensions" or inner.get("Key") not in DIMENSIONS:
        raise RefusedError("ValidationException", f"Filter {name} is not replayed")
    return lambda charge: charge.get(DIMENSIONS[inner["Key"]], "") in inner["Values"]


def _result(
    charges: Sequence[Charge], start: date, end: date, today: date, metrics: Sequence[str], groups: Sequence[str]
) -> Json:
    own = [each for each in charges if start <= date.fromisoformat(each["day"]) < end]
    result: Json = {
        "TimePeriod": {"Start": str(start), "End": str(end)},
        "Total": {} if groups else _sums(own, metrics),
        "Groups": [],
        "Estimated": end > today.replace(day=1),
    }
    by_key: dict[tuple[str, ...], list[Charge]] = {}
    for each in own if groups else ():
        by_key.setdefault(tuple(each.get(name, "") for name in groups), []).append(each)
    result["Groups"] = [{"Keys": list(key), "Metrics": _sums(by_key[key], metrics)} for key in sorted(by_key)]
    return result


def _sums(charges: Sequence[Charge], metrics: Sequence[str]) -> Json:
    return {
        name: {"Amount": f"{sum((Decimal(each[name]) for each in charges), Decimal(0)):f}", "Unit": "USD"}
        for name in metrics
    }


def _paged(results: list[Json], request: Json) -> Json:
    """As many results as hold a page of groups, at least one; the token says where the next page starts."""
    first = _position(request.get("NextPageToken"))
    page, groups = [results[first]] if first < len(results) else [], 0
    for each in results[first + 1 :]:
        groups += len(page[-1]["Groups"])
        if groups + len(each["Groups"]) > GROUPS_A_PAGE:
            break
        page.append(each)
    following = first + len(page)
    token = {"NextPageToken": base64.b64encode(str(following).encode()).decode()} if following < len(results) else {}
    return {"ResultsByTime": page, **token}


def _position(token: str | None) -> int:
    try:
        return int(base64.b64decode(token, validate=True)) if token else 0
    except (binascii.Error, ValueError) as error:
        raise RefusedError("InvalidNextTokenException", "The pagination token is invalid") from error
