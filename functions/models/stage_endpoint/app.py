"""Put a verified version onto its serverless endpoint."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.models.adapters.sagemaker import SageMakerEndpoints, SageMakerServingModels, resource_tags
from bellwether.models.domain.deployment import DeploymentPlan
from bellwether.models.usecases.stage_endpoint import stage_endpoint
from bellwether.shared.domain.field_types import NonEmptyText
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import EnvironmentSettings, load, parse


class Settings(EnvironmentSettings):
    """Environment of StageEndpointFunction."""

    endpoint_role_arn: Annotated[str, Field(pattern=r"^arn:")]
    cost_center: NonEmptyText


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the endpoint and the configuration that it is on its way to."""
    settings = load(Settings)
    tags = resource_tags(settings.environment, settings.cost_center)
    staged = stage_endpoint(
        parse(DeploymentPlan, event),
        models=SageMakerServingModels(settings.endpoint_role_arn, tags),
        endpoints=SageMakerEndpoints(tags),
    )
    logger.info("endpoint staged", extra={"model": staged.model, "version": staged.version})
    return staged.model_dump(mode="json")
