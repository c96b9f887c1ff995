"""Price gaps that look like a split pause signals until they are reviewed."""

import csv
import gzip
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.shared.domain.errors import ConflictError, InvalidInputError, NotFoundError
from bellwether.trading.domain.bars import Bar
from bellwether.trading.domain.price_gaps import (
    SPLITS,
    AnnouncedSplit,
    PriceGap,
    SuspectedSplit,
    adjusted,
    explaining_split,
    is_suspicious,
    nearest_split,
    parse_ratio,
    suspected_splits,
)
from bellwether.trading.domain.signals import INTRADAY, NoSignal, Signal, apply_rule
from bellwether.trading.usecases.confirm_splits import ACTOR, confirm_splits
from bellwether.trading.usecases.review_price_gap import review_price_gap
from tests.places import SHARED
from tests.unit.trading.builders import FIVE_MINUTES, NOON, OPENS, bar, bars_until, situation, story

OHLCV = SHARED / "ohlcv"


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [
        ("645.57", "92.7", "7"),  # AAPL, 2014-06-09
        ("100", "50.9", "2"),
        ("90", "60", "3/2"),
        ("1.02", "10.1", "1/10"),
        ("60", "91", "2/3"),
        ("100", "2", "50"),
        ("100", "2.5", "40"),
        ("100", "5", "20"),
        ("100", "1", "100"),
        ("100", "80", "5/4"),
        ("100", "75", "4/3"),
        ("100", "83.33", "6/5"),
        ("100", "90.9", "11/10"),
        ("100", "110", "10/11"),
        ("100", "1000", "1/10"),
        ("100", "5000", "1/50"),
        ("100", "44", None),  # no usual split, but too large a gap
        ("100", "0.01", None),
    ],
)
def test_a_gap_of_a_split_or_of_unusual_size_is_suspicious(before: str, after: str, ratio: str | None) -> None:
    assert is_suspicious(Decimal(before), Decimal(after))
    assert nearest_split(Decimal(before), Decimal(after)) == (Fraction(ratio) if ratio else None)


@pytest.mark.parametrize("after", ["100", "88", "90", "92", "95", "109", "112", "114"])
def test_usual_moves_are_not_suspicious(after: str) -> None:
    assert not is_suspicious(Decimal(100), Decimal(after))


@given(st.sampled_from(SPLITS), st.decimals(1, 1000, places=2), st.decimals("0.98", "1.02", places=3))
def test_a_split_is_noticed_with_a_move_of_two_percent_beside_it(
    ratio: Fraction, before: Decimal, move: Decimal
) -> None:
    assert is_suspicious(before, before * ratio.denominator / ratio.numerator * move)


def test_a_split_is_told_with_its_place() -> None:
    bars = bars_until(closes=(200, 201, 100, 101))
    assert suspected_splits(bars) == (SuspectedSplit("ACME", bars[2].start, Decimal(201), Decimal(100), Fraction(2)),)


def test_a_split_inside_a_bar_is_told() -> None:
    early, late = bar(OPENS, 701), bar(NOON, 100, open=Decimal(700), high=Decimal(700))
    assert suspected_splits([early, late]) == (SuspectedSplit("ACME", NOON, Decimal(700), Decimal(100), Fraction(7)),)


# --- signals ---------------------------------------------------------------------------------------------------------

SPLIT_AT = NOON - 2 * FIVE_MINUTES


@pytest.mark.parametrize("price", ["50", "66.67", "80", "75", "2", "2.5", "90.9", "1000", "5000", "44"])
def test_a_suspicious_gap_silences_the_ticker(price: str) -> None:
    # Given 18 bars at 100 and two at another price, and a story that agrees with the change
    bars = bars_until(closes=[*[100] * 18, price, price])
    tone = 0.9 if Decimal(price) > 100 else -0.9
    assert apply_rule(situation(bars=bars, stories=(story(tone),)), INTRADAY) is NoSignal.SUSPECTED_SPLIT


def test_a_gap_out_of_the_window_silences_the_ticker_until_it_is_reviewed() -> None:
    assert apply_rule(situation(has_unreviewed_gap=True), INTRADAY) is NoSignal.SUSPECTED_SPLIT


