"""Make a version that passed its smoke test the current one."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.ssm import SsmExperiments, SsmPromotions
from bellwether.models.domain.deployment import DeploymentPlan
from bellwether.models.usecases.promote_version import promote_version
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import EnvironmentSettings, load, parse


class Settings(EnvironmentSettings):
    """Environment of PromoteVersionFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the version that is current now, the one before it, and the experiment that has ended with this."""
    environment = load(Settings).environment
    promotion = promote_version(
        parse(DeploymentPlan, event),
        promotions=SsmPromotions(environment),
        experiments=SsmExperiments(environment),
        clock=SystemClock(),
    )
    metrics.add_dimension("model", promotion.model)
    metrics.add_metric("ModelDeployed", MetricUnit.Count, 1)
    logger.info("version promoted", extra={"model": promotion.model, "version": promotion.version})
    return promotion.model_dump(mode="json")
