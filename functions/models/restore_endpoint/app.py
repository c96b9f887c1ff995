"""Put an endpoint back to what it served before a deployment that failed."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.sagemaker import SageMakerEndpoints, resource_tags
from bellwether.models.adapters.ssm import SsmCurrentVersions
from bellwether.models.domain.deployment import DeploymentPlan
from bellwether.models.usecases.restore_endpoint import restore_endpoint
from bellwether.shared.domain.field_types import NonEmptyText
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import EnvironmentSettings, load, parse


class Settings(EnvironmentSettings):
    """Environment of RestoreEndpointFunction."""

    cost_center: NonEmptyText


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the configuration that the endpoint goes back to, null when it is removed."""
    settings, plan = load(Settings), parse(DeploymentPlan, event)
    tags = resource_tags(settings.environment, settings.cost_center)
    restoration = restore_endpoint(
        plan,
        current_versions=SsmCurrentVersions(settings.environment),
        endpoints=SageMakerEndpoints(tags),
    )
    metrics.add_dimension("model", plan.model)
    metrics.add_metric("DeploymentFailed", MetricUnit.Count, 1)
    logger.warning(
        "endpoint restored", extra={"model": plan.model, "version": plan.version, **restoration.model_dump()}
    )
    return restoration.model_dump(mode="json")
