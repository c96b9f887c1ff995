"""The rule recommends where sentiment and price agree, says why not elsewhere, and never looks ahead."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from math import nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.trading.domain.bars import Bar
from bellwether.trading.domain.signals import (
    INTRADAY,
    NoSignal,
    Side,
    Signal,
    SignalRule,
    Situation,
    Story,
    apply_rule,
    recommendation_id,
    sentiment_at,
    with_first_tellings,
)
from tests.unit.trading.builders import FIVE_MINUTES, NOON, bar, bars_until, situation, story

FALLING = (*[100] * 19, 99)

tones = st.one_of(st.sampled_from([-1.0, -0.8, 0.8, 1.0]), st.floats(-1, 1))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Around NOON: from before the window until hours later, known before or after their date."""
    published = NOON + timedelta(minutes=draw(st.integers(-1500, 300)))
    known = published + timedelta(minutes=draw(st.integers(-30, 120)))
    number = draw(st.integers(0, 12))
    return Story(f"e{draw(st.integers(0, 99))}", f"s{number}", published, known, draw(tones))


@st.composite
def series(draw: st.DrawFn) -> tuple[Bar, ...]:
    """Bars around NOON, some of them after it, with a few gaps."""
    slots = range(-draw(st.integers(15, 40)), draw(st.integers(-2, 10)))
    gaps = draw(st.sets(st.integers(-30, 10), max_size=3))
    level, last = draw(st.integers(90, 110)), draw(st.integers(90, 110))
    noise = draw(st.lists(st.integers(-2, 2), min_size=len(slots), max_size=len(slots)))
    return tuple(
        bar(NOON + slot * FIVE_MINUTES, (last if slot == -1 else level) + step)
        for slot, step in zip(slots, noise, strict=True)
        if slot not in gaps
    )


# --- what it says ----------------------------------------------------------------------------------------------------


def test_good_news_and_a_rising_price_are_a_reason_to_buy() -> None:
    # Given a good story an hour old, and a price above its mean
    found = apply_rule(situation(), INTRADAY)
    # Then the rule buys whole shares within its budget, at the last close, and says on what grounds
    assert isinstance(found, Signal)
    assert (found.side, found.quantity, found.reference_price) == (Side.BUY, 8, Decimal(101))
    assert (found.made_at, found.expires_at) == (NOON, NOON + INTRADAY.lifetime)
    evidence = found.evidence
    assert evidence.sma == Decimal("100.05")
    assert (evidence.first_bar, evidence.last_bar, evidence.bars) == (NOON - 20 * FIVE_MINUTES, NOON - FIVE_MINUTES, 20)
    assert [each.event_uid for each in evidence.stories] == ["s1"]
    # An hour of a half-life of six: weight 2^(-1/6), beside a neutral story of one half
    assert evidence.stories[0].weight == pytest.approx(2 ** (-1 / 6), abs=1e-6)
    assert evidence.sentiment == pytest.approx(0.9 * 2 ** (-1 / 6) / (2 ** (-1 / 6) + 0.5), abs=1e-6)
    assert found.rule_version == INTRADAY.version


def test_bad_news_and_a_falling_price_are_a_reason_to_sell() -> None:
    found = apply_rule(situation(stories=(story(-0.9),), bars=bars_until(closes=FALLING)), INTRADAY)
    assert isinstance(found, Signal)
    assert found.side is Side.SELL


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"market_open": False}, NoSignal.MARKET_CLOSED),
        ({"stories": ()}, NoSignal.NO_STORIES),
        ({"stories": (story(hours_ago=24),)}, NoSignal.NO_STORIES),
        ({"stories": (story(known_at=NOON + timedelta(seconds=1)),)}, NoSignal.NO_STORIES),
        ({"last_made_at": NOON - INTRADAY.cooldown + timedelta(seconds=1)}, NoSignal.COOLDOWN),
        ({"bars": bars_until()[1:]}, NoSignal.TOO_FEW_BARS),
        ({"bars": bars_until(NOON - timedelta(minutes=20))}, NoSignal.STALE_BARS),
        ({"bars": bars_until(closes=(*[200] * 10, *[101] * 10))}, NoSignal.SUSPECTED_SPLIT),
        ({"stories": (story(0.1),)}, NoSignal.WEAK_SENTIMENT),
        ({"stories": (story(0.9), story(-0.9, uid="s2"))}, NoSignal.WEAK_SENTIMENT),
        ({"stories": (story(nan),), "bars": bars_until(closes=FALLING)}, NoSignal.WEAK_SENTIMENT),
        ({"bars": bars_until(closes=FALLING)}, NoSignal.AGAINST_TREND),
        ({"bars": bars_until(closes=[100] * 20)}, NoSignal.AGAINST_TREND),
        ({"stories": (story(-0.9),)}, NoSignal.AGAINST_TREND),
        ({"bars": bars_until(closes=(*[1900] * 19, 1950))}, NoSignal.PRICE_ABOVE_BUDGET),
    ],
)
def test_it_says_why_it_keeps_silent(changes: dict[str, Any], reason: NoSignal) -> None:
    assert apply_rule(situation(**changes), INTRADAY) is reason


