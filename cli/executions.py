"""Follow a Step Functions execution from the terminal."""

import json
import time
from collections.abc import Callable
from typing import Any

from cli.problems import CommandError
from cli.target import Target

POLL_SECONDS = 1.0
RUNNING = "RUNNING"
SUCCEEDED = "SUCCEEDED"


def start(target: Target, state_machine_arn: str, payload: dict[str, Any]) -> str:
    """Start an execution and return its ARN."""
    answer = target.client("stepfunctions").start_execution(
        stateMachineArn=state_machine_arn, input=json.dumps(payload)
    )
    return str(answer["executionArn"])


def run(
    target: Target,
    state_machine_arn: str,
    payload: dict[str, Any] | None = None,
    *,
    timeout_seconds: float,
    on_state: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Run a state machine to its end and return its output; an Express one reports no states. Raises CommandError."""
    states = target.client("stepfunctions")
    if states.describe_state_machine(stateMachineArn=state_machine_arn)["type"] != "EXPRESS":
        execution_arn = start(target, state_machine_arn, payload or {})
        return follow(target, execution_arn, timeout_seconds=timeout_seconds, on_state=on_state)
    execution = states.start_sync_execution(stateMachineArn=state_machine_arn, input=json.dumps(payload or {}))
    if execution["status"] != SUCCEEDED:
        raise CommandError(_failure(execution))
    output: dict[str, Any] = json.loads(execution.get("output") or "{}")
    return output


def follow(
    target: Target,
    execution_arn: str,
    *,
    timeout_seconds: float,
    on_state: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Wait until the execution ends, naming each state as it is entered; returns its output.

    Raises CommandError with the machine's own error and cause when it fails, and when `timeout_seconds` pass.
    """
    states = target.client("stepfunctions")
    deadline = time.monotonic() + timeout_seconds
    seen = 0
    while True:
        execution = states.describe_execution(executionArn=execution_arn)
        entered = _entered_states(states, execution_arn)
        for name in entered[seen:]:
            on_state(name)
        seen = len(entered)
        if execution["status"] == SUCCEEDED:
            output: dict[str, Any] = json.loads(execution.get("output") or "{}")
            return output
        if execution["status"] != RUNNING:
            raise CommandError(_failure(execution))
        if time.monotonic() > deadline:
            raise CommandError(f"{execution_arn} is still running after {timeout_seconds:.0f} s; it continues to run")
        time.sleep(POLL_SECONDS)


def await_state(target: Target, execution_arn: str, name: str, *, timeout_seconds: float) -> None:
    """Wait until the execution has entered a state; CommandError when it ends before, or `timeout_seconds` pass."""
    states = target.client("stepfunctions")
    deadline = time.monotonic() + timeout_seconds
    while name not in _entered_states(states, execution_arn):
        execution = states.describe_execution(executionArn=execution_arn)
        if execution["status"] != RUNNING:
            raise CommandError(f"{execution_arn} ended {execution['status']} before '{name}'")
        if time.monotonic() > deadline:
            raise CommandError(f"{execution_arn} has not reached '{name}' after {timeout_seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def _entered_states(states: Any, execution_arn: str) -> list[str]:
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    return [
        event["stateEnteredEventDetails"]["name"]
        for page in pages
        for event in page["events"]
        if "stateEnteredEventDetails" in event
    ]


def _failure(execution: dict[str, Any]) -> str:
    name = execution["executionArn"].rsplit(":", 1)[-1]
    error, cause = execution.get("error", "no error"), execution.get("cause", "")
    return f"Execution {name} ended {execution['status']}: {error}: {cause}"
