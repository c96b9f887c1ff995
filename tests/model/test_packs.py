"""Packs as users bring them, from single-series files to a candidate that the gate lets through."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pydantic")
pytest.importorskip("bellwether.datasets.usecases.publish_dataset")

from bellwether.datasets.domain.fred_layout import INBOX, MERGED_CSV, MERGED_MANIFEST
from bellwether.datasets.usecases.ingest_series import ingest_inbox
from bellwether.datasets.usecases.publish_dataset import Published, publish_dataset
from bellwether.models.domain.catalogue import MACRO
from bellwether.models.domain.forecast_evaluation import EvaluationReport, RecessionEvaluation
from bellwether.models.domain.forecast_gate import check_consistent, gates
from bench.fred_packs import PACKS, write_packs
from jobs.training.learning.macro import training
from jobs.training.learning.macro.dataset import Series
from jobs.training.learning.months import format_month
from tests.fakes.objects import InMemoryObjectStore
from tests.model.builders import Economy, economy, with_recessions
from tests.places import SHARED

FRED_MD = SHARED / "fred" / "fredmd_vintage_2024-01.csv.gz"
QUICK = {"trials": "1", "linear_refit_months": "12", "tree_refit_months": "60"}


@dataclass(frozen=True)
class Candidate:
    """A pack after ingestion and training."""

    published: Published
    report: EvaluationReport
    evaluation: Mapping[str, Any]

    @property
    def refusals(self) -> list[str]:
        """Why the gate would refuse it."""
        return [gate.reason for gate in gates(self.report, MACRO.policy) if not gate.passed]


def trained(pack: Path, folder: Path) -> Candidate:
    """Ingest the files of a folder as a drop would be, and train on what is published."""
    store = InMemoryObjectStore()
    for file in sorted(pack.iterdir()):
        store.put(f"{INBOX}{pack.name}/{file.name}", file.read_bytes())
    assert not ingest_inbox(store).quarantined
    published = publish_dataset(store, pause=lambda _attempt: None)
    assert published is not None
    channel = folder / "train"
    channel.mkdir(parents=True)
    for key in (MERGED_CSV, MERGED_MANIFEST):
        (channel / Path(key).name).write_bytes(store.get(key).content)
    training.run({**MACRO.hyperparameters, **QUICK}, channel, folder / "model", folder / "data")
    evaluation = json.loads((folder / "data" / "evaluation.json").read_bytes())
    report = EvaluationReport.model_validate(evaluation)
    check_consistent(report, MACRO)
    return Candidate(published, report, evaluation)


def write_pack(made: Economy, folder: Path) -> Path:
    """An economy as one file a series."""
    folder.mkdir()
    panel = made.panel
    for entry in made.series:
        values = panel.column(entry.name)
        rows = [
            f"{format_month(panel.first_month + row - (2 if entry.frequency == 'quarterly' else 0))}-01,{value:.6f}"
            for row, value in enumerate(values.tolist())
            if not np.isnan(value)
        ]
        text = "\n".join([f"observation_date,{entry.name}", *rows, ""])
        (folder / f"{entry.name}.csv").write_text(text, encoding="utf-8")
    return folder


def a_current_pack() -> Economy:
    """An economy of today: a daily name for a Treasury yield, and a wage trend that the catalogue does not know."""
    months = 420
    made = with_recessions(economy(months, seed=3))
    made = made.renamed("GS10", Series("DGS10", "percent", "daily", 2, 0)).renamed(
        "ICSA", Series("CLAIMSx", "persons", "monthly", 5, 0)
    )
    wages = 4.0 * np.exp(0.003 * np.arange(months) + 0.001 * np.sin(np.arange(months)))
    return made.with_column(Series("NEWWAGE", "", "monthly", 1, 2), wages)


@pytest.mark.slow
def test_a_pack_with_an_unknown_trend_ends_in_a_candidate_that_passes(tmp_path: Path) -> None:
    # Given a pack with a trend that the catalogue does not know and a Treasury yield under its daily name
    candidate = trained(write_pack(a_current_pack(), tmp_path / "today"), tmp_path)
    # Then the trend is left out with the way to use it, and the yield stands in for its monthly mean
    (dropped,) = [each for each in candidate.evaluation["dropped_series"] if each["series"] == "NEWWAGE"]
    assert '{"NEWWAGE": {"tcode": 5}} to a file series.json' in dropped["reason"]
    assert candidate.evaluation["stand_ins"] == {"GS10": "DGS10"}
    # And the gate lets the candidate through; each horizon says what serves it
    assert candidate.refusals == []
    assert [each.method for each in candidate.report.horizons]


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.skipif(not FRED_MD.is_file(), reason=f"there is no {FRED_MD} (set BELLWETHER_SHARED_DATA)")
@pytest.mark.parametrize("name", PACKS)
def test_a_pack_cut_from_fred_md_passes_with_2020_apart(tmp_path: Path, name: str) -> None:
    # Given 7, 25 or 49 series from 1980 to 2023, some under names that the catalogue does not know
    candidate = trained(write_packs(FRED_MD, tmp_path / "packs")[name], tmp_path)
    # Then the gate lets the candidate through, on 180 months
    assert candidate.refusals == []
    assert candidate.evaluation["backtest"]["months"] == 180
    # And 2020 is reported apart at every horizon
    assert [[part.slice for part in each.apart] for each in candidate.report.horizons] == [["targets in 2020"]] * 4
    # And the larger packs have the recession head, as their yields stand in for the monthly ones
    assert isinstance(candidate.report.recession, RecessionEvaluation) is (name != "pack-7")
