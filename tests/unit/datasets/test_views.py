"""Datasets as the command line and the portal read them."""

import pytest

from bellwether.datasets.domain.drop_layout import QuarantineReason
from bellwether.datasets.views import DatasetViews
from bellwether.shared.domain.errors import NotFoundError
from tests.fakes.objects import NOON, InMemoryObjectStore


def test_latest_figures_skip_empty_cells() -> None:
    merged = b"month,CPIAUCSL,UNRATE\n2020-01-31,258.7,3.6\n2020-02-29,,3.5\n"
    views = DatasetViews(InMemoryObjectStore({"fred-data/train/fred_merged_data.csv": merged}))
    assert views.latest_figures() == {"CPIAUCSL": "258.7", "UNRATE": "3.5"}


def test_an_empty_bucket() -> None:
    views = DatasetViews(InMemoryObjectStore())
    assert (views.vintages(), views.sales("housing-data/manifest.json"), views.quarantined("q/")) == (0, 0, ())
    with pytest.raises(NotFoundError):
        views.latest_figures()


def test_counts_and_quarantine_reasons() -> None:
    reason = QuarantineReason(
        file="X.csv",
        line=3,
        field="X",
        reason="'a' is not a number",
        received_at=NOON,
        sha256="a" * 64,
        findings=((3, "X", "'a' is not a number"),),
        left_out=0,
    )
    views = DatasetViews(
        InMemoryObjectStore(
            {
                "fred-data/vintages/UNRATE/2020-01-01.csv": b"",
                "fred-data/vintages/UNRATE/2020-01-01.assumptions.json": b"[]",
                "housing-data/manifest.json": b'{"rows": 12}',
                "q/X.csv": b"a",
                "q/X.csv.reason.json": reason.model_dump_json().encode(),
            }
        )
    )
    assert (views.vintages(), views.sales("housing-data/manifest.json")) == (1, 12)
    (entry,) = views.quarantined("q/")
    assert views.quarantine_reason(entry.key) == reason
