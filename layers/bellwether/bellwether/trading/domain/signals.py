"""The signal rule: recommend a trade when the decayed sentiment of a ticker's stories agrees with its price trend.

A pure function, used live and in the backtest. It uses only data known at `now` of the situation: bars that have not
ended and stories that are not yet known are dropped first.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from math import exp, fsum, log
from typing import Annotated
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.trading.domain.bars import Bar, Timeframe
from bellwether.trading.domain.price_gaps import adjusted, suspected_splits

RULE_NAME = "sentiment-sma"
RULE_REVISION = 3  # of the code below; `version` also includes the parameters


class Side(StrEnum):
    """Side of a trade."""

    BUY = "BUY"
    SELL = "SELL"


class NoSignal(StrEnum):
    """Reason for no recommendation."""

    MARKET_CLOSED = "market_closed"
    NO_STORIES = "no_stories"
    COOLDOWN = "cooldown"
    TOO_FEW_BARS = "too_few_bars"
    STALE_BARS = "stale_bars"
    SPARSE_BARS = "sparse_bars"
    SUSPECTED_SPLIT = "suspected_split"
    WEAK_SENTIMENT = "weak_sentiment"
    AGAINST_TREND = "against_trend"
    PRICE_ABOVE_BUDGET = "price_above_budget"


@dataclass(frozen=True)
class SignalRule:
    """Every parameter of the rule."""

    timeframe: Timeframe = Timeframe.FIVE_MINUTES
    window: timedelta = timedelta(hours=24)  # maximum age of stories
    half_life: timedelta = timedelta(hours=6)  # of the weight of a story
    prior_weight: float = 0.5  # weight of a constant neutral story, which damps a single weak story
    threshold: float = 0.2  # of the decayed sentiment, between -1 and 1
    sma_bars: int = 20
    max_sma_span: timedelta = timedelta(days=4)  # from the first bar's start to the last bar's end: a long weekend
    band: Decimal = Decimal("0.001")  # minimum relative distance of the price from the SMA
    cooldown: timedelta = timedelta(hours=4)  # of a ticker after any recommendation
    max_bar_age: timedelta = timedelta(minutes=15)  # from the last bar's end
    budget_usd: Decimal = Decimal(900)  # of one recommendation, in whole shares
    lifetime: timedelta = timedelta(minutes=15)  # after which a recommendation expires
    max_evidence: int = 50  # maximum number of listed stories, largest weight first; all are counted

    @cached_property
    def version(self) -> str:
        """Name, revision of the code, and hash of the parameters."""
        digest = sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:8]
        return f"{RULE_NAME}/{RULE_REVISION}-{digest}"


INTRADAY = SignalRule()
DAILY = SignalRule(
    timeframe=Timeframe.ONE_DAY,
    window=timedelta(days=5),
    half_life=timedelta(days=1),
    max_sma_span=timedelta(days=35),
    cooldown=timedelta(days=3),
    max_bar_age=timedelta(days=4),
    lifetime=timedelta(days=4),
)


@dataclass(frozen=True, slots=True)
class Story:
    """A classified story; `sentiment` is the probability of positive minus that of negative.

    `known_at`: when its label became available. Near-duplicates share `story_uid` and count once, with the age of the
    first telling. `first_told_at`: an earlier telling that is not among the stories, if there is one.
    """

    event_uid: str
    story_uid: str
    published_at: datetime
    known_at: datetime
    sentiment: float
    first_told_at: datetime | None = None


@dataclass(frozen=True)
class Situation:
    """Input of the rule. Bars are of one ticker, oldest first.

    `reviewed_gaps`: ratio of each price gap that a person has reviewed, 1 for a real move, by the start of the first
    bar after it. `has_unreviewed_gap`: a suspicious gap, also one older than the bars, has not been reviewed.
    """

    ticker: str
    now: datetime
    market_open: bool
    bars: Sequence[Bar]
    stories: Sequence[Story]
    last_made_at: datetime | None = None  # the ticker's last recommendation
    reviewed_gaps: Mapping[datetime, Fraction] = field(default_factory=dict)
    has_unreviewed_gap: bool = False


# --- output ---------------------------------------------------------------------------------------------------------


class StoryEvidence(BaseModel):
    """A story with its weight."""

    model_config = ConfigDict(frozen=True)

    event_uid: str
    sentiment: float
    weight: float
    published_at: AwareDatetime


class Evidence(BaseModel):
    """Evidence of a recommendation, sufficient to recompute it."""

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
    """A recommended trade; its id derives from ticker, last bar and rule version."""

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
    """Id of a recommendation: the same for the same ticker, bar and rule version."""
    instant = bar_start.astimezone(UTC).isoformat()
    return uuid5(NAMESPACE_URL, f"bellwether:recommendation:{ticker}:{instant}:{rule_version}")


# --- the rule -------------------------------------------------------------------------------------------------------


def apply_rule(situation: Situation, rule: SignalRule) -> Signal | NoSignal:
    """Return a recommendation, or the reason for none."""
    now = situation.now
    if not situation.market_open:
        return NoSignal.MARKET_CLOSED
    counted = _weighted(situation.stories, now, rule)
    if not counted:
        return NoSignal.NO_STORIES
    if situation.last_made_at is not None and now < situation.last_made_at + rule.cooldown:
        return NoSignal.COOLDOWN
    bars = _known_bars(situation.bars, now, rule)
    if len(bars) < rule.sma_bars:
        return NoSignal.TOO_FEW_BARS
    last = bars[-1]
    if now - (last.start + rule.timeframe.length) > rule.max_bar_age:
        return NoSignal.STALE_BARS
    if last.start + rule.timeframe.length - bars[0].start > rule.max_sma_span:
        return NoSignal.SPARSE_BARS
    if situation.has_unreviewed_gap or any(gap.at not in situation.reviewed_gaps for gap in suspected_splits(bars)):
        return NoSignal.SUSPECTED_SPLIT
    bars = adjusted(bars, situation.reviewed_gaps)
    sentiment = _decayed(counted, rule)
    sma = sum((bar.close for bar in bars), Decimal(0)) / len(bars)
    side = _side(sentiment, last.close, sma, rule)
    if isinstance(side, NoSignal):
        return side
    quantity = int(rule.budget_usd // last.close)
    if quantity < 1:
        return NoSignal.PRICE_ABOVE_BUDGET
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
    """Decayed sentiment of one ticker's stories, between -1 and 1; None without a story."""
    counted = _weighted(stories, now, rule)
    return _decayed(counted, rule) if counted else None


