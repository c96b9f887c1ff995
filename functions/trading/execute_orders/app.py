"""Send approved orders to the broker: the dry-run broker or, in paper mode, Alpaca's paper account."""

from collections import Counter
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import FunctionSettings, load, parse
from bellwether.trading.adapters.alpaca_broker import PAPER_URL, AlpacaPaperBroker
from bellwether.trading.adapters.alpaca_key import AlpacaKey
from bellwether.trading.adapters.broker_dry_run import DryRunBroker
from bellwether.trading.domain.executions import Execution
from bellwether.trading.domain.orders import DRY_RUN, PAPER, ClaimedOrder, TradingMode
from bellwether.trading.ports.dispatch import Broker
from bellwether.trading.usecases.execute_orders import execute_orders


class Settings(FunctionSettings):
    """Environment of ExecuteOrdersFunction. No mode trades with real money."""

    trading_mode: TradingMode
    alpaca_secret_id: str = ""  # name or ARN of a secret {"key_id": …, "secret_key": …}; needed in paper mode only
    alpaca_trading_url: str = PAPER_URL


class Request(BaseModel):
    """Orders that claim_recommendations claimed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    orders: Annotated[tuple[ClaimedOrder, ...], Field(max_length=50)]


class Executed(BaseModel):
    """A report of each order that there was time for, and the number of orders by status."""

    model_config = ConfigDict(frozen=True)

    executions: tuple[Execution, ...]
    statuses: dict[str, int]


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return a report of each order; a failure of the broker is a report, not an error."""
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
    """Brokers of the trading mode. Raises InvalidInputError when paper mode has no key."""
    if settings.trading_mode is TradingMode.DRY_RUN:
        return {DRY_RUN: DryRunBroker()}
    if not settings.alpaca_secret_id:
        raise InvalidInputError("paper mode needs ALPACA_SECRET_ID", field="trading_mode")
    key = parse(AlpacaKey, SecretsManagerStore().get_json(settings.alpaca_secret_id))
    return {DRY_RUN: DryRunBroker(), PAPER: AlpacaPaperBroker(settings.alpaca_trading_url, key)}
