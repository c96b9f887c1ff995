"""What a caller may ask a model: one row or many, each model in its own terms."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Never

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bellwether.models.domain.capture import Point
from bellwether.models.domain.specs import ClassifierSpec, ForecastSpec, ModelSpec, SpendSpec, ValuationSpec
from bellwether.shared.domain.errors import InvalidInputError

BODY_LIMIT_BYTES = 256 * 1024
INSTANCES_LIMIT = 100
INSTANCES = "instances"
DATA = "data"
RESULTS = "results"
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])(-\d{2})?", re.ASCII)  # as the endpoint reads it
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)
_WHOLE = re.compile(r"\d{1,3}", re.ASCII)
_PLACE = re.compile(r"instances[.\[](\d+)\]?(?:\.(.*))?", re.DOTALL)


def _month(value: str) -> str:
    if not _MONTH.fullmatch(value.strip()):
        raise ValueError("has to be YYYY-MM")
    return value


def _day(value: str) -> str:
    if not _DAY.fullmatch(value.strip()):
        raise ValueError("has to be YYYY-MM-DD")
    return value


def _whole(value: Any) -> Any:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("has to be a whole number")
    return value


# --- rows: what each family of models is asked, and what it says ------------------------------------------------------


class Row(BaseModel):
    """One row of a request. The columns in `data` are judged by the model itself, by the schema in its bundle.

    `entity_id` names the thing that is asked about: it decides which of two versions answers, and never reaches them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    results: ClassVar[str] = RESULTS  # where the endpoint puts the answers to many rows

    data: dict[str, Any]
    entity_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    def check(self, spec: ModelSpec) -> None:
        """Raise InvalidInputError for what the catalogue knows to be wrong."""

    def question(self) -> dict[str, Any]:
        """The row as the endpoint takes it."""
        return self.model_dump(exclude_unset=True, exclude={"entity_id"})

    def points(self, spec: ModelSpec, answer: Mapping[str, Any]) -> tuple[Point, ...]:  # noqa: ARG002 - see check
        """The figures in an answer that can come true."""
        return ()

    def place(self, field: str) -> str:
        """A field that the endpoint names, as the caller knows it."""
        return field


class ForecastRow(Row):
    """Current figures of series; numbers may come as text."""

    month: Annotated[str, AfterValidator(_month)] | None = None
    horizon_months: Annotated[int, BeforeValidator(_whole)] | None = None

    def check(self, spec: ModelSpec) -> None:
        """The horizon has to be one that the model was trained for."""
        known = spec.horizons_months if isinstance(spec, ForecastSpec) else ()
        if self.horizon_months is not None and self.horizon_months not in known:
            raise InvalidInputError(f"has to be one of {', '.join(map(str, known))}", field="horizon_months")

    def points(self, spec: ModelSpec, answer: Mapping[str, Any]) -> tuple[Point, ...]:
        """One a horizon, under `<target>:<target month>`."""
        return tuple(_point(f"{spec.target}:{each['target_month']}", each) for each in answer.get("predictions", ()))


class ValuationRow(Row):
    """A single thing to be valued, as of a day."""

    as_of: Annotated[str, AfterValidator(_day)] | None = None

    def points(self, spec: ModelSpec, answer: Mapping[str, Any]) -> tuple[Point, ...]:  # noqa: ARG002 - see Row
        """The value, under the thing's own id; none for a thing without one."""
        return () if self.entity_id is None else (_point(self.entity_id, answer),)


class SpendRow(Row):
    """Whose spend, for how many days, and by how many percent it grows; no actual ever answers a "what if" question."""


class TextRow(Row):
    """A text to be classified, as `{"data": {"text": …}}`; its endpoint takes the text alone."""

    results: ClassVar[str] = "predictions"

    def check(self, spec: ModelSpec) -> None:  # noqa: ARG002 - see Row
        """There is one column, and it is a text."""
        for name in self.data.keys() - {"text"}:
            raise InvalidInputError("is not known; there is only text", field=f"{DATA}.{name[:100]}")
        if not isinstance(self.data.get("text"), str):
            reason = "has to be a text" if "text" in self.data else "is missing"
            raise InvalidInputError(reason, field=f"{DATA}.text")

    def question(self) -> dict[str, Any]:
        """The text."""
        return {"text": self.data["text"]}

    def place(self, field: str) -> str:
        """The endpoint knows of no `data`."""
        return f"{DATA}.{field}" if field == "text" else field


_ROWS: Mapping[type[ModelSpec], type[Row]] = {
    ForecastSpec: ForecastRow,
    ValuationSpec: ValuationRow,
    SpendSpec: SpendRow,
    ClassifierSpec: TextRow,
}


