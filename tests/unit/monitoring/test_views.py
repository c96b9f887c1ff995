"""Monitoring results as the command line and the portal read them."""

import gzip

import pytest

from bellwether.monitoring.views import MonitoringViews
from bellwether.shared.domain.errors import InvalidInputError
from tests.fakes.objects import InMemoryObjectStore


def test_predictions_of_one_model_are_counted() -> None:
    lines = gzip.compress(b"{}\n{}\n")
    store = InMemoryObjectStore({f"captures/model={model}/date=2026-03-01/a.jsonl.gz": lines for model in ("a", "ab")})
    assert MonitoringViews(store).recorded_predictions("a") == 2


def test_a_report_of_another_format_is_refused_by_its_key() -> None:
    with pytest.raises(InvalidInputError, match=r"report\.json: is not a report"):
        MonitoringViews(InMemoryObjectStore({"report.json": b"{}"})).report("report.json")
