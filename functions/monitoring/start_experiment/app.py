"""Let a challenger that passed its smoke test compete with the version in service."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.ssm import SsmCurrentVersions, SsmExperimentsStore
from bellwether.models.domain.experiment import ChallengePlan
from bellwether.monitoring.usecases.start_experiment import start_experiment
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import EnvironmentSettings, load, parse


class Settings(EnvironmentSettings):
    """Environment of StartExperimentFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the experiment that runs now."""
    environment = load(Settings).environment
    experiment = start_experiment(
        parse(ChallengePlan, event),
        experiments=SsmExperimentsStore(environment),
        current_versions=SsmCurrentVersions(environment),
        clock=SystemClock(),
    )
    logger.info("experiment started", extra={"model": experiment.model, "experiment_id": experiment.experiment_id})
    return experiment.model_dump(mode="json")
