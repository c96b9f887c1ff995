"""Take a challenger out of service: nobody is sent to it any more, then its endpoint goes."""

from pydantic import BaseModel, ConfigDict, StrictBool

from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import EndpointPhase
from bellwether.models.domain.experiment import ExperimentId
from bellwether.models.ports.endpoints import RemovableEndpoints
from bellwether.models.ports.experiments import ExperimentsStore


class WithdrawalOrder(BaseModel):
    """Which experiment ends; None: whichever runs. With `keep_endpoint` it may still answer who has not heard of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    experiment_id: ExperimentId | None = None
    keep_endpoint: StrictBool = False


class Withdrawal(BaseModel):
    """What was there to be taken out of service: the experiment of which `experiment_id` ended, the endpoint."""

    model_config = ConfigDict(frozen=True)

    experiment_id: str | None
    endpoint_name: str
    endpoint_deleted: bool
    reason: str


def withdraw_challenger(
    order: WithdrawalOrder, *, experiments: ExperimentsStore, endpoints: RemovableEndpoints
) -> Withdrawal:
    """End the experiment, then delete the endpoint; another experiment than the one named is left alone.

    Doing it twice is doing it once. Raises ConflictError while the endpoint takes no order.
    """
    spec = model_spec(order.model)
    endpoint_name = spec.challenger_endpoint_name
    running = experiments.get(spec.name)
    if running is not None and order.experiment_id not in {None, running.experiment_id}:
        return Withdrawal(
            experiment_id=None,
            endpoint_name=endpoint_name,
            endpoint_deleted=False,
            reason=f"experiment {running.experiment_id} is under way, not {order.experiment_id}",
        )
    if running is not None:
        experiments.clear(spec.name)
    state = None if order.keep_endpoint else endpoints.find(endpoint_name)
    is_there = state is not None and state.phase is not EndpointPhase.LEAVING
    if is_there:
        endpoints.delete(endpoint_name)
    return Withdrawal(
        experiment_id=running.experiment_id if running else None,
        endpoint_name=endpoint_name,
        endpoint_deleted=is_there,
        reason="withdrawn" if running or is_there else "there was no challenger",
    )
