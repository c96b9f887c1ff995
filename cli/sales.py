"""`bellwether ingest --model <one that values things>`: sales from files into the model's dataset."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bellwether.datasets.domain.sales_layouts import SCHEMA_SUFFIX
from bellwether.datasets.views import DatasetViews
from bellwether.models.domain.specs import ValuationSpec
from cli import ingestion
from cli.target import Target


@dataclass(frozen=True)
class IngestedSales:
    """What became of files of sales: how many sales there are more, what was set aside, and the dataset now.

    `earlier`: where the dataset before lies, when somebody started over.
    """

    files: int
    new_sales: int
    findings: list[dict[str, Any]]
    dataset: dict[str, Any] | None
    earlier: str | None

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def ingest_files(target: Target, spec: ValuationSpec, files: list[Path], *, start_over: bool) -> IngestedSales:
    """Drop files, and the descriptions that lie beside them, into the inbox; wait until the event has brought them in.

    With `start_over` the dataset before is put out of the way, whatever its layout is.
    """
    earlier = _ingest(target, spec, start_over=True)["earlier"] if start_over else None
    before = DatasetViews(target.objects).sales(spec.dataset.manifest_key)
    beside = [path.with_name(path.stem + SCHEMA_SUFFIX) for path in files]
    archive = ingestion.zipped([*files, *(path for path in beside if path.exists())])
    key = f"{spec.dataset.inbox}pack-{hashlib.sha256(archive).hexdigest()[:12]}.zip"
    findings = ingestion.drop(target, key, archive, quarantine=spec.dataset.quarantine)
    dataset = _ingest(target, spec, start_over=False)["dataset"]
    return IngestedSales(
        files=len(files),
        new_sales=(dataset["rows"] if dataset else 0) - before,
        findings=findings,
        dataset=dataset,
        earlier=earlier,
    )


def ingest_inbox(target: Target, spec: ValuationSpec, *, start_over: bool) -> dict[str, Any]:
    """Take in what lies in the inbox already; returns the function's own summary."""
    return _ingest(target, spec, start_over=start_over)


def dataset_line(dataset: dict[str, Any] | None) -> str:
    """The dataset in a line."""
    if dataset is None:
        return "no sales yet"
    span = f"{dataset['first_day']} to {dataset['last_day']}"
    return f"{dataset['rows']} sales from {dataset['files']} files, layout {dataset['layout']}, {span}"


def _ingest(target: Target, spec: ValuationSpec, *, start_over: bool) -> dict[str, Any]:
    request = {"model": spec.name, "start_over": start_over}
    return target.invoke(target.output("IngestSalesFunctionName"), request)
