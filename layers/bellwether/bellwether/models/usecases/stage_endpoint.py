"""Put a verified version onto the endpoint; it is not current before its smoke test."""

from pydantic import BaseModel, ConfigDict

from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import Action, DeploymentPlan, EndpointPhase
from bellwether.models.ports.endpoints import Endpoints, ServingModels
from bellwether.models.usecases.apply_endpoint_config import apply_endpoint_config
from bellwether.shared.domain.errors import ConflictError


class StagedEndpoint(BaseModel):
    """An endpoint on its way to a configuration."""

    model_config = ConfigDict(frozen=True)

    model: str
    version: int
    endpoint_name: str
    endpoint_config_name: str


def stage_endpoint(plan: DeploymentPlan, *, models: ServingModels, endpoints: Endpoints) -> StagedEndpoint:
    """Make model and serverless configuration unless they are there, and steer the endpoint to them.

    Doing it twice is doing it once. Raises ConflictError or TransientUpstreamError while the endpoint takes no order,
    and ConflictError while another challenger answers at it.
    """
    spec = model_spec(plan.model)
    if plan.action is Action.CHALLENGE:
        _refuse_to_oust(plan, endpoints)
    models.ensure_model(plan.model_name, plan.model_package_arn)
    models.ensure_config(
        plan.endpoint_config_name,
        plan.model_name,
        memory_mb=spec.endpoint_memory_mb,
        max_concurrency=spec.endpoint_max_concurrency,
    )
    apply_endpoint_config(plan.endpoint_name, plan.endpoint_config_name, endpoints=endpoints)
    return StagedEndpoint(
        model=plan.model,
        version=plan.version,
        endpoint_name=plan.endpoint_name,
        endpoint_config_name=plan.endpoint_config_name,
    )


def _refuse_to_oust(plan: DeploymentPlan, endpoints: Endpoints) -> None:
    """Two challenges may begin at once; an experiment whose endpoint is moved would have another version answer."""
    state = endpoints.find(plan.endpoint_name)
    if state is None or state.heads_for == plan.endpoint_config_name:
        return
    if state.phase in {EndpointPhase.IN_SERVICE, EndpointPhase.CHANGING}:
        raise ConflictError(
            f"endpoint {plan.endpoint_name} serves {state.heads_for}, another challenger; "
            f"stop it with 'bellwether experiment stop {plan.model}'"
        )
