"""Act upon a version's approval or rejection: start the deployment process, once for each event."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.models.usecases.start_deployment import PackageStateChange, start_deployment
from bellwether.shared.adapters.stepfunctions import StepFunctionsNamedProcesses
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import FunctionSettings, load, parse


class Settings(FunctionSettings):
    """Environment of DeployModelFunction."""

    deploy_state_machine_arn: Annotated[str, Field(pattern=r"^arn:")]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer whether a process was started, and if not, why."""
    own_arn = load(Settings).deploy_state_machine_arn
    processes = StepFunctionsNamedProcesses(own_arn)
    started = start_deployment(parse(PackageStateChange, event), own_arn=own_arn, processes=processes)
    logger.info("package state change read", extra=started.model_dump())
    return started.model_dump(mode="json")
