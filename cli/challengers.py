"""What the experiment commands do, apart from asking and printing."""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from rich.table import Table
from rich.text import Text

from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import APPROVED_FOR, EXPERIMENT, Action, Approval
from bellwether.models.domain.experiment import Decider, Mode
from bellwether.models.views import VersionView
from bellwether.shared.domain.decisions import claimed
from cli import executions, registry
from cli.problems import CommandError
from cli.target import Target

FUNCTION = "JudgeExperimentsFunctionName"
MACHINE = "DeployModelStateMachineArn"


def start(
    target: Target, model: str, version: VersionView, *, mode: Mode, share: float, decider: Decider, days: float
) -> str:
    """Start the process that brings a challenger into service; returns the execution's ARN."""
    if mode is Mode.SPLIT and version.status != Approval.APPROVED:
        raise CommandError(
            f"{model} version {version.number} is {version.status}: only an approved version may serve callers. "
            f"Use --mode shadow, or approve it for an experiment only: "
            f"'bellwether approve {model} --version {version.number} --for-experiment'"
        )
    experiment_id = f"{model}-v{version.number}-{uuid4().hex[:8]}"
    return executions.start(
        target,
        target.output(MACHINE),
        {
            "model": model,
            "action": Action.CHALLENGE.value,
            "version": version.number,
            "model_package_arn": version.arn,
            "actor": claimed(target.caller),
            "event_id": experiment_id,
            "challenge": {
                "experiment_id": experiment_id,
                "mode": mode.value,
                "share": share,
                "decider": decider.value,
                "days": days,
            },
        },
    )


def promote(target: Target, ruling: dict[str, Any]) -> str:
    """Deploy the challenger, which ends its experiment; returns the execution's ARN."""
    experiment = ruling["standing"]["experiment"]
    model, number = experiment["model"], experiment["challenger_version"]
    version = registry.numbered_version(target, model, number)
    if version.status != Approval.APPROVED:
        raise CommandError(
            f"{model} version {number} is {version.status}; 'bellwether approve {model} --version {number}' deploys it"
        )
    action = Action.DEPLOY if number > experiment["champion_version"] else Action.ROLLBACK
    return executions.start(
        target,
        target.output(MACHINE),
        {
            "model": model,
            "action": action.value,
            "version": number,
            "model_package_arn": version.arn,
            "promote": True,
            "actor": claimed(target.caller),
            "event_id": f"promote-{time.time_ns()}",
        },
    )


def stop(target: Target, model: str, ruling: dict[str, Any] | None, reason: str) -> str:
    """Take a challenger out of service, or what is left of one; returns the execution's ARN."""
    experiment = ruling["standing"]["experiment"] if ruling else None
    order = {
        "model": model_spec(model).name,
        "action": Action.STOP_CHALLENGE.value,
        "version": experiment["challenger_version"] if experiment else "unknown",
        "reason": reason,
        "actor": claimed(target.caller),
        "event_id": f"stop-{time.time_ns()}",
    }
    if experiment:
        order["experiment_id"] = experiment["experiment_id"]
    return executions.start(target, target.output(MACHINE), order)


def approve_for_experiment(target: Target, version: VersionView) -> None:
    """Approve a version without deploying it: it may answer its share of the callers, and be promoted."""
    target.client("sagemaker").update_model_package(
        ModelPackageArn=version.arn,
        ModelApprovalStatus=Approval.APPROVED.value,
        ApprovalDescription=f"approved for an experiment by {target.caller}"[:1024],
        CustomerMetadataProperties={**version.metadata, APPROVED_FOR: EXPERIMENT},
    )


def judge(target: Target, model: str) -> list[dict[str, Any]]:
    """How a model's experiment and probation stand, judged now; nothing is recorded or started."""
    answer = target.invoke(target.output(FUNCTION), {"models": [model_spec(model).name], "act": False})
    return list(answer["rulings"])


def experiment_of(rulings: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The ruling on the experiment among those on a model."""
    return next((each for each in rulings if each["kind"] == "judge_experiment"), None)


def running(target: Target, model: str) -> dict[str, Any]:
    """The ruling on the experiment that is under way; CommandError when there is none."""
    found = experiment_of(judge(target, model))
    if found is None:
        raise CommandError(f"No experiment with {model} is running; 'bellwether experiment start {model}' starts one")
    return found


def ruling_table(ruling: dict[str, Any]) -> Table:
    """An experiment, or a version on probation, as a person reads it."""
    standing = ruling["standing"]
    table = Table(show_header=False)
    if "experiment" in standing:
        experiment = standing["experiment"]
        table.title = _title(ruling)
        table.add_row("experiment", experiment["experiment_id"])
        table.add_row("mode", f"{experiment['mode']}, {experiment['share']:.0%} of the entities")
        table.add_row("decider", experiment["decider"])
        table.add_row("period", f"{experiment['started_at'][:16]} to {experiment['ends_at'][:16]}")
        table.add_row("pairs", str(standing["pairs"]))
        table.add_row("improvement", _percent(standing["improvement"]))
        interval = standing["interval"]
        table.add_row("confidence sequence", f"{_percent(interval['lower'])} … {_percent(interval['upper'])}")
        table.add_row("champion", health_line(standing["champion"]))
        table.add_row("challenger", health_line(standing["challenger"]))
    else:
        table.title = f"{ruling['model']}: version {standing['version']} on probation"
        table.add_row("promoted", standing["promoted_at"][:16])
        table.add_row("previous", f"version {standing['previous_version']}")
        table.add_row("health", health_line(standing["health"]))
    for gate in standing["gates"]:
        mark = ("✓", "green") if gate["passed"] else ("✗", "red")
        table.add_row(
            Text.assemble(mark, f" {gate['name']}"), f"{gate['observed']} (limit {gate['limit']}) {gate['reason']}"
        )
    table.add_row(Text("next step", style="bold"), f"{ruling['step'].replace('_', ' ')}: {ruling['reason']}")
    return table


def health_line(health: dict[str, Any]) -> str:
    """Requests, failures and latency in a line."""
    p95 = "no latency yet" if health["latency_p95_ms"] is None else f"p95 {health['latency_p95_ms']:.0f} ms"
    return f"{health['requests']} requests, {health['failed']} failed, {p95}"


def draw_path(ruling: dict[str, Any], path: Path) -> Path:
    """Draw the confidence sequence of an experiment; returns the PNG's path. CommandError before the first limit."""
    from cli.chart import (  # matplotlib takes a second that other commands need not wait for
        SequencePoint,
        draw_sequence,
    )

    points = [SequencePoint(each["pairs"], each["lower"], each["upper"]) for each in ruling["path"]]
    if all(point.lower is None and point.upper is None for point in points):
        raise CommandError("The chart needs more pairs: too few actuals are known for predictions of both versions")
    return draw_sequence(points, title=_title(ruling), path=path)


def _title(ruling: dict[str, Any]) -> str:
    experiment = ruling["standing"]["experiment"]
    return (
        f"{ruling['model']}: challenger {experiment['challenger_version']}, champion {experiment['champion_version']}"
    )


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:+.1%}"
