"""Whether a model is trained anew without a person asking: one at a time, not too often, within its budget, and not
for nothing."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from itertools import takewhile
from types import MappingProxyType

from bellwether.models.domain.specs import RetrainPolicy
from bellwether.shared.domain.decisions import Decision, Gate

SUBJECT_LIMIT = 99  # SNS's own
NOTHING = "none"
CENTS = Decimal("0.0001")
_ATTEMPT = re.compile(r"-[0-9a-f]{8}-[0-9a-f]{8}-[0-9]+")

# A training job's machine in USD an hour, on demand, us-east-1, 2026 (https://aws.amazon.com/sagemaker/ai/pricing/).
# Other regions differ by some tens of percent: the cap is a guard against a loop, not a bill.
TRAINING_USD_AN_HOUR: Mapping[str, Decimal] = MappingProxyType(
    {
        "ml.m5.large": Decimal("0.115"),
        "ml.m5.xlarge": Decimal("0.23"),
        "ml.m5.2xlarge": Decimal("0.461"),
        "ml.m5.4xlarge": Decimal("0.922"),
        "ml.c5.xlarge": Decimal("0.204"),
        "ml.c5.2xlarge": Decimal("0.408"),
        "ml.c5.4xlarge": Decimal("0.816"),
    }
)


class Trigger(StrEnum):
    """Why a model is to be trained."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    DRIFT = "drift"
    ACCURACY = "accuracy"
    ALARM = "alarm"

    @property
    def is_cry_for_help(self) -> bool:
        """Whether something is wrong with what serves, so that a refusal has to be told."""
        return self in {Trigger.DRIFT, Trigger.ACCURACY, Trigger.ALARM}


@dataclass(frozen=True)
class PastTraining:
    """A training job of a model as a listing shows it; `running` also covers one that is stopping."""

    name: str
    running: bool
    completed: bool
    created_at: datetime
    ended_at: datetime | None = None

    @property
    def recipe(self) -> str:
        """What its name shares with every attempt on the same data, code and hyperparameters."""
        return self.name.rpartition("-")[0] + "-"


@dataclass(frozen=True)
class MachineTime:
    """What a training job is paid for."""

    instance_type: str
    instance_count: int
    seconds: float


@dataclass(frozen=True)
class RetrainingCase:
    """Everything that the answer depends upon; `past` are all trainings of the model, `spent` this month's."""

    trigger: Trigger
    policy: RetrainPolicy
    now: datetime
    recipe: str
    machine: MachineTime  # what this training may take at most
    past: tuple[PastTraining, ...]
    spent: tuple[MachineTime, ...]


def is_training_of(model: str, job_name: str) -> bool:
    """Whether a training job of this name is one of ours for the model."""
    return job_name.startswith(model) and _ATTEMPT.fullmatch(job_name.removeprefix(model)) is not None


def month_of(moment: datetime) -> datetime:
    """When the moment's month began."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def cost_usd(times: Iterable[MachineTime]) -> Decimal | None:
    """What machines cost, rounded up to a hundredth of a cent; None where the price of one is not known."""
    total = Decimal(0)
    for time in times:
        price = TRAINING_USD_AN_HOUR.get(time.instance_type)
        if price is None:
            return None
        total += price * time.instance_count * math.ceil(time.seconds) / 3600
    return total.quantize(CENTS, ROUND_UP)


def retraining_gates(case: RetrainingCase) -> tuple[Gate, ...]:
    """The four checks, in the order in which a person would ask."""
    return (_alone(case), _rested(case), _affordable(case), _worthwhile(case))


def _alone(case: RetrainingCase) -> Gate:
    running = sorted(job.name for job in case.past if job.running)
    return Gate(
        name="trainings_running",
        observed=", ".join(running) or NOTHING,
        limit=NOTHING,
        passed=not running,
        reason=f"{running[0]} is running; only one training runs at a time" if running else "",
    )


def _rested(case: RetrainingCase) -> Gate:
    newest = max((job.ended_at or job.created_at for job in case.past if job.completed), default=None)
    days = None if newest is None else (case.now - newest).total_seconds() / 86_400
    passed = days is None or days >= case.policy.cooldown_days
    return Gate(
        name="days_since_training",
        observed=None if days is None else round(days, 3),
        limit=case.policy.cooldown_days,
        passed=passed,
        reason=""
        if passed
        else f"the last training ended {days:.1f} days ago; "
        f"automatic training waits {case.policy.cooldown_days:g} days",
    )


def _affordable(case: RetrainingCase) -> Gate:
    """With the training at its longest, so that the cap is never passed."""
    cap = case.policy.monthly_budget_usd
    total = cost_usd((*case.spent, case.machine))
    if total is None:
        unknown = sorted({t.instance_type for t in (*case.spent, case.machine)} - TRAINING_USD_AN_HOUR.keys())
        reason = f"no price is known for {', '.join(unknown)}, so the budget can't be checked"
    elif total > cap:
        reason = f"with this training at its maximum duration the month would cost {total} USD; the budget is {cap} USD"
    else:
        reason = ""
    return Gate(
        name="month_cost_usd",
        observed=None if total is None else float(total),
        limit=float(cap),
        passed=total is not None and total <= cap,
        reason=reason,
    )


def _worthwhile(case: RetrainingCase) -> Gate:
    """The same data, code and hyperparameters make the same model.

    Someone who hears of drift wants to see a training all the same, so it may confirm the model once; after that only
    newer data help.
    """
    done = sorted((job for job in case.past if job.completed), key=lambda job: job.created_at, reverse=True)
    repeated = len(list(takewhile(lambda job: job.recipe == case.recipe, done)))
    limit = 1 if case.trigger.is_cry_for_help else 0
    passed = repeated <= limit
    return Gate(
        name="repeated_trainings",
        observed=repeated,
        limit=limit,
        passed=passed,
        reason=""
        if passed
        else f"{done[0].name} was trained on the same data with the same code: only new data change the model",
    )


def refusal_subject(model: str) -> str:
    """Subject line of the mail about a training that was asked for and not begun."""
    return f"Bellwether: {model} is not retrained"[:SUBJECT_LIMIT]


def refusal_message(model: str, trigger: Trigger, decision: Decision) -> str:
    """Who asked, why not, and what a person can do."""
    return "\n".join(
        [
            f"A training of {model} (trigger: {trigger.value}) was refused:",
            "",
            *(f"  - {reason}" for reason in decision.reasons),
            "",
            f"The current version stays in service. Train it manually:  bellwether train {model}",
            "RUNBOOK, Retraining refused",
            f"Decision: {decision.decision_id}",
            "",
        ]
    )
