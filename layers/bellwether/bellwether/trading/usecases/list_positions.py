"""List positions, cash and profit as the risk gates see them."""

from decimal import Decimal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from bellwether.shared.ports.clock import Clock
from bellwether.trading.domain.book import trading_day_start
from bellwether.trading.domain.orders import ZERO
from bellwether.trading.domain.positions import Position, positions
from bellwether.trading.domain.risk_gates import DispatchPolicy
from bellwether.trading.ports.dispatch import RecommendationStore


class Portfolio(BaseModel):
    """Positions and totals at one broker, in USD. None: the price of a position is unknown."""

    model_config = ConfigDict(frozen=True)

    broker: str
    at: AwareDatetime
    positions: tuple[Position, ...]
    cash_usd: Decimal | None
    capital_usd: Decimal
    exposure_usd: Decimal | None
    max_total_exposure_usd: Decimal
    gain_today_usd: Decimal | None
    unrealised_usd: Decimal | None
    realised_usd: Decimal
    trades_today: int


def list_positions(*, store: RecommendationStore, clock: Clock, policy: DispatchPolicy) -> Portfolio:
    """Return every ticker that was ever traded at the policy's broker; closed positions have a quantity of zero."""
    now = clock.now()
    with store.transaction():
        book = store.book(
            (), broker=policy.broker, day_start=trading_day_start(now, policy.market_hours), failures_since=now
        )
        fills = store.fills(policy.broker)
    found = positions(fills, book)
    unrealised = [each.unrealised_usd for each in found]
    return Portfolio(
        broker=policy.broker,
        at=now,
        positions=found,
        cash_usd=book.cash_usd(policy.capital_usd),
        capital_usd=policy.capital_usd,
        exposure_usd=book.exposure_usd,
        max_total_exposure_usd=policy.max_total_exposure_usd,
        gain_today_usd=None if book.loss_today is None else -book.loss_today,
        unrealised_usd=None if None in unrealised else sum((each for each in unrealised if each), ZERO),
        realised_usd=sum((each.realised_usd for each in found), ZERO),
        trades_today=book.trades_today,
    )
