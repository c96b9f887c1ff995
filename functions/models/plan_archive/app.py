"""Decide which versions leave the front row and which endpoints are nobody's."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.models.adapters.sagemaker import (
    SageMakerEndpointInventory,
    SageMakerEndpointStates,
    SageMakerVersionGroups,
)
from bellwether.models.adapters.ssm import SsmCurrentVersions, SsmExperiments
from bellwether.models.usecases.plan_archive import ArchiveRequest, plan_archive
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import EnvironmentSettings, load, parse


class Settings(EnvironmentSettings):
    """Environment of PlanArchiveFunction."""

    versions_max: Annotated[int, Field(ge=0)]
    endpoints_max: Annotated[int, Field(ge=0)]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with what is to be done, each with its decision."""
    settings = load(Settings)
    plan = plan_archive(
        parse(ArchiveRequest, event),
        environment=settings.environment,
        versions_max=settings.versions_max,
        endpoints_max=settings.endpoints_max,
        groups=SageMakerVersionGroups(),
        inventory=SageMakerEndpointInventory(),
        endpoints=SageMakerEndpointStates(),
        current_versions=SsmCurrentVersions(settings.environment),
        experiments=SsmExperiments(settings.environment),
        clock=SystemClock(),
    )
    logger.info("archive planned", extra={"acts": len(plan.acts), "postponed": plan.postponed})
    return plan.model_dump(mode="json")
