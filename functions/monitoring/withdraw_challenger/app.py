"""Take a challenger out of service."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.sagemaker import SageMakerRemovableEndpoints
from bellwether.models.adapters.ssm import SsmExperimentsStore
from bellwether.monitoring.usecases.withdraw_challenger import WithdrawalOrder, withdraw_challenger
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import EnvironmentSettings, load, parse


class Settings(EnvironmentSettings):
    """Environment of WithdrawChallengerFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with what was there to be taken out of service."""
    order = parse(WithdrawalOrder, event)
    withdrawal = withdraw_challenger(
        order, experiments=SsmExperimentsStore(load(Settings).environment), endpoints=SageMakerRemovableEndpoints()
    )
    logger.info("challenger withdrawn", extra={"model": order.model, **withdrawal.model_dump()})
    return withdrawal.model_dump(mode="json")
