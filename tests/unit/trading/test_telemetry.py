"""Gaps are listed, fetched and stored; what fails stops nothing that came before it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from pydantic import ValidationError

from bellwether.shared.domain.errors import InvalidInputError, TransientUpstreamError, UpstreamError
from bellwether.trading.domain.bars import MAX_TICKERS, Bar, BarRequest, TelemetryPolicy, bar_starts
from bellwether.trading.domain.market_calendar import MarketHours, session_on
from bellwether.trading.domain.price_gaps import AnnouncedSplit, OpenGap, PriceGap
from bellwether.trading.domain.ticker_list import TickerSelection, select_tickers
from bellwether.trading.ports.telemetry import BarAnswer
from bellwether.trading.usecases import fetch_bars as fetching
from bellwether.trading.usecases.fetch_bars import BarOrder, Delivery, fetch_bars
from bellwether.trading.usecases.list_bar_gaps import BarPlan, TickerFile, TickerList, list_bar_gaps, read_tickers
from bellwether.trading.usecases.store_bars import StoreResult, store_bars
from tests.fakes.bar_store_suite import BarStoreSuite
from tests.fakes.objects import InMemoryObjectStore
from tests.fakes.telemetry import InMemoryBars, ReplayedMarket
from tests.unit.trading.builders import FIVE_MINUTES, NOON, OPENS, bar

POLICY = TelemetryPolicy(sessions=1, batch=2)
TODAY = session_on(OPENS.date())


class FixedClock:
    """Stands still until told."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


def market(*tickers: str) -> tuple[Bar, ...]:
    """The whole session's bars."""
    assert TODAY
    return tuple(
        bar(start, 100 + place % 3, ticker) for ticker in tickers for place, start in enumerate(bar_starts(TODAY))
    )


class TestInMemoryBars(BarStoreSuite):
    @pytest.fixture
    def bar_store(self) -> InMemoryBars:
        return InMemoryBars()


class World:
    """The three steps over fakes."""

    def __init__(self, source: ReplayedMarket) -> None:
        self.store, self.objects, self.clock, self.source = InMemoryBars(), InMemoryObjectStore(), FixedClock(), source
        self.seconds_left = 300.0

    def plan(self, *tickers: str) -> BarPlan:
        return list_bar_gaps(tickers, store=self.store, clock=self.clock, hours=MarketHours.NYSE, policy=POLICY)

    def fetch(self, plan: BarPlan) -> Delivery:
        delivery = fetch_bars(
            BarOrder(requests=plan.requests),
            source=self.source,
            objects=self.objects,
            clock=self.clock,
            seconds_left=lambda: self.seconds_left,
        )
        return Delivery.model_validate_json(delivery.model_dump_json())  # as Step Functions hands it on

    def keep(self, delivery: Delivery) -> StoreResult:
        return store_bars(delivery, store=self.store, objects=self.objects, source="test")

    def run(self, *tickers: str) -> StoreResult:
        return self.keep(self.fetch(self.plan(*tickers)))


def test_a_day_of_runs_leaves_no_gap() -> None:
    # Given a session during which the function runs every five minutes, some runs lost
    world = World(ReplayedMarket(market("ACME", "BETA", "GAMMA")))
    assert TODAY
    for run in range(82):
        world.clock.time = OPENS + run * FIVE_MINUTES + timedelta(seconds=30)
        if run % 7 != 3:
            world.run("ACME", "BETA", "GAMMA")
    # Then every bar is there once the market has closed
    assert len(world.store.kept) == 3 * 78
    assert world.plan("ACME").bars_missing == 0
    # And when it is well over, the session is asked for once more, and then never again
    world.clock.time = TODAY.closes_at + timedelta(hours=1)
    assert [each.settles for each in world.plan("ACME", "BETA", "GAMMA").requests] == [True, True]
    assert world.run("ACME", "BETA", "GAMMA").stored == 0
    assert world.plan("ACME", "BETA", "GAMMA").requests == ()


def test_a_late_bar_and_a_correction_are_found_by_asking_again() -> None:
    # Given a source that lacked a bar and had another one wrong at noon
    right = market("ACME")
    wrong = tuple(
        replace(each, close=each.close + Decimal("0.5")) if each.start == NOON - 3 * FIVE_MINUTES else each
        for each in right
        if each.start != NOON - 4 * FIVE_MINUTES
    )
    world = World(ReplayedMarket(wrong))
    world.run("ACME")
    (gap,) = world.plan("ACME").gaps
    assert (gap.start, gap.end) == (NOON - 4 * FIVE_MINUTES, NOON - 3 * FIVE_MINUTES)
    # When it has them right ten minutes later
    world.source = ReplayedMarket(right)
    world.clock.time += timedelta(minutes=10)
    result = world.run("ACME")
    # Then the store has, too
    assert (result.stored, result.revised, result.late) == (3, 1, 1)
    assert world.plan("ACME").bars_missing == 0


