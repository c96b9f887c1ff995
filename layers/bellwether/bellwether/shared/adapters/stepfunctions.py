"""Step Functions: start a state machine by name, once."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from bellwether.shared.adapters.aws_clients import aws_client
from bellwether.shared.adapters.aws_errors import translated
from bellwether.shared.domain.errors import ConflictError
from bellwether.shared.per_process import once_per_process
from bellwether.shared.ports.processes import StartedProcess

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@once_per_process
def stepfunctions_client() -> "SFNClient":
    """One client for each process."""
    timely = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
    return aws_client("stepfunctions", config=timely)


class StepFunctionsProcesses:
    """Processes over one state machine. Needs states:StartExecution."""

    def __init__(self, state_machine_arn: str) -> None:
        self._state_machine_arn = state_machine_arn

    def start(self, name: str, payload: Mapping[str, Any]) -> str | None:
        """Start an execution and return its ARN; None when one of this name has run already.

        While one of this name and input still runs, Step Functions returns that one.
        """
        try:
            with translated(f"execution {name}"):
                started = stepfunctions_client().start_execution(
                    stateMachineArn=self._state_machine_arn, name=name, input=json.dumps(dict(payload))
                )
        except ConflictError:
            return None
        return started["executionArn"]


class StepFunctionsNamedProcesses(StepFunctionsProcesses):
    """NamedProcesses over one state machine. Needs states:StartExecution and DescribeExecution."""

    def find(self, name: str) -> StartedProcess:
        """The execution of this name; raises NotFoundError."""
        arn = f"{self._state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        with translated(f"execution {name}"):
            found = stepfunctions_client().describe_execution(executionArn=arn)
        return StartedProcess(arn, json.loads(found.get("input", "{}")), found["status"] != "RUNNING")
