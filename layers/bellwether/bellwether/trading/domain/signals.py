"""THE rule: decayed sentiment of a ticker's stories, where its price agrees with it, makes a recommendation.

A pure function, the same live and in the backtest. It looks at nothing that was not known at the situation's `now`:
bars that had not ended and stories that had not been seen are left out before anything is computed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from math import exp, fsum, log
from typing import Annotated
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.trading.domain.bars import Bar, Timeframe, suspected_splits

RULE_NAME = "sentiment-sma"
RULE_REVISION = 1  # of the code below; the version below holds the parameters too


class Side(StrEnum):
    """What to do."""

    BUY = "BUY"
    SELL = "SELL"


class Silence(StrEnum):
    """Why nothing is recommended."""

    MARKET_CLOSED = "market_closed"
    NO_STORIES = "no_stories"
    COOLDOWN = "cooldown"
    TOO_FEW_BARS = "too_few_bars"
    STALE_BARS = "stale_bars"
    SUSPECTED_SPLIT = "suspected_split"
    WEAK_SENTIMENT = "weak_sentiment"
    AGAINST_TREND = "against_trend"
    PRICE_ABOVE_BUDGET = "price_above_budget"


@dataclass(frozen=True)
class SignalRule:
    """Every parameter of the rule."""

    timeframe: Timeframe = Timeframe.FIVE_MINUTES
    window: timedelta = timedelta(hours=24)  # how far back stories count
    half_life: timedelta = timedelta(hours=6)  # after which a story counts half
    prior_weight: float = 0.5  # of a neutral story that is always there: one weak story moves little
    threshold: float = 0.2  # of the decayed sentiment, between -1 and 1
    sma_bars: int = 20
    band: Decimal = Decimal("0.001")  # how far from the SMA, relative, the price has to be
    cooldown: timedelta = timedelta(hours=4)  # for a ticker, whatever became of its last recommendation
    max_bar_age: timedelta = timedelta(minutes=15)  # from the last bar's end
    budget_usd: Decimal = Decimal(900)  # of one recommendation, in whole shares
    lifetime: timedelta = timedelta(minutes=15)  # after which a recommendation is not to be acted on
    max_evidence: int = 50  # stories listed, the weightiest ones; all of them count

    @cached_property
    def version(self) -> str:
        """Name, revision of the code, and a hash of the parameters: what differs in one of them is another rule."""
        digest = sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:8]
        return f"{RULE_NAME}/{RULE_REVISION}-{digest}"


INTRADAY = SignalRule()
DAILY = SignalRule(
    timeframe=Timeframe.ONE_DAY,
    window=timedelta(days=5),
    half_life=timedelta(days=1),
    cooldown=timedelta(days=3),
    max_bar_age=timedelta(days=4),
    lifetime=timedelta(days=4),
)


@dataclass(frozen=True, slots=True)
class Story:
    """A classified story; `sentiment` is the probability of positive less that of negative.

    `known_at`: since when we have it with its label. Tellings of one story share `story_uid` and count once.
    """

    event_uid: str
    story_uid: str
    published_at: datetime
    known_at: datetime
    sentiment: float


@dataclass(frozen=True)
class Situation:
    """All that the rule may look at. Bars are of one ticker, oldest first."""

    ticker: str
    now: datetime
    market_open: bool
    bars: Sequence[Bar]
    stories: Sequence[Story]
    last_made_at: datetime | None = None  # the ticker's last recommendation


# --- what comes out -------------------------------------------------------------------------------------------------


class StoryEvidence(BaseModel):
    """A story as it counted."""

    model_config = ConfigDict(frozen=True)

    event_uid: str
    sentiment: float
    weight: float
    published_at: AwareDatetime


class Evidence(BaseModel):
    """On what a recommendation stands: enough to compute it again."""

    model_config = ConfigDict(frozen=True)

    sentiment: float
    stories_counted: int
    stories: tuple[StoryEvidence, ...]
    close: Decimal
    sma: Decimal
    bars: int
    first_bar: AwareDatetime
    last_bar: AwareDatetime
    parameters: dict[str, str]


class Signal(BaseModel):
    """What the rule would do with a ticker; its id derives from ticker, last bar and rule version."""

    model_config = ConfigDict(frozen=True)

    recommendation_id: UUID
    ticker: str
    side: Side
    quantity: Annotated[int, Field(gt=0)]  # shares
    reference_price: Decimal  # USD, the last bar's close
    rule_version: str
    made_at: AwareDatetime
    expires_at: AwareDatetime
    evidence: Evidence


def recommendation_id(ticker: str, bar_start: datetime, rule_version: str) -> UUID:
    """The same ticker, bar and rule: the same recommendation, however often it is made."""
    instant = bar_start.astimezone(UTC).isoformat()
    return uuid5(NAMESPACE_URL, f"bellwether:recommendation:{ticker}:{instant}:{rule_version}")


# --- the rule -------------------------------------------------------------------------------------------------------


def judge(situation: Situation, rule: SignalRule) -> Signal | Silence:
    """Recommend, or say why not."""
    now = situation.now
    if not situation.market_open:
        return Silence.MARKET_CLOSED
    counted = _weigh(situation.stories, now, rule)
    if not counted:
        return Silence.NO_STORIES
    if situation.last_made_at is not None and now < situation.last_made_at + rule.cooldown:
        return Silence.COOLDOWN
    bars = _known_bars(situation.bars, now, rule)
    if len(bars) < rule.sma_bars:
        return Silence.TOO_FEW_BARS
    last = bars[-1]
    if now - (last.start + rule.timeframe.length) > rule.max_bar_age:
        return Silence.STALE_BARS
    if suspected_splits(bars):
        return Silence.SUSPECTED_SPLIT
    sentiment = _decayed(counted, rule)
    sma = sum((bar.close for bar in bars), Decimal(0)) / len(bars)
    side = _side(sentiment, last.close, sma, rule)
    if isinstance(side, Silence):
        return side
    quantity = int(rule.budget_usd // last.close)
    if quantity < 1:
        return Silence.PRICE_ABOVE_BUDGET
    return Signal(
        recommendation_id=recommendation_id(situation.ticker, last.start, rule.version),
        ticker=situation.ticker,
        side=side,
        quantity=quantity,
        reference_price=last.close,
        rule_version=rule.version,
        made_at=now,
        expires_at=now + rule.lifetime,
        evidence=_evidence(counted, sentiment, bars, sma, rule),
    )


def sentiment_at(stories: Iterable[Story], now: datetime, rule: SignalRule) -> float | None:
    """What the rule makes of the tone of one ticker's stories, between -1 and 1; None without a story."""
    counted = _weigh(stories, now, rule)
    return _decayed(counted, rule) if counted else None