def _point(join_key: str, figures: Mapping[str, Any]) -> Point:
    interval = figures.get("interval") or {}
    return Point(
        join_key=join_key,
        prediction=figures["prediction"],
        lower=interval.get("lower"),
        upper=interval.get("upper"),
    )


# --- a request --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PredictionRequest:
    """The rows a caller sent; `many` when they came as `instances`, which is how the answers go back."""

    rows: tuple[Row, ...]
    many: bool

    def question(self, chosen: Sequence[int]) -> bytes:
        """Some of the rows as their endpoint takes them, in ASCII: even text that UTF-8 can't hold reaches it."""
        asked = [self.rows[number].question() for number in chosen]
        return json.dumps({INSTANCES: asked} if self.many else asked[0], allow_nan=False).encode()

    def answers(self, chosen: Sequence[int], body: bytes) -> tuple[dict[str, Any], ...]:
        """An endpoint's answers to `question(chosen)`; raises ValueError for anything else than one object each."""
        content = json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
        found = content[self.rows[0].results] if self.many and isinstance(content, dict) else [content]
        if not isinstance(found, list) or len(found) != len(chosen) or not all(isinstance(e, dict) for e in found):
            raise ValueError(f"not {len(chosen)} answers")
        return tuple(found)

    def place(self, chosen: Sequence[int], field: str | None) -> str:
        """A field that an endpoint refused in `question(chosen)`, as the caller knows it."""
        if field is None:
            return "body"
        if (found := _PLACE.fullmatch(field)) and int(found[1]) < len(chosen):
            number = chosen[int(found[1])]
            inner = self.rows[number].place(found[2]) if found[2] else ""
            return f"{INSTANCES}.{number}.{inner}".rstrip(".")
        return field if self.many else self.rows[0].place(field)


def read_request(body: bytes, spec: ModelSpec) -> PredictionRequest:
    """Read a caller's request; raises InvalidInputError that names the field, `body` for what is not a JSON object.

    One row is `{"data": …}`, many are `{"instances": [{"data": …}, …]}`. What else may be said of a row may also be
    said once, beside `instances`, of all that don't say it themselves.
    """
    content = _read_object(body)
    kind = _ROWS[type(spec)]
    if INSTANCES not in content:
        return PredictionRequest((_read_row(kind, content, spec),), many=False)
    common = {name: value for name, value in content.items() if name != INSTANCES}
    if DATA in common:
        raise InvalidInputError("must be given in each instance", field=DATA)
    instances = content[INSTANCES]
    if not isinstance(instances, list) or not 0 < len(instances) <= INSTANCES_LIMIT:
        raise InvalidInputError(f"has to be a list of 1 to {INSTANCES_LIMIT} objects", field=INSTANCES)
    _read_row(kind, {DATA: {}} | common, spec, check=False)  # so that what is said once is refused once
    rows = []
    for number, instance in enumerate(instances):
        place = f"{INSTANCES}.{number}"
        if not isinstance(instance, dict):
            raise InvalidInputError("has to be an object", field=place)
        rows.append(_read_row(kind, common | instance, spec, place=f"{place}."))
    return PredictionRequest(tuple(rows), many=True)


def _read_row(
    kind: type[Row], content: Mapping[str, Any], spec: ModelSpec, *, place: str = "", check: bool = True
) -> Row:
    try:
        row = kind.model_validate(content)
        if check:
            row.check(spec)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])[:200]
        known = ", ".join(sorted(kind.model_fields))
        reason = {
            "extra_forbidden": f"is not known; known: {known}",
            "missing": "is missing",
        }.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise InvalidInputError(reason, field=f"{place}{name}") from error
    except InvalidInputError as error:
        raise InvalidInputError(error.reason, field=f"{place}{error.field}") from error
    return row


def _read_object(body: bytes) -> dict[str, Any]:
    if len(body) > BODY_LIMIT_BYTES:
        raise InvalidInputError(f"is larger than {BODY_LIMIT_BYTES} bytes", field="body")
    try:
        text = body.decode("utf-8-sig")  # a byte-order mark is allowed, as the endpoints allow it
    except UnicodeDecodeError as error:
        raise InvalidInputError("is not UTF-8", field="body") from error
    try:
        content = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError("is not JSON", field="body") from error
    if not isinstance(content, dict):
        raise InvalidInputError("is not a JSON object", field="body")
    return content


def _finite(text: str) -> float:
    """A number that JSON can carry on to the model."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large for a number")
    return number


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")
