"""Apply a configuration to an endpoint in any state."""

from bellwether.models.domain.deployment import EndpointPhase
from bellwether.models.ports.endpoints import Endpoints
from bellwether.shared.domain.errors import ConflictError, TransientUpstreamError


def apply_endpoint_config(endpoint_name: str, config_name: str, *, endpoints: Endpoints) -> None:
    """Create the endpoint, move it, or leave it alone when it is on its way there; returns without waiting.

    Raises ConflictError while it changes to something else, TransientUpstreamError while it has to be deleted first
    (a failed endpoint takes no other order): the same call succeeds later.
    """
    state = endpoints.find(endpoint_name)
    if state is None:
        endpoints.create(endpoint_name, config_name)
    elif state.phase is EndpointPhase.FAILED:
        endpoints.delete(endpoint_name)
        raise TransientUpstreamError(
            f"endpoint {endpoint_name} had failed; it is being deleted and will be created again"
        )
    elif state.phase is EndpointPhase.LEAVING:
        raise TransientUpstreamError(f"endpoint {endpoint_name} is being deleted and will be created again")
    elif state.heads_for == config_name:
        return
    elif state.phase is EndpointPhase.CHANGING:
        raise ConflictError(f"endpoint {endpoint_name} is changing to {state.heads_for}")
    else:
        endpoints.update(endpoint_name, config_name)
