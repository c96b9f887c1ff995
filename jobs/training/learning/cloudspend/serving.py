"""Answer "what if": the coming days' spend of an account, a service or a cost center, and the same with growth."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ..errors import RefusedInputError
from ..requests import data_of, finite_number, shown
from .conformal import Calibration, intervals, nearest, roughness, scale
from .recipe import Recipe, SeriesClass, forecast

POLICY, SERIES = "spend.json", "series.json"
PARTS = ("account", "service", "cost_center")
DAYS, DAYS_MAX, GROWTH_MIN, GROWTH_MAX = 30, 92, -100.0, 1000.0


@dataclass(frozen=True)
class Request:
    """Whose spend, how many days from the bundle's last on, and by how much it grows, in percent."""

    parts: Mapping[str, str]
    days: int
    growth_percent: float
    filled: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """A loaded bundle."""

    version: str | None
    unit: str
    recipe: Recipe
    sums: tuple[Calibration, ...]
    last_day: date
    series: tuple[tuple[tuple[str, ...], tuple[float, ...]], ...]


def from_manifest(manifest: Mapping[str, Any], parts: Mapping[str, bytes], version: str | None) -> Model:
    """Put a model together from its manifest and the bytes of its parts."""
    policy, kept = json.loads(parts[POLICY]), json.loads(parts[SERIES])
    recipe = Recipe(
        {SeriesClass(kind): tuple(names) for kind, names in policy["members"].items()},
        policy["floor_a_day"],
        policy["idle_share_min"],
        policy["weekday_strength_min"],
        policy["calendar"],
    )
    return Model(
        version=version,
        unit=manifest["unit"],
        recipe=recipe,
        sums=tuple(
            Calibration(each["days"], each["ratio"], tuple(each["grid"]), each["skipped"]) for each in policy["sums"]
        ),
        last_day=date.fromisoformat(kept["last_day"]),
        series=tuple((tuple(each["key"]), tuple(each["amounts"])) for each in kept["series"]),
    )


def read_request(content: Mapping[str, Any]) -> Request:
    """Read `{"data": {"account"?, "service"?, "cost_center"?, "growth_percent"?, "days"?}}`.

    Raises RefusedInputError that names the column.
    """
    data = data_of(content)
    for name in data:
        if name not in {*PARTS, "growth_percent", "days"}:
            raise RefusedInputError(str(name)[:100], "is no column of this model")
    parts = {name: data[name] for name in PARTS if data.get(name) is not None}
    for name, value in parts.items():
        if not isinstance(value, str):
            raise RefusedInputError(name, f"has to be a text, is {shown(value)}")
    growth = _number(data, "growth_percent", 0.0, GROWTH_MIN, GROWTH_MAX)
    days = _number(data, "days", DAYS, 1, DAYS_MAX)
    if days != int(days):
        raise RefusedInputError("days", "has to be a whole number")
    absent = tuple(name for name in (*PARTS, "growth_percent", "days") if data.get(name) is None)
    return Request(parts, int(days), growth, absent)


def answer(model: Model, request: Request) -> Mapping[str, Any]:
    """The sum over the days, with and without the growth; raises RefusedInputError for a part without spend."""
    chosen = [
        (key, amounts)
        for key, amounts in model.series
        if all(key[PARTS.index(name)] == value for name, value in request.parts.items())
    ]
    if not chosen:
        name, value = next(iter(request.parts.items()), ("data", ""))
        raise RefusedInputError(name, f"there is no spend of {shown(value)} in what the model was trained on")
    made = [forecast(amounts, model.last_day, request.days, model.recipe) for _, amounts in chosen]
    base = sum(sum(each.amounts) for each in made)
    longest = max(len(amounts) for _, amounts in chosen)
    whole = [0.0] * longest
    for _, amounts in chosen:
        for place, amount in enumerate(amounts):
            whole[longest - len(amounts) + place] += amount
    factor = 1 + request.growth_percent / 100
    calibration = nearest(model.sums, request.days)
    size = scale(None, roughness(whole), calibration.ratio, request.days, base, longest)
    spans = [
        {"level": each.level, "lower": _cents(each.lower * factor), "upper": _cents(each.upper * factor)}
        for each in intervals(base, size, calibration)
    ]
    return {
        "prediction": _cents(base * factor),
        "unit": model.unit,
        "interval": spans[0],
        "intervals": spans,
        "without_growth": _cents(base),
        "difference": _cents(base * factor) - _cents(base),
        "first_day": str(date.fromordinal(model.last_day.toordinal() + 1)),
        "days": request.days,
        "series": len(chosen),
        "methods": sorted({each.method for each in made}),
        "model_version": model.version,
        "filled": list(request.filled),
        "unseen": [],
    }


def _number(data: Mapping[str, Any], name: str, otherwise: float, low: float, high: float) -> float:
    value = data.get(name)
    if value is None:
        return otherwise
    number = finite_number(name, value)
    if not low <= number <= high:
        raise RefusedInputError(name, f"has to be between {low:g} and {high:g}")
    return number


def _cents(value: float) -> float:
    return round(value, 2)
