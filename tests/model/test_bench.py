"""The benchmark reads real FRED-MD where it is, and says so where it is not."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.places import SHARED

macro = pytest.importorskip("bench.macro", exc_type=ImportError)

DATA = SHARED / macro.DATA_FILE


def test_without_data_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert macro.main(["--data", str(tmp_path / "none.csv.gz")]) == 0
    assert "bench-macro needs FRED-MD" in capsys.readouterr().out


@pytest.mark.shared_data
@pytest.mark.skipif(not DATA.is_file(), reason="FRED-MD is not part of this repository")
def test_coarse_re_estimation_beats_the_published_lasso_one_month_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given FRED-MD, when re-estimated every ten years only
    monkeypatch.setattr(macro, "OUTPUT", tmp_path)
    assert macro.main(["--json", "--data", str(DATA), "--linear-refit", "120", "--tree-refit", "120"]) == 0
    report = json.loads(capsys.readouterr().out)
    # Then random walk is the published one, nearly, and the ensemble is better than AR and LASSO
    lines = {line["name"]: line for line in report["runs"][0]["lines"]}
    np.testing.assert_allclose(lines["random walk"]["rmse"], (0.1536, 0.2296, 0.3059), atol=0.001)
    assert lines["ensemble (in service)"]["rmse"][0] < min(0.1284, lines["AR on changes (BIC)"]["rmse"][0])
    assert (tmp_path / "macro.png").stat().st_size > 10_000
    # And the chance of a recession beats the probit and the logit, while a head without embargo only seems better
    heads = {line["name"]: line for line in report["recession"]["lines"]}
    probit, logit = heads["probit on GS10-TB3MS"], heads["logit: spread, 6 months ago, 12-month low"]
    served, fake = heads["the same, calibrated (in service)"], heads["in service, without embargo (a fake)"]
    assert report["recession"]["recessions"] == 4
    assert fake["brier"] < served["brier"] < min(0.09, logit["brier"], probit["brier"])
    assert served["auc"] > max(0.92, logit["auc"])
    assert abs(served["bias"]) < 0.05