def test_after_the_cooldown_it_speaks_again() -> None:
    assert isinstance(apply_rule(situation(last_made_at=NOON - INTRADAY.cooldown), INTRADAY), Signal)


def test_a_story_told_by_many_counts_once() -> None:
    # Given one story, and the same with ten later tellings
    tellings = tuple(story(0.9, uid=f"t{count}", story_uid="s1", hours_ago=0.5) for count in range(10))
    alone, many = apply_rule(situation(), INTRADAY), apply_rule(situation(stories=(story(), *tellings)), INTRADAY)
    # Then nothing but the first telling counts
    assert alone == many


@pytest.mark.parametrize("minutes", [-10, 0, 10, 60])
def test_a_retold_story_has_the_age_of_its_first_telling_and_ends_with_it(minutes: int) -> None:
    # Given a bad story and its retelling 20 hours later
    first, again = story(-0.9, uid="a", story_uid="s"), story(-0.9, uid="b", story_uid="s")
    begun = NOON - timedelta(hours=24, minutes=minutes)
    first = replace(first, published_at=begun, known_at=begun)
    retold = replace(again, published_at=begun + timedelta(hours=20), known_at=begun + timedelta(hours=20))
    # When the first telling leaves the window of 24 hours, whether the first is still among the stories or not
    known = sentiment_at([first, retold], NOON, INTRADAY)
    assert known == sentiment_at(with_first_tellings([first, retold])[1:], NOON, INTRADAY)
    # Then the story ends; before that it has the weight of its first telling, 2^-4 of 24 hours
    if minutes >= 0:
        assert known is None
    else:
        weight = 2 ** (-(24 - 1 / 6) / 6)
        assert known == pytest.approx(-0.9 * weight / (weight + 0.5), abs=1e-6)


def test_a_telling_that_arrives_later_with_an_earlier_date_makes_the_story_older() -> None:
    late = story(0.9, uid="late", story_uid="s", hours_ago=30, known_at=NOON - timedelta(minutes=1))
    told = [story(0.9, uid="early", story_uid="s", hours_ago=2), late]
    assert sentiment_at(told, NOON - timedelta(minutes=2), INTRADAY) is not None
    assert sentiment_at(told, NOON, INTRADAY) is None


def test_a_date_in_the_future_makes_no_story_fresher() -> None:
    dated = story(published_at=NOON + timedelta(days=3), known_at=NOON - timedelta(hours=1))
    found = apply_rule(situation(stories=(dated,)), INTRADAY)
    assert isinstance(found, Signal)
    assert found.evidence.stories[0].weight == pytest.approx(2 ** (-1 / 6), abs=1e-6)


def test_only_the_weightiest_stories_are_listed_but_all_count() -> None:
    many = tuple(story(0.9, uid=f"s{count}", hours_ago=count / 10) for count in range(80))
    found = apply_rule(situation(stories=many), INTRADAY)
    assert isinstance(found, Signal)
    assert found.evidence.stories_counted == 80
    assert [each.event_uid for each in found.evidence.stories] == [f"s{count}" for count in range(50)]


def test_each_parameter_makes_another_rule() -> None:
    versions = {INTRADAY.version, SignalRule(threshold=0.3).version, SignalRule(sma_bars=10).version}
    assert len(versions) == 3
    assert SignalRule().version == INTRADAY.version