def story_weights(stories: Iterable[Story], now: datetime, rule: SignalRule) -> Mapping[str, float]:
    """Weight of each story that counts, by `event_uid`, largest first."""
    return {each.story.event_uid: each.weight for each in _weighted(stories, now, rule)}


def with_first_tellings(stories: Iterable[Story]) -> tuple[Story, ...]:
    """Stories, ordered by the time at which they were known, each with the first telling known until then.

    Then the stories of a window are enough to know the age of each.
    """
    told_at: dict[str, datetime] = {}
    found = []
    for story in stories:
        since = min(story.published_at, story.known_at, story.first_told_at or story.known_at)
        told_at[story.story_uid] = min(since, told_at.get(story.story_uid, since))
        found.append(replace(story, first_told_at=told_at[story.story_uid]))
    return tuple(found)


def _side(sentiment: float, close: Decimal, sma: Decimal, rule: SignalRule) -> Side | NoSignal:
    if sentiment >= rule.threshold:
        return Side.BUY if close > sma * (1 + rule.band) else NoSignal.AGAINST_TREND
    if sentiment <= -rule.threshold:
        return Side.SELL if close < sma * (1 - rule.band) else NoSignal.AGAINST_TREND
    return NoSignal.WEAK_SENTIMENT  # also for NaN


def _known_bars(bars: Sequence[Bar], now: datetime, rule: SignalRule) -> Sequence[Bar]:
    """The last bars that had ended by `now`."""
    end = bisect_right(bars, now - rule.timeframe.length, key=lambda bar: bar.start)
    return bars[max(0, end - rule.sma_bars) : end]


@dataclass(frozen=True, slots=True)
class _WeightedStory:
    story: Story
    weight: float


def _weighted(stories: Iterable[Story], now: datetime, rule: SignalRule) -> tuple[_WeightedStory, ...]:
    """Known stories of the window without near-duplicates, largest weight first.

    The age counts from the earlier of publication and arrival, so a date in the future has no advantage, and from the
    first telling, so a retelling makes no story fresher.
    """
    first: dict[str, tuple[datetime, str, Story]] = {}
    told_at: dict[str, datetime] = {}
    for story in stories:
        if story.known_at > now:
            continue
        since = min(story.published_at, story.known_at)
        uid = story.story_uid
        told_at[uid] = min(since, story.first_told_at or since, told_at.get(uid, since))
        candidate = (since, story.event_uid, story)
        if uid not in first or candidate[:2] < first[uid][:2]:
            first[uid] = candidate
    rate = log(2) / rule.half_life.total_seconds()
    weighted = (
        _WeightedStory(story, exp(-rate * (now - told_at[uid]).total_seconds()))
        for uid, (_, _, story) in first.items()
        if now - told_at[uid] < rule.window
    )
    return tuple(sorted(weighted, key=lambda each: (-each.weight, each.story.event_uid)))


def _decayed(counted: Iterable[_WeightedStory], rule: SignalRule) -> float:
    """Weighted mean of the stories and a neutral one of `prior_weight`; between -1 and 1."""
    total = fsum(each.weight for each in counted) + rule.prior_weight
    return fsum(each.weight * each.story.sentiment for each in counted) / total


def _evidence(
    counted: Sequence[_WeightedStory], sentiment: float, bars: Sequence[Bar], sma: Decimal, rule: SignalRule
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
