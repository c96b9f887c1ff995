"""One training of each model, as the container runs it, for all tests that need its result."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.model.builders import Economy, economy, with_recessions, write_dataset
from tests.model.town import Town, town, write_channel
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
HOUSING_HYPERPARAMETERS: Mapping[str, str] = {"model": "housing", "trials": "4", "rounds": "60"}


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
        log, _ = self.process.communicate(timeout=600)
        return JobRun(self.root / "model", self.root / "output", self.process.returncode, log)


def start_job(root: Path, channel: Path, hyperparameters: Mapping[str, str]) -> StartedJob:
    """Start train.py by the container's contract, in folders of its own."""
    for folder in (root / "model", root / "output" / "data"):
        folder.mkdir(parents=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
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
def sold() -> Town:
    """The town whose sales the shared housing training learnt."""
    return town(sales=1000)


@dataclass(frozen=True)
class Training:
    """A training that can be run again, elsewhere."""

    root: Path
    channel: Path
    hyperparameters: Mapping[str, str]

    def run(self, name: str) -> JobRun:
        """Train in folders of this name; fails with the job's log."""
        run = start_job(self.root / name, self.channel, self.hyperparameters).wait()
        assert run.status == 0, run.log
        return run


@pytest.fixture(scope="session")
def macro_training(made: Economy, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """The shared training of the macro model."""
    root = tmp_path_factory.mktemp("macro")
    return Training(root, write_dataset(root / "channel", with_recessions(made)), HYPERPARAMETERS)


@pytest.fixture(scope="session")
def trained(macro_training: Training) -> JobRun:
    """A finished training of the macro model."""
    return macro_training.run("first")


@pytest.fixture(scope="session")
def housing_training(sold: Town, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """The shared training of the housing model."""
    root = tmp_path_factory.mktemp("housing")
    return Training(root, write_channel(root / "channel", sold), HOUSING_HYPERPARAMETERS)


@pytest.fixture(scope="session")
def housing(housing_training: Training) -> JobRun:
    """A finished training of the housing model."""
    return housing_training.run("first")
