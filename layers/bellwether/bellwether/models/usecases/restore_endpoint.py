"""A deployment has failed: put the endpoint back to what it served before."""

from pydantic import BaseModel, ConfigDict

from bellwether.models.domain.deployment import DeploymentPlan, EndpointState
from bellwether.models.ports.endpoints import Endpoints
from bellwether.models.ports.registry import CurrentVersions
from bellwether.models.usecases.apply_endpoint_config import apply_endpoint_config


class Restoration(BaseModel):
    """The configuration that the endpoint goes back to; None when there is no endpoint any more."""

    model_config = ConfigDict(frozen=True)

    restored_to: str | None


def restore_endpoint(plan: DeploymentPlan, *, current_versions: CurrentVersions, endpoints: Endpoints) -> Restoration:
    """Undo the plan's staging; an endpoint that has moved on to a third configuration meanwhile is left alone.

    Raises ConflictError or TransientUpstreamError while the endpoint takes no order: the same call succeeds later.
    """
    state = endpoints.find(plan.endpoint_name)
    target = _target(plan, current_versions)
    if state is not None and _belongs_to_another(state, plan, target):
        return Restoration(restored_to=state.heads_for)
    if target is not None:
        apply_endpoint_config(plan.endpoint_name, target, endpoints=endpoints)
    else:
        endpoints.delete(plan.endpoint_name)
    return Restoration(restored_to=target)


def _target(plan: DeploymentPlan, current_versions: CurrentVersions) -> str | None:
    """What was before; when a newer version was promoted in the meantime, that one."""
    current = current_versions.get(plan.model)
    if current is not None and current.version > plan.version:
        return current.endpoint_config_name
    return plan.previous_config_name


def _belongs_to_another(state: EndpointState, plan: DeploymentPlan, target: str | None) -> bool:
    return state.heads_for not in {plan.endpoint_config_name, target}
