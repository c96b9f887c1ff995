"""A nursery of dispatchers: forks one for each line on stdin and prints its pid; each dispatches until it is killed.

Run as `python -m tests.integration.trading.dispatch.worker <DatabaseLogin as JSON> <broker's URL>`.
"""

import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import BellwetherError
from bellwether.trading.adapters.alpaca_broker import AlpacaPaperBroker
from bellwether.trading.adapters.alpaca_key import AlpacaKey
from bellwether.trading.adapters.postgres_dispatch import PostgresExecutions, PostgresRecommendations
from bellwether.trading.domain.orders import TradingMode
from bellwether.trading.domain.risk_gates import DispatchPolicy
from bellwether.trading.usecases.claim_recommendations import claim_recommendations
from bellwether.trading.usecases.execute_orders import execute_orders
from bellwether.trading.usecases.settle_executions import settle_executions
from tests.fakes.dispatch import NOW

MANY = 10**6
CHANCE = random.Random()  # noqa: S311 - no secret
POLICY = DispatchPolicy.model_construct(  # beyond the range of the parameters
    trading_mode=TradingMode.PAPER,
    max_trades_per_day=MANY,
    max_trade_notional_usd=Decimal(MANY),
    max_position_notional_usd=Decimal(MANY),
    max_total_exposure_usd=Decimal(MANY),
    capital_usd=Decimal(MANY),
    max_daily_loss_usd=Decimal(MANY),
    trade_cooldown_seconds=0,
    max_failures=MANY,
    max_quote_age_seconds=MANY,
    send_window_seconds=2.0,  # long enough for a busy machine
    lease_seconds=4.0,
)


@dataclass(frozen=True)
class TradingClock:
    """The machine's clock, moved to when the exchange is open."""

    shift: timedelta

    @classmethod
    def from_now(cls) -> "TradingClock":
        return cls(NOW - datetime.now(UTC))

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


def dispatch_for_ever(login: DatabaseLogin, broker_url: str, clock: TradingClock) -> None:
    """As the state machine does it, over and over; what fails is left to whoever comes next."""
    database = Database(lambda: login, sslmode="prefer")
    store, executions = PostgresRecommendations(database), PostgresExecutions(database)
    broker = AlpacaPaperBroker(broker_url, AlpacaKey(key_id="key", secret_key="secret"))
    while True:
        try:
            claimed = claim_recommendations(
                store=store, clock=clock, policy=POLICY, actor="worker", token=uuid4(), limit=3
            )
            reports = execute_orders(
                claimed.orders, brokers={broker.name: broker}, clock=clock, seconds_left=lambda: 300
            )
            settle_executions(reports, store=executions)
        except BellwetherError:
            time.sleep(0.05)
            continue
        if not claimed.orders:
            time.sleep(CHANCE.uniform(0.02, 0.08))


def main() -> None:
    """Fork on demand; children that die are reaped by the kernel."""
    login, broker_url, clock = DatabaseLogin.model_validate_json(sys.argv[1]), sys.argv[2], TradingClock.from_now()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            CHANCE.seed()
            dispatch_for_ever(login, broker_url, clock)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