def test_the_same_ticker_bar_and_rule_make_the_same_recommendation() -> None:
    # Given two looks at the same bar, two minutes apart
    first, second = apply_rule(situation(), INTRADAY), apply_rule(situation(now=NOON + timedelta(minutes=2)), INTRADAY)
    assert isinstance(first, Signal)
    assert isinstance(second, Signal)
    assert first.recommendation_id == second.recommendation_id
    assert first.recommendation_id == recommendation_id("ACME", NOON - FIVE_MINUTES, INTRADAY.version)
    # But another ticker, bar or rule is another
    others = {
        recommendation_id("OTHER", NOON - FIVE_MINUTES, INTRADAY.version),
        recommendation_id("ACME", NOON, INTRADAY.version),
        recommendation_id("ACME", NOON - FIVE_MINUTES, SignalRule(sma_bars=10).version),
    }
    assert len(others | {first.recommendation_id}) == 4


# --- what it never does ----------------------------------------------------------------------------------------------


@given(series(), st.lists(stories(), max_size=15), series(), st.lists(stories(), max_size=15))
def test_the_future_changes_nothing(
    bars: tuple[Bar, ...], known: list[Story], other_bars: tuple[Bar, ...], others: list[Story]
) -> None:
    # Given a situation, and the same with any other future: bars that had not ended, stories not yet known
    past_bars = tuple(each for each in bars if each.start + FIVE_MINUTES <= NOON)
    future_bars = tuple(each for each in other_bars if each.start + FIVE_MINUTES > NOON)
    unknown = [each for each in others if each.known_at > NOON]
    one = Situation("ACME", NOON, True, bars, tuple(known))
    other = Situation(
        "ACME", NOON, True, (*past_bars, *future_bars), (*[each for each in known if each.known_at <= NOON], *unknown)
    )
    # Then the rule says the same
    assert apply_rule(one, INTRADAY) == apply_rule(other, INTRADAY)


@given(series(), st.lists(stories(), max_size=15), st.randoms())
def test_the_order_of_stories_changes_nothing(bars: tuple[Bar, ...], known: list[Story], random: Any) -> None:
    unique = list({each.event_uid: each for each in known}.values())
    shuffled = unique.copy()
    random.shuffle(shuffled)
    first = apply_rule(Situation("ACME", NOON, True, bars, tuple(unique)), INTRADAY)
    assert first == apply_rule(Situation("ACME", NOON, True, bars, tuple(shuffled)), INTRADAY)


@given(series(), st.lists(stories(), max_size=15))
def test_whatever_it_recommends_is_within_its_own_limits(bars: tuple[Bar, ...], known: list[Story]) -> None:
    found = apply_rule(Situation("ACME", NOON, True, bars, tuple(known)), INTRADAY)
    if isinstance(found, NoSignal):
        return
    evidence = found.evidence
    assert 0.2 <= abs(evidence.sentiment) <= 1
    assert (found.side is Side.BUY) == (evidence.close > evidence.sma) == (evidence.sentiment > 0)
    assert found.quantity * found.reference_price <= INTRADAY.budget_usd
    assert NOON - evidence.last_bar <= INTRADAY.max_bar_age + FIVE_MINUTES


@given(st.lists(stories(), max_size=15))
def test_mirrored_news_and_prices_give_the_mirrored_side(known: list[Story]) -> None:
    # Given sentiments turned round, and prices mirrored around 100 (the band is symmetric, not exactly the ratio)
    rising = Situation("ACME", NOON, True, bars_until(closes=(*[100] * 19, 102)), tuple(known))
    falling = replace(
        rising,
        bars=bars_until(closes=(*[100] * 19, 98)),
        stories=tuple(replace(each, sentiment=-each.sentiment) for each in known),
    )
    up, down = apply_rule(rising, INTRADAY), apply_rule(falling, INTRADAY)
    if isinstance(up, Signal):
        assert isinstance(down, Signal)
        assert {up.side, down.side} == {Side.BUY, Side.SELL}
    else:
        assert up is down


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    local = datetime.fromisoformat("2026-03-10T12:00:00-04:00")
    first, second = apply_rule(situation(), INTRADAY), apply_rule(situation(now=local), INTRADAY)
    assert first == second
