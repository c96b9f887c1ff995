"""List suspicious price gaps, or review one."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.shared.domain.decisions import claimed
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database
from bellwether.trading.adapters.postgres_telemetry import PostgresGaps
from bellwether.trading.domain.bars import Ticker
from bellwether.trading.domain.price_gaps import PriceGap, Ratio
from bellwether.trading.usecases.review_price_gap import review_price_gap

SHOWN = 200


class Settings(DatabaseSettings):
    """Environment of ReviewPriceGapFunction."""


class Review(BaseModel):
    """What a gap is: a split with a ratio of new shares to old ones, or 1:1 for a real move of the price.

    `at` is needed only when the ticker has several unreviewed gaps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticker: Ticker
    at: AwareDatetime | None = None
    ratio: Ratio
    actor: Annotated[str, Field(min_length=1, max_length=400)]
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class Request(BaseModel):
    """An empty request only lists the gaps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    review: Review | None = None


class Gaps(BaseModel):
    """Gaps with their latest review, unreviewed ones first."""

    model_config = ConfigDict(frozen=True)

    gaps: tuple[PriceGap, ...]
    unreviewed: int


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return the gaps as they stand after the review, if there is one."""
    review = parse(Request, event).review
    store = PostgresGaps(application_database(load(Settings)))
    gaps = review_price_gap(store, **dict(review) | {"actor": claimed(review.actor)}) if review else store.gaps()
    if review:
        logger.info("price gap reviewed", extra=review.model_dump(mode="json"))
    unreviewed = sum(gap.ratio is None for gap in gaps)
    return Gaps(gaps=tuple(gaps[:SHOWN]), unreviewed=unreviewed).model_dump(mode="json")
