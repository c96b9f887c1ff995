"""Files of sales in a layout of their own, from the inbox to a candidate that registration takes."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pydantic")
pytest.importorskip("bellwether.datasets.usecases.ingest_sales")

from bellwether.datasets.usecases.ingest_sales import ingest_sales
from bellwether.models.domain.bundle_manifest import BundleManifest
from bellwether.models.domain.catalogue import HOUSING
from bellwether.models.domain.model_families import check_lineage
from bellwether.models.domain.valuation_evaluation import ValuationReport
from bellwether.models.domain.valuation_gate import check_consistent
from tests.fakes.captures import InMemoryActualsStore
from tests.fakes.objects import InMemoryObjectStore
from tests.model.conftest import start_job

COLUMNS = (
    *("month", "town", "flat_type", "block", "street_name", "storey_range", "floor_area_sqm", "flat_model"),
    *("lease_commence_date", "remaining_lease", "resale_price"),
)


def resale_flats(count: int = 600) -> bytes:
    """Flats of an invented city, in the columns of Singapore's resale register."""
    random = np.random.default_rng(5)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number in range(count):
        month, town = number * 36 // count, int(random.integers(0, 4))
        area, lease = int(random.integers(45, 140)), int(random.integers(1975, 2010))
        price = area * (3_000 + 600 * town) * (1 + 0.004 * month) * float(random.normal(1, 0.05))
        flat = (f"Town {town}", f"{2 + area // 40} ROOM", number, "Road 1", "01 TO 03", area, "Improved")
        row = (f"{2015 + month // 12}-{month % 12 + 1:02d}", *flat, lease, 99 - (2015 - lease), round(price))
        writer.writerow(row)
    return text.getvalue().encode()


@pytest.mark.slow
def test_a_file_whose_price_has_a_name_of_its_own_ends_in_a_candidate(tmp_path: Path) -> None:
    # Given a file as delivered, in which the price is called resale_price
    store = InMemoryObjectStore({f"{HOUSING.dataset.inbox}hdb_resale_price.csv": resale_flats()})
    ingested = ingest_sales(store, InMemoryActualsStore(), HOUSING, pause=lambda _attempt: None)
    assert (ingested.rejections, ingested.ingested[0].layout) == (0, "hdb")
    channel = tmp_path / "channel"
    channel.mkdir()
    for key in (HOUSING.dataset.data_key, HOUSING.dataset.manifest_key):
        (channel / Path(key).name).write_bytes(store.get(key).content)
    # When the model is trained on it with the catalogue's hyperparameters
    run = start_job(tmp_path, channel, {**HOUSING.hyperparameters, "trials": "1", "rounds": "20"}).wait()
    assert run.status == 0, run.log
    # Then report and bundle are of the model that the catalogue names
    report = ValuationReport.model_validate_json((run.output_data / "evaluation.json").read_bytes())
    check_consistent(report, HOUSING)
    check_lineage(HOUSING, BundleManifest.model_validate(json.loads((run.model / "bundle.json").read_bytes())))
    assert (report.target, report.unit) == ("price", "SGD")
