"""Answer a request: one row of current figures on top of the bundle's history, through the training's own features."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..bundle import read_verified
from ..errors import RefusedInputError
from ..intervals import Offsets
from ..months import format_month, parse_month
from ..requests import data_of, finite_number, parse_object, shown
from .dataset import Panel, Series, parse_panel
from .features import LOOKBACK_MONTHS, FeatureTable, build
from .forecaster import Forecaster, from_files
from .known import Known, carried_months, relative_lags, view
from .methods import autoregressive_change, forecast_by
from .recession.head import WITHIN_MONTHS, Head, build_head_features, head_from_files
from .transforms import Array

HISTORY_FILE = "history.csv"
HISTORY_MONTHS = 132
MONTHS_AHEAD = 3  # how far past the bundle's history a request may lie


@dataclass(frozen=True)
class Input:
    """One figure that a caller may send, and what happens when it is left out."""

    name: str
    fill: str
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True)
class Request:
    """Figures as they stood when the target's figure for `month` was out; `month` None = the history's last.

    Figures are as they were sent: which of them have to be numbers is for the model to say.
    """

    figures: Mapping[str, Any]
    month: int | None
    horizon: int | None


@dataclass(frozen=True)
class Model:
    """A loaded bundle; `recession` without a head is the reason why there is none."""

    version: str | None
    target: str
    unit: str
    floor: float
    series: tuple[Series, ...]
    inputs: tuple[Input, ...]
    feature_names: tuple[str, ...]
    history: Panel
    forecasters: Mapping[int, Forecaster]
    offsets: Mapping[int, tuple[Offsets, ...]]
    methods: Mapping[int, str]
    autoregressions: Mapping[int, tuple[float, ...]]
    recession: Head | str

    @property
    def last_month(self) -> int:
        """Newest month of the history with a figure of the target."""
        present = np.flatnonzero(~np.isnan(self.history.column(self.target)))
        return self.history.first_month + int(present[-1])


def load(folder: Path) -> Model:
    """Load a bundle; raises BundleTamperedError when one of its parts is not what was written."""
    manifest, digest, parts = read_verified(folder)
    return from_manifest(manifest, parts, f"{manifest['model']}-{digest[:8]}")


def from_manifest(manifest: Mapping[str, Any], parts: Mapping[str, bytes], version: str | None) -> Model:
    """Put a model together from its manifest and the bytes of its parts."""
    return Model(
        version=version,
        target=manifest["target"],
        unit=manifest["unit"],
        floor=-math.inf if manifest["floor"] is None else manifest["floor"],
        series=tuple(Series(**entry) for entry in manifest["series"]),
        inputs=tuple(
            Input(entry["name"], entry["fill"], entry["minimum"], entry["maximum"]) for entry in manifest["inputs"]
        ),
        feature_names=tuple(manifest["features"]),
        history=parse_panel(parts[HISTORY_FILE].decode(), HISTORY_FILE),
        forecasters=from_files(parts),
        offsets={
            int(horizon): tuple(Offsets(**entry) for entry in entries)
            for horizon, entries in manifest["interval_offsets"].items()
        },
        methods={int(horizon): method for horizon, method in manifest["methods"].items()},
        autoregressions={int(horizon): tuple(each) for horizon, each in manifest["autoregressions"].items()},
        recession=manifest["recession"].get("left_out") or head_from_files(parts),
    )


# --- reading a request -----------------------------------------------------------------------------------------------


def parse_request(body: bytes | str) -> Request:
    """Read JSON `{"data": {name: figure}, "month": "YYYY-MM"?, "horizon_months": n?}`; raises RefusedInputError."""
    return read_request(parse_object(body))


def read_request(content: Mapping[str, Any]) -> Request:
    """The same from the object that the JSON holds."""
    figures = {name: value for name, value in data_of(content).items() if value is not None}
    return Request(figures, _month(content.get("month")), _horizon(content.get("horizon_months")))


def _month(value: Any) -> int | None:
    if value is None:
        return None
    try:
        return parse_month(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise RefusedInputError("month", f"has to be YYYY-MM, is {shown(value)}") from error


def _horizon(value: Any) -> int | None:
    if value is None:
        return None
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole and not (isinstance(value, str) and re.fullmatch(r"\d{1,3}", value.strip(), re.ASCII)):
        raise RefusedInputError("horizon_months", f"has to be a whole number, is {shown(value)}")
    return int(value)


# --- answering -------------------------------------------------------------------------------------------------------


def answer(model: Model, request: Request) -> Mapping[str, Any]:
    """Forecast every horizon; raises RefusedInputError that names the field."""
    horizon = min(model.forecasters) if request.horizon is None else request.horizon
    if horizon not in model.forecasters:
        offered = ", ".join(str(one) for one in sorted(model.forecasters))
        raise RefusedInputError("horizon_months", f"{horizon} is none of {offered}")
    month = _check_month(model, request.month)
    figures, filled = _check_figures(model, request.figures)
    known = _known(model, figures, month)
    table = _features(model, known)
    random_walk = known.column(model.target)[-1:]
    predictions = [_prediction(model, one, month, table, random_walk) for one in sorted(model.forecasters)]
    chosen = next(one for one in predictions if one["horizon_months"] == horizon)
    return {
        **chosen,
        "unit": model.unit,
        "model_version": model.version,
        "month": format_month(month),
        "predictions": predictions,
        **_recession(model, known, month),
        "filled": filled,
    }


def _check_month(model: Model, asked: int | None) -> int:
    month = model.last_month if asked is None else asked
    first, last = model.history.first_month + LOOKBACK_MONTHS, model.last_month + MONTHS_AHEAD
    if not first <= month <= last:
        span = f"{format_month(first)} to {format_month(last)}"
        raise RefusedInputError("month", f"{format_month(month)} is outside the range of this model: {span}")
    return month


def _check_figures(model: Model, sent: Mapping[str, Any]) -> tuple[Mapping[str, float], list[str]]:
    figures, filled = {}, []
    for entry in model.inputs:
        if entry.name not in sent:
            if entry.fill == "refuse":
                raise RefusedInputError(entry.name, "is missing, and this model requires it")
            filled.append(entry.name)
            continue
        value = finite_number(entry.name, sent[entry.name])
        if (entry.minimum is not None and value < entry.minimum) or (
            entry.maximum is not None and value > entry.maximum
        ):
            raise RefusedInputError(entry.name, f"{value:g} is out of range: {entry.minimum} to {entry.maximum}")
        figures[entry.name] = value
    return figures, filled


def _known(model: Model, figures: Mapping[str, float], month: int) -> Known:
    """What is known at a month's origin: the history's figures, those sent in their place.

    A series that comes later than the target gives its newest figure for an earlier month, which is where it is put.
    Months between the history and a figure sent are bridged by a straight line. Nothing later than the origin counts.
    """
    origin = month - model.history.first_month
    lags = relative_lags(model.series, model.target)
    values = np.full((max(origin + 1, len(model.history.values)), len(model.history.names)), np.nan)
    values[: len(model.history.values)] = model.history.values
    for column, name in enumerate(model.history.names):
        if name in figures:
            _place(values[:, column], origin - lags[name], figures[name])
    panel = Panel(model.history.first_month, model.history.names, values[: origin + 1])
    return view(panel, model.series, model.target)


def _features(model: Model, known: Known) -> FeatureTable:
    """Features and the target's level; the newest row is the one to answer for."""
    table = build(known, model.target)
    if table.names != model.feature_names:
        raise RuntimeError("the bundle's feature code and its feature list differ")
    return table