def test_an_untraded_bar_is_not_asked_for_for_ever() -> None:
    # Given a ticker that nobody trades
    world = World(ReplayedMarket(()))
    world.run("ACME")
    assert world.plan("ACME").requests == ()
    # Then each run asks for the last half hour, and the settled session for nothing
    world.clock.time += timedelta(hours=2)
    (request,) = world.plan("ACME").requests
    assert request.start == NOON - FIVE_MINUTES - timedelta(minutes=30)


def test_a_bar_from_the_future_is_refused_and_the_others_are_kept() -> None:
    # Given a plan of noon, and a clock that has stepped back an hour when the source answers
    world = World(ReplayedMarket(market("ACME")))
    plan = world.plan("ACME")
    world.clock.time -= timedelta(hours=1)
    delivery = world.fetch(plan)
    # Then bars that have not begun are refused with the reason, and the earlier ones are passed on
    assert delivery.fetched is not None
    assert max(each.start for each in delivery.fetched.bars if isinstance(each, Bar)) <= world.clock.time
    assert len(delivery.refused) == 10  # 15:05 to 15:50, the last bar that was asked for
    assert "starts in the future" in delivery.refused[0].reason


def test_large_answers_travel_through_the_bucket() -> None:
    world = World(ReplayedMarket(market(*(f"T{count}" for count in range(40)))))
    world.clock.time = OPENS + timedelta(hours=12)
    delivery = world.fetch(world.plan(*(f"T{count}" for count in range(40))))
    assert delivery.fetched is None
    assert delivery.results_key in world.objects.keys("news/bars/2026-03-11/")
    assert len(delivery.model_dump_json()) < 1000
    assert world.keep(delivery).stored == 40 * 78
    # And again: nothing new, and no second object
    world.keep(delivery)
    assert len(world.objects.puts) == 1


def test_what_came_before_a_throttled_request_is_kept() -> None:
    # Given a source that takes one request
    world = World(ReplayedMarket(market("ACME", "BETA", "GAMMA"), fails_after=1))
    delivery = world.fetch(world.plan("ACME", "BETA", "GAMMA"))
    # Then the others are for the next run
    assert (delivery.postponed, delivery.trouble) == (1, "too many requests")
    world.keep(delivery)
    assert [each.tickers for each in world.plan("ACME", "BETA", "GAMMA").requests] == [("GAMMA",)]


def test_a_refused_request_leaves_the_others_alone() -> None:
    # Given a source that refuses the first of two requests
    world = World(ReplayedMarket(market("ACME", "BETA", "GAMMA"), refuses=("ACME",)))
    delivery = world.fetch(world.plan("ACME", "BETA", "GAMMA"))
    # Then the second is answered, and the first comes again
    assert (delivery.postponed, delivery.trouble) == (1, "it returned the same page twice")
    world.keep(delivery)
    assert [each.tickers for each in world.plan("ACME", "BETA", "GAMMA").requests] == [("ACME", "BETA")]
    # And where it refuses all of them, a person has to look
    world.source = ReplayedMarket((), refuses=("ACME", "GAMMA"))
    with pytest.raises(UpstreamError):
        world.fetch(world.plan("ACME", "BETA", "GAMMA"))


class FailingFor(ReplayedMarket):
    """A source that fails transiently for one ticker, each time."""

    def bars(self, request: BarRequest) -> BarAnswer:
        if "ACME" in request.tickers:
            raise TransientUpstreamError("HTTP 500")
        return super().bars(request)


def test_a_request_that_always_fails_does_not_starve_the_others() -> None:
    # Given a source that answers 500 to the first of two requests, in each run
    world = World(FailingFor(market("ACME", "BETA", "GAMMA")))
    for _ in range(2):
        delivery = world.fetch(world.plan("ACME", "BETA", "GAMMA"))
        assert (delivery.postponed, delivery.trouble) == (1, "HTTP 500")
        world.keep(delivery)
        world.clock.time += FIVE_MINUTES
    # Then the second is answered each time
    assert {ticker for ticker, _ in world.store.kept} == {"GAMMA"}


def test_a_bad_bar_costs_no_other_and_is_named() -> None:
    # Given a delivery in which a bar has an impossible price, one no price at all, and one no time zone
    world = World(ReplayedMarket(market("ACME")))
    given = json.loads(world.fetch(world.plan("ACME")).model_dump_json())
    bars = given["fetched"]["bars"]
    bars[0]["high"] = "1"
    del bars[1]["close"]
    bars[2]["start"] = "2026-03-10T13:40:00"
    # When it is stored
    result = world.keep(Delivery.model_validate(given))
    # Then the others are stored, and each bad one is named
    assert result.stored == len(bars) - 3
    assert [each.ticker for each in result.refused] == ["ACME"] * 3
    assert "is not the highest" in result.refused[0].reason


