"""Verify a version's bundle and plan its deployment, or its experiment."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.bundles import S3Archives
from bellwether.models.adapters.sagemaker import SageMakerEndpointStates, SageMakerRegisteredVersions
from bellwether.models.adapters.ssm import SsmCurrentVersions, SsmExperiments
from bellwether.models.usecases.verify_bundle import BundleVerifier, VerificationRequest
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, EnvironmentSettings, load, parse


class Settings(DataBucketSettings, EnvironmentSettings):
    """Environment of VerifyBundleFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the plan that every later step works from."""
    settings = load(Settings)
    verifier = BundleVerifier(
        versions=SageMakerRegisteredVersions(),
        archives=S3Archives(settings.data_bucket),
        objects=S3ObjectStore(settings.data_bucket),
        current_versions=SsmCurrentVersions(settings.environment),
        experiments=SsmExperiments(settings.environment),
        endpoints=SageMakerEndpointStates(),
    )
    plan = verifier.verify(parse(VerificationRequest, event))
    logger.info("bundle verified", extra={"model": plan.model, "version": plan.version, "deploy": plan.deploy})
    return plan.model_dump(mode="json")
