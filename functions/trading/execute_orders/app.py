"""Bring approved orders to the broker: the dry run's, and in paper mode Alpaca's paper account."""

from collections import Counter
from typing import Annotated, Any, Literal

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import FunctionSettings, load, parse
from bellwether.trading.adapters.alpaca_broker import PAPER_URL, AlpacaPaperBroker
from bellwether.trading.adapters.alpaca_data import AlpacaKey
from bellwether.trading.adapters.broker_dry_run import DryRunBroker
from bellwether.trading.domain.dispatch import DRY_RUN, PAPER, ClaimedOrder, Execution
from bellwether.trading.ports.dispatch import Broker
from bellwether.trading.usecases.execute_orders import execute_orders


class Settings(FunctionSettings):
    """Environment of ExecuteOrdersFunction. There is no mode that trades with money."""

    trading_mode: Literal["dry-run", "paper"]
    alpaca_secret_id: str = ""  # name or ARN of a secret {"key_id": …, "secret_key": …}; needed in paper mode only
    alpaca_trading_url: str = PAPER_URL


class AlpacaSecret(BaseModel):
    """The secret with an account's key."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key_id: Annotated[str, Field(min_length=1)]
    secret_key: Annotated[str, Field(min_length=1, repr=False)]


class Request(BaseModel):
    """What claim_recommendations handed out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    orders: Annotated[tuple[ClaimedOrder, ...], Field(max_length=50)]


class Executed(BaseModel):
    """What became of each order, as far as there was time, and how many came to what."""

    model_config = ConfigDict(frozen=True)

    executions: tuple[Execution, ...]
    statuses: dict[str, int]


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with a report an order; a broker's trouble is a report, not an error."""
    executions = execute_orders(
        parse(Request, event).orders,
        brokers=_brokers(load(Settings)),
        clock=SystemClock(),
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    for execution in executions:
        logger.info("order executed", extra=execution.model_dump(mode="json", exclude={"claim_token"}))
    statuses = Counter(execution.status.value for execution in executions)
    return Executed(executions=executions, statuses=dict(statuses)).model_dump(mode="json")


def _brokers(settings: Settings) -> dict[str, Broker]:
    """Those that this mode reaches; raises InvalidInputError when paper mode has no key."""
    if settings.trading_mode == "dry-run":
        return {DRY_RUN: DryRunBroker()}
    if not settings.alpaca_secret_id:
        raise InvalidInputError("paper mode needs ALPACA_SECRET_ID", field="trading_mode")
    secret = parse(AlpacaSecret, SecretsManagerStore().get_json(settings.alpaca_secret_id))
    paper = AlpacaPaperBroker(settings.alpaca_trading_url, AlpacaKey(secret.key_id, secret.secret_key))
    return {DRY_RUN: DryRunBroker(), PAPER: paper}
