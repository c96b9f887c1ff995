"""What every BarStore does: run by the fake and by the adapter alike."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from bellwether.trading.domain.bars import BarRequest, Coverage
from bellwether.trading.domain.price_gaps import SuspectedSplit
from bellwether.trading.ports.telemetry import BarStore
from tests.unit.trading.builders import FIVE_MINUTES, NOON, OPENS, bar, bars_until

DAY = OPENS.date()


def request(**changes: object) -> BarRequest:
    """The morning's bars of one ticker."""
    values = {"tickers": ("ACME",), "session_day": DAY, "start": OPENS, "end": NOON, **changes}
    return BarRequest.model_validate(values)


class BarStoreSuite:
    """Derive a test class from it that has a fixture `bar_store`, empty."""

    def test_each_bar_is_kept_once(self, bar_store: BarStore) -> None:
        # Given bars, when they arrive twice
        bars = bars_until()
        first, second = (bar_store.store(bars, (request(),), "test") for _ in range(2))
        # Then they are new once, and nothing changed by the second time
        assert (first.stored, first.revised, first.late) == (20, 0, 0)
        assert (second.stored, second.revised, second.late) == (0, 0, 0)
        assert list(bar_store.present(["ACME"], OPENS, NOON)["ACME"]) == [each.start for each in bars]
        assert bar_store.present(["BETA"], OPENS, NOON) == {}

    def test_a_corrected_bar_replaces_the_first(self, bar_store: BarStore) -> None:
        bar_store.store((bar(OPENS, 100),), (), "test")
        written = bar_store.store((bar(OPENS, "100.50"), bar(OPENS + FIVE_MINUTES, 100)), (), "test")
        assert (written.stored, written.revised) == (1, 1)
        # And the correction itself is no correction
        assert bar_store.store((bar(OPENS, "100.50"),), (), "test").revised == 0

    def test_a_bar_that_comes_after_a_newer_one_is_late(self, bar_store: BarStore) -> None:
        bar_store.store((bar(NOON), bar(OPENS, ticker="BETA")), (), "test")
        written = bar_store.store((bar(OPENS), bar(NOON + FIVE_MINUTES), bar(NOON, ticker="BETA")), (), "test")
        assert (written.stored, written.late) == (3, 1)

    def test_coverage_only_grows(self, bar_store: BarStore) -> None:
        # Given a session asked for up to noon; when an older answer and another ticker's come
        bar_store.store((), (request(),), "test")
        bar_store.store((), (request(end=NOON - FIVE_MINUTES), request(tickers=("BETA",), settles=True)), "test")
        # Then each is covered as far as it ever was
        assert bar_store.coverage(["ACME", "BETA"], DAY) == {
            (DAY, "ACME"): Coverage(NOON, settled=False),
            (DAY, "BETA"): Coverage(NOON, settled=True),
        }
        assert bar_store.coverage(["ACME"], DAY + timedelta(days=1)) == {}
        assert bar_store.coverage(["GAMMA"], DAY) == {}

    def test_two_answers_of_one_session_in_one_batch_are_one_coverage(self, bar_store: BarStore) -> None:
        bar_store.store((), (request(), request(end=NOON + FIVE_MINUTES)), "test")
        assert bar_store.coverage(["ACME"], DAY) == {(DAY, "ACME"): Coverage(NOON + FIVE_MINUTES, settled=False)}

    def test_a_large_jump_into_a_new_bar_is_told_once(self, bar_store: BarStore) -> None:
        # Given a close of 700, when the next bar opens at 100
        bar_store.store((bar(OPENS, 700), bar(OPENS, 50, "BETA")), (), "test")
        split = bar(NOON, 101, open=Decimal(100), low=Decimal(99))
        written = bar_store.store((split, bar(NOON, 51, "BETA")), (), "test")
        # Then the gap is told with its place
        assert written.splits == (SuspectedSplit("ACME", NOON, Decimal(700), Decimal(100), Fraction(7)),)
        # But not again with a correction or with the next bar
        revised = bar(NOON, 102, open=Decimal(100), low=Decimal(99))
        assert bar_store.store((revised, bar(NOON + FIVE_MINUTES, 102)), (), "test").splits == ()

    def test_a_large_jump_inside_a_bar_is_told_too(self, bar_store: BarStore) -> None:
        # Given a first trade at the old price on the day of a split
        bar_store.store((bar(OPENS, 700),), (), "test")
        written = bar_store.store((bar(NOON, 100, open=Decimal(701), high=Decimal(701)),), (), "test")
        assert written.splits == (SuspectedSplit("ACME", NOON, Decimal(701), Decimal(100), Fraction(7)),)

    def test_a_gap_that_a_correction_makes_is_told(self, bar_store: BarStore) -> None:
        # Given two bars at the same price, when the later one is corrected to half of it
        bar_store.store((bar(OPENS, 100), bar(NOON, 100)), (), "test")
        written = bar_store.store((bar(NOON, 50),), (), "test")
        assert [(gap.at, gap.ratio) for gap in written.splits] == [(NOON, Fraction(2))]

    def test_nothing_is_stored_of_nothing(self, bar_store: BarStore) -> None:
        written = bar_store.store((), (), "test")
        assert (written.stored, written.revised, written.late, written.splits) == (0, 0, 0, ())
