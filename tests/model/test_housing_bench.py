"""The benchmark runs on the sample anywhere, on real data where they are, and says so where they are not."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.places import SHARED

housing = pytest.importorskip("bench.housing", exc_type=ImportError)

DATA = SHARED


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, float]]:
    """The benchmark's lines by name, of its only test."""
    assert housing.main(["--json", *arguments]) == 0
    (outcome,) = json.loads(capsys.readouterr().out)["outcomes"]
    return {line["name"]: line for line in outcome["lines"]}


def test_without_data_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert housing.main(["--data", str(tmp_path)]) == 0
    assert "bench-housing needs house sales" in capsys.readouterr().out


def test_it_runs_on_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given the repository's own sales, when a few rounds are boosted, then that is far better than the place's median
    monkeypatch.setattr(housing, "OUTPUT", tmp_path)
    lines = run(capsys, "--sample", "--rounds", "40")
    assert lines["this model, frozen"]["mape"] < 0.6 * lines["median by place"]["mape"]
    assert abs(lines["this model, frozen"]["coverage"] - 0.8) < 0.1
    assert (tmp_path / "housing.json").is_file()


@pytest.mark.shared_data
@pytest.mark.skipif(not (DATA / "housing").is_dir(), reason="King County's sales are not part of this repository")
def test_few_rounds_beat_lightgbm_on_king_county(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given King County, when sales from 2015-03 on are valued, then better than by LightGBM, and with the index kept up
    # nearly unbiased
    monkeypatch.setattr(housing, "OUTPUT", tmp_path)
    lines = run(capsys, "--data", str(DATA), "--sets", "king_county", "--rounds", "104")
    assert lines["this model, frozen"]["mape"] < 0.95 * lines["LightGBM"]["mape"]
    assert abs(lines["this model, online, monthly"]["bias"]) < 0.008
    np.testing.assert_allclose(lines["LightGBM"]["mape"], 0.127, atol=0.002)


def test_days_are_read_as_the_sources_write_them() -> None:
    assert [housing._iso(text) for text in ("20150527T000000", "2015-05", "2015-05-27")] == [
        "2015-05-27",
        "2015-05-01",
        "2015-05-27",
    ]
