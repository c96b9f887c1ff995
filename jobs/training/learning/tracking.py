"""Log a finished training to MLflow: one run for the job, one nested run for each trial of the tuning.

By default into files (`mlruns/`), which any MLflow reads when MLFLOW_ALLOW_FILE_STORE=true is set; with a tracking
server's address there. MLflow calls its file store maintenance-only and asks for a database instead; a database file
would be one more format inside a job's output, so the files it is, with the switch that MLflow asks for.
"""

import importlib.metadata
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .progress import say

FILE_STORE_SWITCH = "MLFLOW_ALLOW_FILE_STORE"
LIBRARIES = ("numpy", "scipy", "xgboost", "xgboost-cpu", "optuna")
RETRY_VARIABLES = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


@dataclass(frozen=True)
class Run:
    """One run: what went in, what came out, when (epoch milliseconds)."""

    name: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    started_ms: int
    ended_ms: int
    tags: Mapping[str, str] = field(default_factory=dict)


def track(
    uri: str,
    experiment: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    started_ms: int,
    trials: Sequence[Run],
) -> None:
    """Log a training that is written already, with the versions of its libraries; an error is printed, not raised."""
    installed = {distribution.name: distribution.version for distribution in importlib.metadata.distributions()}
    versions = {f"version.{name}": installed[name] for name in LIBRARIES if name in installed}
    job = Run("training", text(parameters), metrics, started_ms, time.time_ns() // 1_000_000, {**tags, **versions})
    try:
        log_training(uri, experiment, job, trials)
    except Exception as error:  # noqa: BLE001 - whatever a tracking server does must not lose the training
        say(f"tracking failed, the training result is kept: {type(error).__name__}: {error}")
    else:
        say(f"tracked {len(trials)} trials")


def text(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Values as MLflow stores parameters."""
    return {name: str(value) for name, value in values.items()}


def log_training(uri: str, experiment: str, job: Run, trials: Sequence[Run]) -> None:
    """Write a job and its trials; raises whatever MLflow raises, ImportError without MLflow."""
    os.environ.setdefault(FILE_STORE_SWITCH, "true")
    for name, value in RETRY_VARIABLES.items():
        os.environ.setdefault(name, value)
    # Takes seconds to import, and only here is it needed.
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    client = MlflowClient(tracking_uri=uri)
    known = client.get_experiment_by_name(experiment)
    experiment_id = client.create_experiment(experiment) if known is None else known.experiment_id

    def write(run: Run, tags: Mapping[str, str]) -> str:
        created = client.create_run(experiment_id, start_time=run.started_ms, run_name=run.name)
        run_id: str = created.info.run_id
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, run.ended_ms, 0) for name, value in run.metrics.items()],
            params=[Param(name, value) for name, value in run.parameters.items()],
            tags=[RunTag(name, value) for name, value in {**run.tags, **tags}.items()],
        )
        client.set_terminated(run_id, end_time=run.ended_ms)
        return run_id

    parent = write(job, {})
    for trial in trials:
        write(trial, {MLFLOW_PARENT_RUN_ID: parent})
