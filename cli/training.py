"""Training on request."""

from typing import Any

from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.specs import TrainedSpec
from cli import executions
from cli.problems import CommandError
from cli.target import Target

REGISTERED = "registered"
ALREADY_RUNNING = "already_running"


def start(target: Target, model: str, hyperparameters: dict[str, str]) -> str:
    """Start the training state machine; returns the execution's ARN. CommandError for a model that arrives finished."""
    if not isinstance(model_spec(model), TrainedSpec):
        raise CommandError(f"{model} is not trained here; register a bundle with 'bellwether model register {model}'")
    return executions.start(
        target,
        target.output("TrainModelStateMachineArn"),
        {
            "model": model_spec(model).name,
            "trigger": "manual",
            "requested_by": "bellwether train",
            "hyperparameters": hyperparameters,
        },
    )


def outcome_text(output: dict[str, Any]) -> str:
    """The text that approvers get, or why there is none."""
    if output.get("outcome") == ALREADY_RUNNING:
        return f"The same training is already running as {output['job_name']}; no job was started."
    return str(output["message"])
