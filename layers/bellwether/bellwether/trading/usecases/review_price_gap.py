"""Review a suspicious price gap: it is a split with a ratio, or a real move of the price."""

from collections.abc import Sequence
from datetime import datetime

from bellwether.shared.domain.errors import ConflictError, NotFoundError
from bellwether.trading.domain.price_gaps import PriceGap, parse_ratio
from bellwether.trading.ports.telemetry import GapStore


def review_price_gap(
    store: GapStore, *, ticker: str, at: datetime | None, ratio: str, actor: str, reason: str
) -> Sequence[PriceGap]:
    """Record a review and return all gaps. Without `at`, the ticker's only unreviewed gap is meant.

    Shares held and earlier bars count with the ratio from then on. Raises InvalidInputError, NotFoundError without such
    a gap, and ConflictError when several are meant.
    """
    wanted = parse_ratio(ratio)
    of_ticker = [gap for gap in store.gaps() if gap.ticker == ticker]
    meant = [gap for gap in of_ticker if (gap.at == at if at else gap.ratio is None)]
    if not meant:
        raise NotFoundError("has no such price gap", field=ticker)
    if len(meant) > 1:
        times = ", ".join(gap.at.isoformat() for gap in meant)
        raise ConflictError(f"{ticker} has several unreviewed price gaps; give the time of one: {times}")
    store.review(meant[0], wanted, actor=actor, reason=reason)
    return store.gaps()