def test_after_a_confirmed_split_earlier_bars_count_with_its_ratio() -> None:
    # Given a split of two for one, and a price that has risen by one percent since
    bars = bars_until(closes=[*[100] * 18, "50", "50.5"])
    found = apply_rule(situation(bars=bars, reviewed_gaps={SPLIT_AT: Fraction(2)}), INTRADAY)
    # Then the mean is one of prices after the split
    assert isinstance(found, Signal)
    assert found.evidence.sma == Decimal("50.025")


def test_after_a_confirmed_move_bars_count_as_they_are() -> None:
    bars = bars_until(closes=[*[100] * 18, "50", "50.5"])
    reviewed = situation(bars=bars, stories=(story(-0.9),), reviewed_gaps={SPLIT_AT: Fraction(1)})
    found = apply_rule(reviewed, INTRADAY)
    assert isinstance(found, Signal)
    assert found.evidence.sma == Decimal("95.025")


def test_splits_multiply() -> None:
    bars = bars_until(closes=(600, 300, 100))
    changed = adjusted(bars, {bars[1].start: Fraction(2), bars[2].start: Fraction(3), NOON: Fraction(1)})
    assert [each.close for each in changed] == [100, 100, 100]


@pytest.mark.parametrize(("days", "spoken"), [(4, True), (4.01, False), (10, False)])
def test_the_mean_spans_no_more_than_four_days(days: float, spoken: bool) -> None:
    # Given nineteen bars of some days ago, and one of now
    earlier = bars_until(NOON - (days - 100 / 1440) * 288 * FIVE_MINUTES, closes=[100] * 20)[:19]
    found = apply_rule(situation(bars=(*earlier, bar(NOON - FIVE_MINUTES, 101))), INTRADAY)
    assert isinstance(found, Signal) if spoken else found is NoSignal.SPARSE_BARS


# --- review ----------------------------------------------------------------------------------------------------------


class InMemoryGaps:
    """GapStore in memory."""

    def __init__(self, *gaps: PriceGap) -> None:
        self.kept = list(gaps)

    def gaps(self) -> Sequence[PriceGap]:
        return self.kept

    def review(self, gap: PriceGap, ratio: Fraction, *, actor: str, reason: str) -> None:
        place = self.kept.index(gap)
        changes = {"ratio": f"{ratio.numerator}:{ratio.denominator}", "actor": actor, "reason": reason}
        self.kept[place] = gap.model_copy(update=changes)


def gap(at: datetime = NOON, ticker: str = "ACME") -> PriceGap:
    return PriceGap(ticker=ticker, at=at, before=Decimal(100), after=Decimal(50), suspected_ratio="2:1", found_at=at)


def reviewed(store: InMemoryGaps, **changes: Any) -> Sequence[PriceGap]:
    given = {"ticker": "ACME", "at": None, "ratio": "2:1", "actor": "me", "reason": "press release"}
    return review_price_gap(store, **(given | changes))


def test_a_review_is_of_the_tickers_only_unreviewed_gap() -> None:
    store = InMemoryGaps(gap(), gap(ticker="OTHER"))
    assert [each.ratio for each in reviewed(store)] == ["2:1", None]
    with pytest.raises(NotFoundError):
        reviewed(store)
    # But an earlier review can be corrected by naming the time
    assert [each.ratio for each in reviewed(store, at=NOON, ratio="1:1")] == ["1:1", None]


def test_of_several_gaps_the_time_must_be_given() -> None:
    store = InMemoryGaps(gap(), gap(OPENS))
    with pytest.raises(ConflictError, match="several unreviewed price gaps"):
        reviewed(store)
    assert [each.ratio for each in reviewed(store, at=OPENS)] == [None, "2:1"]


@pytest.mark.parametrize("text", ["", "2", "2:", ":1", "0:1", "1:0", "-1:2", "1.5:1", "two:one", "2:1:1"])
def test_a_ratio_is_new_shares_for_old_ones(text: str) -> None:
    with pytest.raises(InvalidInputError, match="new shares for old ones"):
        parse_ratio(text)


# --- announced splits ------------------------------------------------------------------------------------------------

TODAY = NOON.date()


