"""What the news means for trading: weights as in the signal rule, and the reason for each story without one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.news_report import NewsReport, NoWeight, ToldStory
from bellwether.trading.domain.signals import INTRADAY, sentiment_at
from bellwether.trading.usecases.report_news import report_news
from tests.fakes.telemetry import InMemorySignals
from tests.unit.trading.builders import NOON, situation, story
from tests.unit.trading.test_telemetry import FixedClock

TOLD = ToldStory(
    event_uid="s1",
    story_uid="s1",
    feed_id="wire",
    url=None,
    title="Acme raises its outlook",
    first_seen_at=NOON - timedelta(minutes=55),
    dated_at=NOON - timedelta(hours=1),
    label="positive",
    set_aside=False,
    tones={"ACME": 0.9},
)


def report(store: InMemorySignals, *, ticker: str | None = None, hours: MarketHours = MarketHours.NYSE) -> NewsReport:
    return report_news(store=store, clock=FixedClock(), hours=hours, rule=INTRADAY, ticker=ticker, limit=10)


def test_a_story_has_its_tone_and_weight_and_its_company_the_signal() -> None:
    store = InMemorySignals([situation()], [TOLD])
    found = report(store)
    (told,), (company,) = found.stories, found.companies
    (of_acme,) = told.companies
    # Then the weight is that of the rule: half after six hours
    assert (of_acme.ticker, of_acme.tone, of_acme.no_weight) == ("ACME", 0.9, None)
    assert of_acme.weight == pytest.approx(0.5 ** (1 / 6), abs=1e-4)
    assert (company.outcome, company.stories) == ("BUY", 1)
    assert company.tone == pytest.approx(sentiment_at((story(),), FixedClock().now(), INTRADAY), abs=1e-4)
    # And nothing was recommended
    assert store.added == {}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"label": None, "tones": {}}, NoWeight.NOT_CLASSIFIED),
        ({"label": None, "tones": {}, "set_aside": True}, NoWeight.SET_ASIDE),
        ({"tones": {}}, NoWeight.NO_COMPANY),
        ({"dated_at": None}, NoWeight.AGE_UNKNOWN),
    ],
)
def test_a_story_without_weight_says_why(changes: dict[str, object], reason: NoWeight) -> None:
    (told,) = report(InMemorySignals([], [replace(TOLD, **changes)])).stories  # type: ignore[arg-type]
    assert told.no_weight is reason
    assert all(each.no_weight is reason for each in told.companies)


@pytest.mark.parametrize(
    ("hours_ago", "reason"), [(25, NoWeight.TOO_OLD), (23, NoWeight.TOLD_BEFORE)], ids=["old", "a retelling"]
)
def test_a_story_that_the_rule_does_not_count_says_why(hours_ago: float, reason: NoWeight) -> None:
    # Given a story of which the rule counts another telling, or none
    when = NOON - timedelta(hours=hours_ago)
    told = replace(TOLD, event_uid="s2", dated_at=when, first_seen_at=when)
    (found,) = report(InMemorySignals([situation()], [told])).stories
    assert [each.no_weight for each in found.companies] == [reason]
    assert found.no_weight is None


def test_a_company_says_why_it_is_not_traded() -> None:
    store = InMemorySignals([situation(ticker="WEAK", stories=(story(0.01),)), situation(ticker="BARE", bars=())])
    assert {each.ticker: each.outcome for each in report(store).companies} == {
        "BARE": "too_few_bars",
        "WEAK": "weak_sentiment",
    }
    assert [each.ticker for each in report(store, ticker="WEAK").companies] == ["WEAK"]


def test_on_a_closed_market_the_reason_is_the_market() -> None:
    store = InMemorySignals([situation()], [TOLD])
    closed = report_news(
        store=store,
        clock=FixedClock(NOON - timedelta(hours=12)),
        hours=MarketHours.NYSE,
        rule=INTRADAY,
        ticker=None,
        limit=10,
    )
    assert not closed.market_open
    assert [each.outcome for each in closed.companies] == ["market_closed"]
