"""The bundle of a trained model: parts, schema, and what one needs to know to watch it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import bundle, drift
from ..inference_code import read_code, served_files
from ..intervals import Offsets
from ..months import format_month, format_span
from .backtest import Problem
from .dataset import Dataset, Panel, Series, format_panel
from .evaluation import Judged
from .forecaster import Forecaster, to_files
from .known import relative_lags, view
from .parameters import EnsembleParameters, JobParameters
from .recession.head import head_to_files
from .recession.training import LeftOut, TrainedHead
from .selection import Selection
from .serving import HISTORY_FILE, HISTORY_MONTHS, answer, from_manifest, parse_request
from .transforms import Array

SERVED = served_files(
    *("bundle", "errors", "intervals", "months", "parameters", "requests"),
    *(
        f"macro.{name}"
        for name in (
            *("dataset", "estimators", "features", "forecaster", "gate", "known", "methods", "parameters"),
            *("recession.head", "serving", "transforms"),
        )
    ),
)
BELIEVED = 4.0  # a figure may leave what was seen by this factor, or by as many ranges where it can be negative


@dataclass(frozen=True)
class Trained:
    """All that a training brought about, besides the evaluation."""

    dataset: Dataset
    selection: Selection
    problem: Problem
    origin: int
    forecasters: tuple[Forecaster, ...]
    judged: tuple[Judged, ...]
    autoregressions: Mapping[int, Sequence[float]]
    offsets: Mapping[int, tuple[Offsets, ...]]
    recession: TrainedHead | LeftOut
    parameters: EnsembleParameters
    job: JobParameters
    floor: float | None

    @property
    def unit(self) -> str:
        """Unit of the target."""
        return self.dataset.describe(self.job.target).unit

    def month(self, row: int) -> str:
        """Month of a row, as text."""
        return format_month(self.selection.panel.first_month + row)


def write_bundle(folder: Path, trained: Trained, metrics: Mapping[str, Any]) -> str:
    """Write the bundle and tell its SHA-256. The golden answer is given by the bundle itself, as the endpoint would."""
    files = {
        **to_files(trained.forecasters),
        **(head_to_files(trained.recession.head) if isinstance(trained.recession, TrainedHead) else {}),
        HISTORY_FILE: format_panel(_history(trained)).encode(),
        **read_code(SERVED),
    }
    manifest = {**_manifest(trained, metrics), "parts": bundle.write_parts(folder, files)}
    return bundle.write_manifest(folder, {**manifest, "golden": _golden(manifest, files, trained)})


def _history(trained: Trained) -> Panel:
    panel = trained.selection.panel
    start = max(0, trained.origin + 1 - HISTORY_MONTHS)
    return Panel(panel.first_month + start, panel.names, panel.values[start:])


def _manifest(trained: Trained, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    job, table = trained.job, trained.problem.table
    lags = relative_lags(trained.selection.series, job.target)
    return {
        "schema_version": 1,
        "model": job.model,
        "target": job.target,
        "unit": trained.unit,
        "floor": trained.floor,
        "horizons_months": list(job.horizons),
        "inputs": [_input(trained, entry, lags[entry.name]) for entry in trained.selection.series],
        "series": [asdict(entry) for entry in trained.selection.series],
        "features": list(table.names),
        "training_window": {
            "first_month": trained.month(0),
            "last_month": trained.month(trained.origin),
            "excluded_months": format_span(job.excluded_months),
            "pairs": {str(pairs.horizon): len(pairs.known_at(trained.origin)) for pairs in trained.problem.pairs},
        },
        "dataset_sha256": trained.dataset.sha256,
        "seed": job.seed,
        "parameters": asdict(trained.parameters),
        "methods": {str(each.horizon): each.method for each in trained.judged},
        "autoregressions": {str(horizon): list(each) for horizon, each in trained.autoregressions.items()},
        "interval_offsets": {
            str(horizon): [asdict(each) for each in offsets] for horizon, offsets in trained.offsets.items()
        },
        "recession": trained.recession.manifest,
        "metrics": metrics,
        "drift_reference": _drift_reference(trained),
    }


def _input(trained: Trained, entry: Series, lag: int) -> Mapping[str, Any]:
    seen = trained.selection.panel.column(entry.name)
    least, most = float(np.nanmin(seen)), float(np.nanmax(seen))
    if entry.name == trained.job.target and entry.unit == "percent":
        minimum, maximum = 0.0, 100.0
    elif least > 0:
        minimum, maximum = least / BELIEVED, most * BELIEVED
    else:
        minimum, maximum = least - BELIEVED * (most - least), most + BELIEVED * (most - least)
    return {
        "name": entry.name,
        "unit": entry.unit,
        "fill": "refuse" if entry.name == trained.job.target else "last_known",
        "minimum": minimum,
        "maximum": maximum,
        "months_after_target": lag,
    }


def _drift_reference(trained: Trained) -> Mapping[str, Any]:
    """Counts of the inputs as sent in the history's months, and of the backtest's forecasts, by horizon."""
    panel = trained.selection.panel
    recent = slice(max(0, trained.origin + 1 - HISTORY_MONTHS), trained.origin + 1)
    known = view(panel, trained.selection.series, trained.job.target).values[recent]
    inputs = {name: drift.numeric(known[:, column]) for column, name in enumerate(panel.names)}
    forecasts = {
        f"prediction.h{each.horizon}": drift.numeric(each.served.values[each.served.in_test]) for each in trained.judged
    }
    return drift.reference(inputs, forecasts, len(known))


def _golden(manifest: Mapping[str, Any], files: Mapping[str, bytes], trained: Trained) -> Mapping[str, Any]:
    """The newest month as a request, with this bundle's answer; the version is unknown before the bundle is written."""
    row: Array = view(trained.selection.panel, trained.selection.series, trained.job.target).values[trained.origin]
    figures = {name: float(value) for name, value in _named(trained.selection.panel.names, row) if not np.isnan(value)}
    request = {"data": figures, "month": trained.month(trained.origin), "horizon_months": min(trained.job.horizons)}
    response = answer(from_manifest(manifest, files, None), parse_request(bundle.to_json(request)))
    return {"request": request, "response": {name: part for name, part in response.items() if name != "model_version"}}


def _named(names: Sequence[str], row: Array) -> Sequence[tuple[str, float]]:
    return list(zip(names, row, strict=True))