def announced(ratio: str = "2:1", ex_date: date = TODAY, ticker: str = "ACME") -> AnnouncedSplit:
    return AnnouncedSplit(ticker=ticker, ex_date=ex_date, ratio=ratio)


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [
        ("100", "2.1", "50:1"),
        ("100", "80", "5:4"),
        ("100", "75", "4:3"),
        ("100", "90.9", "11:10"),
        ("100", "1010", "1:10"),
        ("100", "46", "2:1"),  # and the price fell by 8 percent
        ("100", "4.76", "21:1"),  # unusual, but announced
    ],
)
def test_an_announced_split_of_that_day_explains_a_gap(before: str, after: str, ratio: str) -> None:
    found = gap().model_copy(update={"before": Decimal(before), "after": Decimal(after)})
    assert explaining_split(found, [announced(ratio), announced(ratio, ticker="OTHER")]) == announced(ratio)


@pytest.mark.parametrize(
    "splits",
    [
        [],
        [announced(ticker="OTHER")],
        [announced(ex_date=date(2026, 3, 11))],  # tomorrow: today's gap is something else
        [announced(ex_date=date(2026, 3, 2))],  # eight days ago
        [announced("3:1")],  # the price does not fit
        [announced("1:2")],  # the other direction
        [announced("21:20")],  # 5 percent do not explain half the price
        [announced(), announced("19:10")],  # two announcements that differ
    ],
)
def test_what_no_single_announcement_explains_waits_for_a_person(splits: list[AnnouncedSplit]) -> None:
    store = InMemoryGaps(gap())
    assert confirm_splits(splits, gaps=store) == ()
    assert store.kept == [gap()]


def test_a_move_of_the_price_is_no_small_split() -> None:
    # Given a gap of 17 percent upwards on the day of a stock dividend of 5 percent
    found = gap().model_copy(update={"before": Decimal(100), "after": Decimal(117)})
    assert explaining_split(found, [announced("21:20")]) is None


def test_a_split_after_a_halt_of_some_days_is_explained() -> None:
    assert explaining_split(gap(), [announced(ex_date=date(2026, 3, 4))]) is not None


def test_the_day_of_a_gap_is_that_of_the_exchange() -> None:
    # Given a bar of 19:30 in New York, the next day in UTC
    late = gap(datetime(2026, 3, 10, 23, 59, tzinfo=UTC) + 6 * FIVE_MINUTES)
    assert explaining_split(late, [announced(ex_date=date(2026, 3, 11))]) is None
    assert explaining_split(late, [announced(ex_date=date(2026, 3, 10))]) is not None


def test_confirmation_is_a_review_and_leaves_a_persons_review_alone() -> None:
    persons = gap(OPENS).model_copy(update={"ratio": "1:1", "actor": "me", "reason": "earnings"})
    store = InMemoryGaps(gap(), persons, gap(ticker="OTHER"))
    (confirmed,) = confirm_splits([announced()], gaps=store)
    assert (confirmed.ticker, confirmed.ratio, confirmed.actor) == ("ACME", "2:1", ACTOR)
    assert confirmed.reason == "announced by the market-data source: 2:1 with ex-date 2026-03-10"
    assert [each.ratio for each in store.kept] == ["2:1", "1:1", None]
    # Repeated, nothing happens
    assert confirm_splits([announced()], gaps=store) == ()


# --- real prices -----------------------------------------------------------------------------------------------------


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("ticker", "splits", "others"),
    [("AAPL", {"2000-06-21", "2005-02-28"}, 6), ("MSFT", {"2003-02-18"}, 3), ("GOOG", set(), 3)],
)
def test_real_splits_are_noticed_in_raw_prices(ticker: str, splits: set[str], others: int) -> None:
    path = OHLCV / f"daily_{ticker}.csv.gz"
    if not path.is_file():
        pytest.skip(f"{path.name} is not part of this repository")
    found = {each.at.date().isoformat() for each in suspected_splits(_daily_bars(ticker, path))}
    # All splits, and few other gaps in nine to thirteen years
    assert splits <= found
    assert len(found - splits) <= others


def _daily_bars(ticker: str, path: Path) -> list[Bar]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [_daily(ticker, row) for row in csv.DictReader(file)]


def _daily(ticker: str, row: dict[str, str]) -> Bar:
    prices = {name: Decimal(row[name.capitalize()]) for name in ("open", "high", "low", "close")}
    start = datetime.combine(date.fromisoformat(row["Date"]), datetime.min.time(), tzinfo=UTC)
    return Bar(ticker, start, **prices, volume=int(row["Volume"]))
