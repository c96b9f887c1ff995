"""The bundle of a trained model: parts, schema, and what one needs to know to watch it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import bundle, drift
from ..inference_code import read_code, served_files
from .dataset import (
    CATEGORY,
    ID,
    LATITUDE,
    LONGITUDE,
    NUMERIC,
    UNKNOWN,
    Array,
    Column,
    Dataset,
    Houses,
    Schema,
    format_day,
)
from .features import feature_names
from .parameters import CUTOFFS, BoosterParameters, JobParameters
from .serving import answer, from_manifest, read_request
from .splits import Split
from .valuer import Valuer, to_files

SERVED = served_files(
    *("bundle", "errors", "parameters", "requests"),
    *(
        f"housing.{name}"
        for name in (
            *("booster", "comparables", "dataset", "encoders", "features", "hedonic", "index", "parameters"),
            *("serving", "valuer"),
        )
    ),
)
BELIEVED = 4.0  # where a schema sets no bound: the factor by which a number may leave what was seen, or so many ranges
DEGREES_BEYOND = 0.5  # of the map that was seen


@dataclass(frozen=True)
class Trained:
    """All that a training brought about, besides the evaluation; `predicted` are values of sales it had not seen."""

    dataset: Dataset
    split: Split
    valuer: Valuer
    parameters: BoosterParameters
    job: JobParameters
    predicted: Array


def write_bundle(folder: Path, trained: Trained, metrics: Mapping[str, Any]) -> str:
    """Write the bundle and tell its SHA-256. The golden answer is given by the bundle itself, as the endpoint would."""
    files = {
        **to_files(trained.valuer),
        **read_code(SERVED),
    }
    manifest = {**_manifest(trained, metrics), "parts": bundle.write_parts(folder, files)}
    return bundle.write_manifest(folder, {**manifest, "golden": _golden(manifest, files, trained)})


def _manifest(trained: Trained, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    job, sales = trained.job, trained.dataset.sales
    schema, days = sales.houses.schema, sales.houses.days
    columns = [_bounded(column, sales.houses) for column in schema.columns]
    return {
        "schema_version": 1,
        "model": job.model,
        "target": trained.job.target,
        "unit": schema.price.unit,
        "inputs": [_input(column) for column in columns if column.role in {ID, CATEGORY, *NUMERIC}],
        "columns": [asdict(column) for column in columns],
        "features": list(feature_names(schema)),
        "training_window": {
            "first_day": format_day(days[0]),
            "last_day": format_day(days[-1]),
            "sales": len(sales),
            **{name: trained.split.to_json()[name] for name in CUTOFFS},
        },
        "dataset_sha256": trained.dataset.sha256,
        "seed": job.seed,
        "parameters": asdict(trained.parameters),
        "metrics": metrics,
        "drift_reference": _drift_reference(sales.houses, trained.predicted),
    }


def _bounded(column: Column, houses: Houses) -> Column:
    """A column with a bound at either side, also where the schema has none."""
    if column.role not in NUMERIC:
        return column
    seen = houses.numbers[:, houses.schema.numbers.index(column)]
    seen = seen[~np.isnan(seen)]
    least, most = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 0.0)
    if column.role in {LATITUDE, LONGITUDE}:
        low, high = least - DEGREES_BEYOND, most + DEGREES_BEYOND
    elif least > 0:
        low, high = least / BELIEVED, most * BELIEVED
    else:
        low, high = least - BELIEVED * (most - least), most + BELIEVED * (most - least)
    return Column(
        name=column.name,
        role=column.role,
        unit=column.unit,
        minimum=low if column.minimum is None else column.minimum,
        maximum=high if column.maximum is None else column.maximum,
        fill=column.fill,
        monotone=column.monotone,
    )


def _input(column: Column) -> Mapping[str, Any]:
    """A column as callers are told of it. A house without an id, or with one that was never sold, is as welcome."""
    return {
        "name": column.name,
        "kind": "number" if column.role in NUMERIC else "category",
        "unit": column.unit,
        "fill": UNKNOWN if column.role == ID else column.fill,
        "minimum": column.minimum,
        "maximum": column.maximum,
    }


def _drift_reference(houses: Houses, predicted: Array) -> Mapping[str, Any]:
    """Counts of the columns as they would be sent, the id left out: it is another with every house."""
    schema: Schema = houses.schema
    numbers = {column.name: drift.numeric(houses.numbers[:, at]) for at, column in enumerate(schema.numbers)}
    categories = {
        column.name: drift.categorical([houses.levels[at][code] for code in houses.codes[:, at]])
        for at, column in enumerate(schema.categories)
    }
    return drift.reference({**numbers, **categories}, drift.numeric(predicted), len(houses))


def _golden(manifest: Mapping[str, Any], files: Mapping[str, bytes], trained: Trained) -> Mapping[str, Any]:
    """The newest house as a request, with this bundle's answer; the version is unknown before the bundle is written."""
    houses = trained.dataset.sales.houses
    data: dict[str, Any] = {}
    for at, column in enumerate(houses.schema.numbers):
        if not np.isnan(houses.numbers[-1, at]):
            data[column.name] = float(houses.numbers[-1, at])
    for at, column in enumerate(houses.schema.categories):
        if level := houses.levels[at][houses.codes[-1, at]]:
            data[column.name] = level
    request = {"data": data, "as_of": format_day(houses.days[-1])}
    response = answer(from_manifest(manifest, files, None), read_request(request))
    return {"request": request, "response": {name: part for name, part in response.items() if name != "model_version"}}
