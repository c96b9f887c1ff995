"""Fetch bars from the market-data API."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import HttpUrl

from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse
from bellwether.trading.adapters.alpaca_actions import AlpacaCorporateActions
from bellwether.trading.adapters.alpaca_data import AlpacaMarketData, Feed
from bellwether.trading.adapters.alpaca_key import AlpacaKey
from bellwether.trading.usecases.fetch_bars import BarOrder, fetch_bars

REFUSED_SHOWN = 50
HAND_ON_SECONDS = 5.0
"""Kept back for handing on what came, however long the source takes for more."""


class Settings(DataBucketSettings):
    """Environment of FetchBarsFunction. Without `alpaca_secret_id` no key is sent, as a replayed API needs none."""

    market_data_url: HttpUrl
    market_data_feed: Feed
    alpaca_secret_id: str = ""


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the bars, or with the key of the object that holds them."""

    def seconds_left() -> float:
        return context.get_remaining_time_in_millis() / 1000

    source, actions = _sources(lambda: seconds_left() - HAND_ON_SECONDS)
    delivery = fetch_bars(
        parse(BarOrder, event),
        source=source,
        actions=actions,
        objects=S3ObjectStore(load(Settings).data_bucket),
        clock=SystemClock(),
        seconds_left=seconds_left,
    )
    if delivery.refused:  # a metric is paid for by the hour in which it is told
        metrics.add_metric("BarsRefused", MetricUnit.Count, len(delivery.refused))
    for refused in delivery.refused[:REFUSED_SHOWN]:
        logger.warning("refused", extra={"ticker": refused.ticker, "reason": refused.reason})
    if delivery.trouble:
        logger.warning("requests postponed", extra={"postponed": delivery.postponed, "reason": delivery.trouble})
    if delivery.actions_trouble:
        logger.warning("announced splits not read", extra={"reason": delivery.actions_trouble})
    logger.info("bars fetched", extra={"bars": delivery.bars, "results_key": delivery.results_key})
    return delivery.model_copy(update={"refused": delivery.refused[:REFUSED_SHOWN]}).model_dump(mode="json")


def _sources(seconds_left: Callable[[], float]) -> tuple[AlpacaMarketData, AlpacaCorporateActions]:
    """Made anew each time, so that a rotated key is seen at once."""
    settings = load(Settings)
    secret_id = settings.alpaca_secret_id
    key = parse(AlpacaKey, SecretsManagerStore().get_json(secret_id)) if secret_id else None
    url = str(settings.market_data_url)
    return (
        AlpacaMarketData(url, key, feed=settings.market_data_feed, seconds_left=seconds_left),
        AlpacaCorporateActions(url, key, seconds_left=seconds_left),
    )
