"""One training for all tests that need its result: run twice, as the container runs it, side by side."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.model.builders import Economy, economy, with_recessions, write_dataset
from tests.places import ROOT

TRAINING = ROOT / "jobs" / "training"
HYPERPARAMETERS: Mapping[str, str] = {
    "model": "macro",
    "horizons": "1,3",
    "trials": "2",
    "backtest_months": "48",
    "warm_up_months": "24",
    "linear_refit_months": "6",
    "tree_refit_months": "24",
}


@dataclass(frozen=True)
class JobRun:
    """A finished job: its folders, exit status and log."""

    model: Path
    output: Path
    status: int
    log: str

    @property
    def output_data(self) -> Path:
        """What becomes output.tar.gz."""
        return self.output / "data"

    @property
    def failure(self) -> str:
        """The failure reason; empty without one."""
        path = self.output / "failure"
        return path.read_text(encoding="utf-8") if path.exists() else ""


@dataclass(frozen=True)
class StartedJob:
    """A job under way."""

    root: Path
    process: "subprocess.Popen[str]"

    def wait(self) -> JobRun:
        """Wait for the end."""
        log, _ = self.process.communicate(timeout=120)
        return JobRun(self.root / "model", self.root / "output", self.process.returncode, log)


def start_job(root: Path, channel: Path, hyperparameters: Mapping[str, str]) -> StartedJob:
    """Start train.py by the container's contract, in folders of its own."""
    for folder in (root / "model", root / "output" / "data"):
        folder.mkdir(parents=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SM_CHANNEL_TRAIN": str(channel),
        "SM_MODEL_DIR": str(root / "model"),
        "SM_OUTPUT_DIR": str(root / "output"),
        "SM_OUTPUT_DATA_DIR": str(root / "output" / "data"),
    }
    arguments = [part for name, value in hyperparameters.items() for part in (f"--{name}", value)]
    process = subprocess.Popen(
        [sys.executable, "train.py", *arguments],
        cwd=TRAINING,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return StartedJob(root, process)


@pytest.fixture(scope="session")
def made() -> Economy:
    """The economy that the shared training learnt."""
    return economy()


@pytest.fixture(scope="session")
def trained_twice(made: Economy, tmp_path_factory: pytest.TempPathFactory) -> tuple[JobRun, JobRun]:
    """The same training, twice."""
    root = tmp_path_factory.mktemp("trained")
    channel = write_dataset(root / "channel", with_recessions(made))
    started = [start_job(root / name, channel, HYPERPARAMETERS) for name in ("first", "second")]
    first, second = (job.wait() for job in started)
    return first, second


@pytest.fixture(scope="session")
def trained(trained_twice: tuple[JobRun, JobRun]) -> JobRun:
    """A finished training; fails with the job's log when it didn't succeed."""
    first = trained_twice[0]
    assert first.status == 0, first.log
    return first
