"""Judge experiments and versions on probation: by schedule, or by hand for a look at them."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.models.adapters.sagemaker import SageMakerRegisteredVersions
from bellwether.models.adapters.ssm import SsmCurrentVersions, SsmExperiments
from bellwether.monitoring.adapters.captures_s3 import S3Actuals, S3CaptureLog
from bellwether.monitoring.usecases.judge_experiments import ExperimentJudge, JudgementRequest
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.stepfunctions import StepFunctionsProcesses
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, EnvironmentSettings, load, parse


class Settings(DataBucketSettings, EnvironmentSettings):
    """Environment of JudgeExperimentsFunction."""

    judge_state_machine_arn: Annotated[str, Field(pattern=r"^arn:")]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with what was found about each model that has an experiment or a version on probation."""
    settings = load(Settings)
    captures = S3CaptureLog(settings.data_bucket)
    actuals = S3Actuals(settings.data_bucket)
    judge = ExperimentJudge(
        current_versions=SsmCurrentVersions(settings.environment),
        experiments=SsmExperiments(settings.environment),
        versions=SageMakerRegisteredVersions(),
        captures=captures,
        actuals=actuals,
        processes=StepFunctionsProcesses(settings.judge_state_machine_arn),
        clock=SystemClock(),
    )
    rulings = judge.judge(parse(JudgementRequest, event))
    for fault in (*captures.unreadable, *actuals.unreadable):
        logger.warning("entry left out", extra={"fault": fault})
    for ruling in rulings:
        logger.info("judged", extra=ruling.model_dump(mode="json", include={"model", "kind", "step", "reason"}))
    return {"rulings": [ruling.model_dump(mode="json") for ruling in rulings]}
