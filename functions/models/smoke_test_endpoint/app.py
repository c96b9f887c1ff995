"""Ask a staged endpoint the golden question of its bundle."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.sagemaker_runtime import SageMakerPredictor
from bellwether.models.domain.deployment import DeploymentPlan
from bellwether.models.usecases.smoke_test_endpoint import smoke_test_endpoint
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of SmokeTestEndpointFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer whether the endpoint said what the model said when it was trained."""
    plan = parse(DeploymentPlan, event)
    test = smoke_test_endpoint(plan, objects=S3ObjectStore(load(Settings).data_bucket), predictor=SageMakerPredictor())
    logger.info("endpoint tested", extra={"model": plan.model, "version": plan.version, **test.model_dump()})
    return test.model_dump(mode="json")
