"""Let a challenger that passed its smoke test compete."""

from datetime import timedelta

from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.experiment import ChallengePlan, Experiment
from bellwether.models.ports.experiments import ExperimentsStore
from bellwether.models.ports.registry import CurrentVersions
from bellwether.shared.domain.errors import ConflictError
from bellwether.shared.ports.clock import Clock


def start_experiment(
    plan: ChallengePlan, *, experiments: ExperimentsStore, current_versions: CurrentVersions, clock: Clock
) -> Experiment:
    """Begin the plan's experiment; a second time changes nothing.

    Raises ConflictError when another experiment began, or another champion came, while this one was being prepared.
    """
    spec = model_spec(plan.model)
    running = experiments.get(spec.name)
    if running is not None:
        if running.experiment_id == plan.challenge.experiment_id:
            return running
        raise ConflictError(f"experiment {running.experiment_id} started in the meantime")
    current = current_versions.get(spec.name)
    if current is None or current.version != plan.champion_version:
        raise ConflictError(f"version {plan.champion_version} is no longer in service")
    now = clock.now()
    experiment = Experiment(
        experiment_id=plan.challenge.experiment_id,
        model=spec.name,
        mode=plan.challenge.mode,
        share=plan.challenge.share,
        decider=plan.challenge.decider,
        champion_version=current.version,
        challenger_version=plan.version,
        challenger_endpoint_name=plan.endpoint_name,
        challenger_config_name=plan.endpoint_config_name,
        challenger_bundle_sha256=plan.bundle_sha256,
        started_at=now,
        ends_at=now + timedelta(days=plan.challenge.days),
    )
    experiments.put(experiment)
    return experiment