def _place(values: Array, row: int, figure: float) -> None:
    values[row] = figure
    before = np.flatnonzero(~np.isnan(values[:row]))
    if len(before) and 1 < row - before[-1] <= carried_months("monthly"):
        start = int(before[-1])
        values[start + 1 : row] = np.interp(np.arange(start + 1, row), [start, row], [values[start], figure])


def _prediction(model: Model, horizon: int, month: int, table: FeatureTable, random_walk: Array) -> Mapping[str, Any]:
    """One horizon by its method; each part of a mean is held to the floor, as in the backtest."""
    method, level = model.methods[horizon], float(table.level[-1])
    own = level + model.forecasters[horizon].predict(table.values[-1:])
    ar = level + np.array([autoregressive_change(table.level, model.autoregressions[horizon])])
    parts = (np.maximum(each, model.floor) for each in (own, ar, random_walk))
    forecast = float(forecast_by(method, *parts)[0])
    intervals = [
        {
            "level": each.level,
            "lower": round(max(model.floor, forecast + each.lower), 4),
            "upper": round(forecast + each.upper, 4),
        }
        for each in model.offsets[horizon]
    ]
    return {
        "horizon_months": horizon,
        "target_month": format_month(month + horizon),
        "method": method,
        "prediction": round(forecast, 4),
        "interval": intervals[0],
        "intervals": intervals,
    }


def _recession(model: Model, known: Known, month: int) -> Mapping[str, Any]:
    """The second head's answer; null with the reason where there is none."""
    if isinstance(model.recession, str):
        return {"recession": None, "recession_left_out": model.recession}
    features = build_head_features(known)
    if features is None or features.names != model.recession.features:
        raise RuntimeError("the bundle's feature code and its head's feature list differ")
    if np.isnan(features.spread[-1]):
        return {"recession": None, "recession_left_out": f"{features.names[0]} is unknown for {format_month(month)}"}
    return {
        "recession": {
            "probability": round(float(model.recession.probability(features.values[-1:])[0]), 4),
            "within_months": WITHIN_MONTHS,
            "baseline_probability": round(model.recession.baseline_probability(float(features.spread[-1])), 4),
            "month": format_month(month),
        }
    }