def test_a_source_that_gives_nothing_is_an_error() -> None:
    world = World(ReplayedMarket((), fails_after=0))
    with pytest.raises(TransientUpstreamError):
        world.fetch(world.plan("ACME"))


def test_a_run_that_has_no_time_left_hands_on_what_it_has() -> None:
    world = World(ReplayedMarket(market("ACME", "BETA", "GAMMA")))
    world.seconds_left = fetching.RESERVE_SECONDS - 1
    delivery = world.fetch(world.plan("ACME", "BETA", "GAMMA"))
    assert (delivery.postponed, delivery.trouble) == (1, None)


def test_unknown_tickers_are_told_and_not_asked_for_again_today() -> None:
    world = World(ReplayedMarket(market("ACME"), unknown=("NONE",)))
    delivery = world.fetch(world.plan("ACME", "NONE"))
    assert [each.ticker for each in delivery.refused] == ["NONE"]
    world.keep(delivery)
    assert world.plan("ACME", "NONE").requests == ()


def test_a_split_is_told() -> None:
    world = World(ReplayedMarket((bar(OPENS, 700), bar(OPENS + FIVE_MINUTES, 100))))
    (split,) = world.run("ACME").splits
    assert (split.ticker, split.at, split.ratio) == ("ACME", OPENS + FIVE_MINUTES, "7:1")


def test_bars_that_can_not_be_true_are_not_stored() -> None:
    impossible = replace(bar(OPENS), high=Decimal(1))
    delivery = Delivery.model_validate({"fetched": {"bars": [impossible]}})
    result = World(ReplayedMarket(())).keep(delivery)
    assert result.stored == 0
    assert "highest" in result.refused[0].reason


@pytest.mark.parametrize("delivery", [Delivery(), Delivery(results_key="models/macro/x.json")])
def test_a_delivery_without_bars_is_refused(delivery: Delivery) -> None:
    with pytest.raises(InvalidInputError, match="results_key"):
        World(ReplayedMarket(())).keep(delivery)


def test_an_object_that_holds_no_bars_is_refused() -> None:
    world = World(ReplayedMarket(()))
    world.objects.put("news/bars/x.json", b"<html>")
    with pytest.raises(InvalidInputError, match=r"news/bars/x\.json"):
        world.keep(Delivery(results_key="news/bars/x.json"))


def test_a_long_list_of_tickers_comes_from_the_bucket() -> None:
    # Given more tickers than a parameter of SSM can hold
    many = [f"T{count:05}" for count in range(5000)]
    objects = InMemoryObjectStore({"news/tickers/all.json": json.dumps(many).encode()})
    wanted = TickerList.model_validate({"tickers": {"s3_key": "news/tickers/all.json"}})
    assert wanted.file is not None
    assert select_tickers(read_tickers(wanted.file, objects=objects)) == TickerSelection(tuple(many))
    # And a short one is there itself
    assert TickerList.model_validate({"tickers": ["ACME"]}) == TickerList(tickers=["ACME"], file=None)


def test_a_bad_ticker_costs_no_other() -> None:
    found = select_tickers(["ACME", "acme", 7, None, "BRK.B", "", ["X"], "ACME", "not a ticker"])
    assert found.tickers == ("ACME", "BRK.B")
    assert [each.partition(": ")[0] for each in found.problems] == [
        "item 2 ('acme')",
        "item 3 ('7')",
        "item 4 ('None')",
        "item 6 ('')",
        "item 7 (\"['X']\")",
        "item 9 ('not a ticker')",
    ]
    many = select_tickers([f"T{count}" for count in range(MAX_TICKERS + 5)])
    assert (len(many.tickers), len(many.problems)) == (MAX_TICKERS, 1)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"ACME": 1}', "valid array"),
        (b"ACME", "JSON"),
    ],
)
def test_a_list_that_is_none_names_its_place(content: bytes, says: str) -> None:
    objects = InMemoryObjectStore({"news/tickers/all.json": content})
    with pytest.raises(InvalidInputError, match=f"news/tickers/all.json: .*{says}"):
        read_tickers(TickerFile(s3_key="news/tickers/all.json"), objects=objects)


@pytest.mark.parametrize("key", ["secrets.json", "news/tickers/", "news/tickers/../x", "news/tickers/a/b"])
def test_a_list_lies_in_its_own_place_only(key: str) -> None:
    with pytest.raises(ValidationError):
        TickerFile(s3_key=key)


