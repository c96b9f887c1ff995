"""Make a version that passed its smoke test the current one."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import Action, CurrentVersion, DeploymentPlan
from bellwether.models.domain.experiment import Experiment
from bellwether.models.ports.experiments import Experiments
from bellwether.models.ports.registry import Promotions
from bellwether.shared.domain.errors import ConflictError
from bellwether.shared.ports.clock import Clock


class Promotion(BaseModel):
    """The version that is current now, the one before it, and the experiment that this brings to its end."""

    model_config = ConfigDict(frozen=True)

    model: str
    version: int
    previous_version: int | None
    promoted_at: datetime
    experiment: Experiment | None = None


def promote_version(
    plan: DeploymentPlan, *, promotions: Promotions, experiments: Experiments, clock: Clock
) -> Promotion:
    """Record the plan's version as current; a second time changes nothing.

    An experiment that runs has lost its champion, or has won: its challenger or another version is what serves now.
    Raises ConflictError when a newer version was promoted while this one was being deployed.
    """
    spec = model_spec(plan.model)
    current = promotions.get(spec.name)
    if current is not None and current.version > plan.version and plan.action is not Action.ROLLBACK:
        raise ConflictError(f"{spec.name} version {current.version} was promoted in the meantime")
    same = current is not None and (current.version, current.bundle_sha256) == (plan.version, plan.bundle_sha256)
    if current is None or not same or current.endpoint_config_name != plan.endpoint_config_name:
        current = CurrentVersion(
            version=plan.version,
            previous_version=current.version if current else None,
            endpoint_config_name=plan.endpoint_config_name,
            model_package_arn=plan.model_package_arn,
            bundle_sha256=plan.bundle_sha256,
            promoted_at=clock.now(),
        )
        promotions.put(spec.name, current)
    return Promotion(
        model=spec.name,
        version=current.version,
        previous_version=current.previous_version,
        promoted_at=current.promoted_at,
        experiment=experiments.get(spec.name),
    )
