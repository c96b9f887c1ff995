"""What the news means for trading now: the weight of each story for each company, and why it is not traded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from bellwether.trading.domain.signals import Signal, SignalRule, Situation, apply_rule, story_weights


@dataclass(frozen=True, slots=True)
class ToldStory:
    """A stored story. `dated_at`: the instant from which its age counts, None if unknown; `tones`: the sentiment for
    each company that it names; `label` is None until it is classified."""

    event_uid: str
    story_uid: str
    feed_id: str
    url: str | None
    title: str
    first_seen_at: datetime
    dated_at: datetime | None
    label: str | None
    set_aside: bool
    tones: Mapping[str, float]


class NoWeight(StrEnum):
    """Reason why a story has no weight in signals."""

    NOT_CLASSIFIED = "not_classified"
    SET_ASIDE = "set_aside"
    NO_COMPANY = "no_company"
    AGE_UNKNOWN = "age_unknown"
    TOO_OLD = "too_old"
    TOLD_BEFORE = "told_before"


class StoryOfCompany(BaseModel):
    """A story's tone for one company, and its weight or the reason why it has none."""

    model_config = ConfigDict(frozen=True)

    ticker: str
    tone: float
    weight: float | None
    no_weight: NoWeight | None


class ReportedStory(BaseModel):
    """A story with the companies that it names. `no_weight`: reason that holds for all companies."""

    model_config = ConfigDict(frozen=True)

    event_uid: str
    story_uid: str
    feed_id: str
    url: str | None
    title: str
    first_seen_at: AwareDatetime
    published_at: AwareDatetime | None
    label: str | None
    companies: tuple[StoryOfCompany, ...]
    no_weight: NoWeight | None


class ReportedCompany(BaseModel):
    """A company in the news. `outcome`: BUY or SELL if the rule recommends it now, else the reason for no trade."""

    model_config = ConfigDict(frozen=True)

    ticker: str
    outcome: str
    stories: int
    tone: float | None


class NewsReport(BaseModel):
    """Companies and stories as the signal rule sees them now."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    market_open: bool
    rule_version: str
    companies: tuple[ReportedCompany, ...]
    stories: tuple[ReportedStory, ...]


def news_report(
    stories: Sequence[ToldStory],
    situations: Sequence[Situation],
    rule: SignalRule,
    *,
    now: datetime,
    market_open: bool,
) -> NewsReport:
    """Report stories in their order, and the companies of the situations by ticker."""
    weights = {each.ticker: story_weights(each.stories, now, rule) for each in situations}
    return NewsReport(
        at=now,
        market_open=market_open,
        rule_version=rule.version,
        companies=tuple(
            _company(replace(each, market_open=market_open), weights[each.ticker], rule)
            for each in sorted(situations, key=lambda each: each.ticker)
        ),
        stories=tuple(_story(each, weights, rule, now) for each in stories),
    )


def _company(situation: Situation, weights: Mapping[str, float], rule: SignalRule) -> ReportedCompany:
    outcome = apply_rule(situation, rule)
    tones = {each.event_uid: each.sentiment for each in situation.stories}
    total = sum(weights.values()) + rule.prior_weight
    return ReportedCompany(
        ticker=situation.ticker,
        outcome=outcome.side.value if isinstance(outcome, Signal) else outcome.value,
        stories=len(weights),
        tone=round(sum(weight * tones[uid] for uid, weight in weights.items()) / total, 4) if weights else None,
    )


def _story(
    story: ToldStory, weights: Mapping[str, Mapping[str, float]], rule: SignalRule, now: datetime
) -> ReportedStory:
    fault = _fault(story)
    companies = []
    for ticker, tone in sorted(story.tones.items()):
        weight = None if fault else weights.get(ticker, {}).get(story.event_uid)
        reason = None if weight is not None else fault or _reason(story, rule, now)
        companies.append(
            StoryOfCompany(
                ticker=ticker,
                tone=round(tone, 4),
                weight=None if weight is None else round(weight, 4),
                no_weight=reason,
            )
        )
    return ReportedStory(
        event_uid=story.event_uid,
        story_uid=story.story_uid,
        feed_id=story.feed_id,
        url=story.url,
        title=story.title,
        first_seen_at=story.first_seen_at,
        published_at=story.dated_at,
        label=story.label,
        companies=tuple(companies),
        no_weight=fault,
    )


def _fault(story: ToldStory) -> NoWeight | None:
    if story.label is None:
        return NoWeight.SET_ASIDE if story.set_aside else NoWeight.NOT_CLASSIFIED
    if not story.tones:
        return NoWeight.NO_COMPANY
    return NoWeight.AGE_UNKNOWN if story.dated_at is None else None


def _reason(story: ToldStory, rule: SignalRule, now: datetime) -> NoWeight:
    """Young enough itself, but without weight: another telling came first."""
    dated_at = min(story.dated_at or now, story.first_seen_at)
    return NoWeight.TOO_OLD if now - dated_at >= rule.window else NoWeight.TOLD_BEFORE
