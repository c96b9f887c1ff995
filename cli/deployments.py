"""Deployments: started by an approval, or backwards by a rollback."""

import time
from collections.abc import Callable
from typing import Any

from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import Action, execution_name
from bellwether.models.views import VersionView
from bellwether.shared.domain.decisions import claimed
from cli import executions, registry
from cli.problems import CommandError
from cli.target import Target

EVENT_WAIT_SECONDS = 120


def started(target: Target, status: str | None = None) -> frozenset[str]:
    """ARNs of the deployments so far, or of those in this status."""
    states = target.client("stepfunctions")
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=target.output("DeployModelStateMachineArn"), **({"statusFilter": status} if status else {})
    )
    return frozenset(execution["executionArn"] for page in pages for execution in page["executions"])


def approve(target: Target, model: str, version: VersionView, *, despite_gate: str | None = None) -> str:
    """Approve a version; returns the ARN of the deployment that the approval event starts, or that is running.

    `despite_gate`: why a version that its gate refused is to serve all the same.
    """
    known, prefix = started(target), approval_prefix(model, version.number)
    if despite_gate is None:
        registry.approve(target, version)
    else:
        registry.approve_despite_gate(target, version, despite_gate)
    running = {arn for arn in started(target, "RUNNING") if arn.rsplit(":", 1)[-1].startswith(prefix)}
    return min(running & known) if running & known else await_start(target, known, name_prefix=prefix)


def approve_and_wait(
    target: Target,
    model: str,
    version: VersionView,
    *,
    timeout_seconds: float,
    despite_gate: str | None = None,
    on_state: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Approve a version and wait until its deployment has ended; returns the deployment's output."""
    on_state("waiting for the approval event")
    arn = approve(target, model, version, despite_gate=despite_gate)
    return executions.follow(target, arn, timeout_seconds=timeout_seconds, on_state=on_state)


def approval_prefix(model: str, number: int) -> str:
    """Prefix of the name of the deployment that a version's approval starts; a rejection's differs."""
    return execution_name(model_spec(model).package_group, number, Action.DEPLOY, "")


def await_start(target: Target, known: frozenset[str], *, name_prefix: str = "") -> str:
    """ARN of a deployment that is not among the known ones; CommandError when none starts within two minutes."""
    deadline = time.monotonic() + EVENT_WAIT_SECONDS
    while time.monotonic() < deadline:
        fresh = {arn for arn in started(target) - known if arn.rsplit(":", 1)[-1].startswith(name_prefix)}
        if fresh:
            return min(fresh)
        time.sleep(1)
    raise CommandError(
        f"No deployment started within {EVENT_WAIT_SECONDS} s: "
        "check the approval rule's dead-letter queue (RUNBOOK, Approval without deployment)"
    )


def start_rollback(target: Target, model: str, version: VersionView) -> str:
    """Start the deployment machine backwards; returns the execution's ARN."""
    return executions.start(
        target,
        target.output("DeployModelStateMachineArn"),
        {
            "model": model_spec(model).name,
            "action": "rollback",
            "version": version.number,
            "model_package_arn": version.arn,
            "actor": claimed(target.caller),
            "event_id": f"rollback-{time.time_ns()}",
        },
    )


def outcome_line(title: str, output: dict[str, Any]) -> str:
    """The outcome of a deployment in a line, with its reason where there is one."""
    reason = f" ({output['reason']})" if "reason" in output else ""
    return f"{title}: {str(output['outcome']).replace('_', ' ')}{reason}"
