"""Decide whether a training that no person ordered may begin."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.models.adapters.job_code import PackagedJobCode
from bellwether.models.adapters.sagemaker import SageMakerTrainingHistory
from bellwether.monitoring.usecases.request_retraining import RetrainingRequest, request_retraining
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of RequestRetrainingFunction."""

    training_instance_type: Annotated[str, Field(pattern=r"^ml\.")]
    training_time_limit_seconds: Annotated[int, Field(gt=0)]
    retrain_cooldown_days_max: Annotated[float, Field(ge=0)]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the decision, and with what to tell people when it is a refusal that they should know of."""
    settings = load(Settings)
    retraining = request_retraining(
        parse(RetrainingRequest, event),
        instance_type=settings.training_instance_type,
        time_limit_seconds=settings.training_time_limit_seconds,
        cooldown_days_max=settings.retrain_cooldown_days_max,
        objects=S3ObjectStore(settings.data_bucket),
        history=SageMakerTrainingHistory(),
        code=PackagedJobCode(),
        clock=SystemClock(),
    )
    metrics.add_dimension("model", retraining.model)
    metrics.add_metric("RetrainingAccepted" if retraining.accepted else "RetrainingRefused", MetricUnit.Count, 1)
    logger.info(
        "retraining decided",
        extra={"model": retraining.model, "accepted": retraining.accepted, "reasons": retraining.decision.reasons},
    )
    return retraining.model_dump(mode="json")