def _side(sentiment: float, close: Decimal, sma: Decimal, rule: SignalRule) -> Side | Silence:
    if sentiment >= rule.threshold:
        return Side.BUY if close > sma * (1 + rule.band) else Silence.AGAINST_TREND
    if sentiment <= -rule.threshold:
        return Side.SELL if close < sma * (1 - rule.band) else Silence.AGAINST_TREND
    return Silence.WEAK_SENTIMENT  # what is no number, too


def _known_bars(bars: Sequence[Bar], now: datetime, rule: SignalRule) -> Sequence[Bar]:
    """The last bars that had ended by `now`."""
    end = bisect_right(bars, now - rule.timeframe.length, key=lambda bar: bar.start)
    return bars[max(0, end - rule.sma_bars) : end]


@dataclass(frozen=True, slots=True)
class _Weighed:
    story: Story
    weight: float


def _weigh(stories: Iterable[Story], now: datetime, rule: SignalRule) -> tuple[_Weighed, ...]:
    """Known stories of the window, each told once, the weightiest first.

    A story is as old as the earlier of publication and arrival: a date in the future makes none fresher.
    """
    first: dict[str, tuple[datetime, str, Story]] = {}
    for story in stories:
        if story.known_at > now:
            continue
        since = min(story.published_at, story.known_at)
        if now - since >= rule.window:
            continue
        told = (since, story.event_uid, story)
        if story.story_uid not in first or told[:2] < first[story.story_uid][:2]:
            first[story.story_uid] = told
    rate = log(2) / rule.half_life.total_seconds()
    weighed = (_Weighed(story, exp(-rate * (now - since).total_seconds())) for since, _, story in first.values())
    return tuple(sorted(weighed, key=lambda each: (-each.weight, each.story.event_uid)))


def _decayed(counted: Iterable[_Weighed], rule: SignalRule) -> float:
    """Weighted mean of the stories and a neutral one of `prior_weight`: between -1 and 1."""
    total = fsum(each.weight for each in counted) + rule.prior_weight
    return fsum(each.weight * each.story.sentiment for each in counted) / total


def _evidence(
    counted: Sequence[_Weighed], sentiment: float, bars: Sequence[Bar], sma: Decimal, rule: SignalRule
) -> Evidence:
    return Evidence(
        sentiment=round(sentiment, 6),
        stories_counted=len(counted),
        stories=tuple(
            StoryEvidence(
                event_uid=each.story.event_uid,
                sentiment=each.story.sentiment,
                weight=round(each.weight, 6),
                published_at=each.story.published_at,
            )
            for each in counted[: rule.max_evidence]
        ),
        close=bars[-1].close,
        sma=sma.quantize(Decimal("0.000001")),
        bars=len(bars),
        first_bar=bars[0].start,
        last_bar=bars[-1].start,
        parameters={name: str(value) for name, value in asdict(rule).items()},
    )