def test_without_tickers_there_is_nothing_to_do() -> None:
    world = World(ReplayedMarket(()))
    assert world.plan().requests == ()
    assert world.fetch(world.plan()).fetched is not None


def test_a_replay_is_open_at_any_hour() -> None:
    # Given a Saturday night
    saturday = datetime.fromisoformat("2026-03-14T23:00:00Z")
    wanted = ("ACME",)
    clock = FixedClock(saturday)
    plan = list_bar_gaps(wanted, store=InMemoryBars(), clock=clock, hours=MarketHours.ALWAYS, policy=POLICY)
    # Then the day is a session for a replay, and none for the exchange
    assert plan.market_open
    assert plan.requests[0].session_day == saturday.date()
    closed = list_bar_gaps(wanted, store=InMemoryBars(), clock=clock, hours=MarketHours.NYSE, policy=POLICY)
    assert not closed.market_open
    assert closed.requests[0].session_day == datetime.fromisoformat("2026-03-13").date()


class Announcements:
    """CorporateActions with one split, or out of reach."""

    def __init__(self, *, failure: Exception | None = None) -> None:
        self.asked: list[tuple[Sequence[str], date, date]] = []
        self._failure = failure

    def splits(self, tickers: Sequence[str], first_day: date, last_day: date) -> Sequence[AnnouncedSplit]:
        self.asked.append((tickers, first_day, last_day))
        if self._failure:
            raise self._failure
        return [AnnouncedSplit(ticker="ACME", ex_date=NOON.date(), ratio="50:1")]


def price_gap(ticker: str = "ACME", at: datetime = NOON, ratio: str | None = None) -> PriceGap:
    return PriceGap(
        ticker=ticker,
        at=at,
        before=Decimal(100),
        after=Decimal(2),
        suspected_ratio="50:1",
        found_at=at,
        ratio=ratio,
    )


class KeptGaps:
    """GapStore with one gap."""

    def __init__(self) -> None:
        self.reviews: list[Fraction] = []

    def gaps(self) -> Sequence[PriceGap]:
        return [price_gap()]

    def review(self, gap: PriceGap, ratio: Fraction, *, actor: str, reason: str) -> None:
        assert actor
        assert reason
        self.reviews.append(ratio)


def test_announced_splits_are_looked_up_for_recent_unreviewed_gaps_only() -> None:
    gaps = [
        price_gap(),
        price_gap("OLD", NOON - timedelta(days=11)),
        price_gap("KNOWN", ratio="1:1"),
        price_gap("BETA", NOON - timedelta(days=2)),
    ]
    world, actions = World(ReplayedMarket(market("ACME"))), Announcements()
    plan = list_bar_gaps(
        ("ACME",), store=world.store, clock=world.clock, hours=MarketHours.NYSE, policy=POLICY, price_gaps=gaps
    )
    order = BarOrder.model_validate_json(plan.model_dump_json())  # as Step Functions hands it on
    delivery = fetch_bars(
        order,
        source=world.source,
        objects=world.objects,
        clock=world.clock,
        seconds_left=lambda: 300.0,
        actions=actions,
    )
    assert actions.asked == [(["ACME", "BETA"], date(2026, 3, 1), date(2026, 3, 10))]
    # And the split confirms the gap where the bars are stored
    kept = KeptGaps()
    handed_on = Delivery.model_validate_json(delivery.model_dump_json())
    result = store_bars(handed_on, store=world.store, objects=world.objects, source="test", gaps=kept)
    assert kept.reviews == [Fraction(50)]
    assert [each.ratio for each in result.confirmed] == ["50:1"]


@pytest.mark.parametrize("failure", [TransientUpstreamError("throttled"), UpstreamError("HTTP 403")])
def test_announcements_out_of_reach_delay_no_bars(failure: Exception) -> None:
    world = World(ReplayedMarket(market("ACME")))
    order = BarOrder(requests=world.plan("ACME").requests, price_gaps=(OpenGap(ticker="ACME", at=NOON),))
    delivery = fetch_bars(
        order,
        source=world.source,
        objects=world.objects,
        clock=world.clock,
        seconds_left=lambda: 300.0,
        actions=Announcements(failure=failure),
    )
    assert delivery.bars
    assert delivery.actions_trouble == str(failure)
    assert world.keep(delivery).stored == delivery.bars


def test_without_an_unreviewed_gap_nothing_is_looked_up() -> None:
    world, actions = World(ReplayedMarket(market("ACME"))), Announcements()
    fetch_bars(
        BarOrder(requests=world.plan("ACME").requests),
        source=world.source,
        objects=world.objects,
        clock=world.clock,
        seconds_left=lambda: 300.0,
        actions=actions,
    )
    assert actions.asked == []
