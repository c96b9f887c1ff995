"""What the ingestion of sales writes is what the housing job reads, to the last sale and column."""

from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("pydantic")
sales = pytest.importorskip("bellwether.datasets.domain.sales")
layouts = pytest.importorskip("bellwether.datasets.domain.sales_layouts")

from jobs.training.learning.channel import MANIFEST_FILE  # noqa: E402
from jobs.training.learning.housing.channel import DATA_FILE, read_dataset  # noqa: E402
from tests.places import SAMPLES  # noqa: E402

SAMPLE = SAMPLES / "housing"


def test_the_job_reads_what_ingestion_has_written(tmp_path: Path) -> None:
    # Given the sample's files, merged as ingestion merges them
    merged: tuple[tuple[str, ...], ...] = ()
    for path in sorted(SAMPLE.glob("*.csv")):
        reading = sales.read_sales(path.read_bytes(), layouts=layouts.LAYOUTS, received_on=date(2026, 3, 1))
        merged = sales.merge(reading.layout, merged, reading.sales).sales
    written = sales.build_sales("housing", layouts.AMES, merged, ())
    (tmp_path / DATA_FILE).write_bytes(written.csv)
    (tmp_path / MANIFEST_FILE).write_bytes(written.manifest_json)
    # When the job reads its channel; Then all of it is there
    dataset = read_dataset(tmp_path)
    assert (len(dataset.sales), dataset.sha256) == (2_930, written.manifest.sha256)
    schema = dataset.sales.houses.schema
    assert [(column.name, column.role) for column in schema.columns] == [
        (column.name, column.role) for column in layouts.AMES.columns
    ]
    assert schema.degrees is not None


@pytest.mark.parametrize("layout", layouts.LAYOUTS, ids=lambda each: each.name)
def test_the_job_can_work_with_every_known_layout(layout: object, tmp_path: Path) -> None:
    # Given one sale in which everything that may be unknown is so
    row = tuple(_cell(column) for column in layout.columns)  # type: ignore[attr-defined]
    written = sales.build_sales("housing", layout, (row,), ())
    (tmp_path / DATA_FILE).write_bytes(written.csv)
    (tmp_path / MANIFEST_FILE).write_bytes(written.manifest_json)
    assert len(read_dataset(tmp_path).sales) == 1


def _cell(column: object) -> str:
    role, fill = column.role, column.fill  # type: ignore[attr-defined]
    if fill == "unknown":
        return ""
    if role in {"number", "price", "latitude", "longitude"}:
        return str(column.minimum)  # type: ignore[attr-defined]
    return "2010-01-01" if role == "date" else "a"
