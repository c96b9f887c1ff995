"""Tracking is a courtesy: it is logged where it can be, and never costs a training."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from jobs.training.learning import tracking
from jobs.training.learning.macro import training
from tests.model.builders import Economy, write_dataset
from tests.model.conftest import HYPERPARAMETERS


def test_a_tracking_server_that_fails_does_not_lose_the_training(
    made: Economy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a tracking server that is away
    asked = []

    def away(uri: str, experiment: str, job: tracking.Run, trials: Sequence[tracking.Run]) -> None:
        asked.append((uri, experiment, len(trials)))
        raise ConnectionError("no route to host")

    monkeypatch.setattr(tracking, "log_training", away)
    # When a training ends
    channel, model, output = write_dataset(tmp_path / "channel", made), tmp_path / "model", tmp_path / "data"
    given = {**HYPERPARAMETERS, "horizons": "1", "trials": "1", "mlflow_tracking_uri": "http://tracking.invalid"}
    training.run(given, channel, model, output)
    # Then bundle and evaluation are there, and the log says what is missing
    assert asked == [("http://tracking.invalid", "macro", 1)]
    assert (model / "bundle.json").is_file()
    assert (output / "evaluation.json").is_file()
    assert "tracking failed, the training result is kept: ConnectionError" in capsys.readouterr().out
