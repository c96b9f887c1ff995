"""When a feed is asked again, and what becomes of its state."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.news.domain.feeds import (
    MAX_BACKOFF_SECONDS,
    MAX_INTERVAL_SECONDS,
    MIN_INTERVAL_SECONDS,
    after,
    backoff_seconds,
    interval_seconds,
    update_period_seconds,
)
from tests.feed_builders import NOON, result


@pytest.mark.parametrize(
    ("hints", "seconds"),
    [((), 60), ((None, None), 60), ((300, None, 120), 300), ((10,), 60), ((0,), 60), ((86_400, 300), 3600)],
)
def test_a_publishers_wish_is_followed_within_limits(hints: tuple[int | None, ...], seconds: int) -> None:
    assert interval_seconds(*hints) == seconds


@pytest.mark.parametrize(
    ("period", "frequency", "seconds"),
    [
        ("hourly", "1", 3600),
        (" Hourly ", " 4 ", 900),
        ("daily", "", 86_400),
        ("daily", "0", 86_400),
        ("daily", "-2", 86_400),
        ("hourly", "²", 3600),
        ("hourly", "9" * 50, 3600),
        ("fortnightly", "1", None),
        (None, "1", None),
    ],
)
def test_update_period_is_divided_by_its_frequency(period: str | None, frequency: str, seconds: int | None) -> None:
    assert update_period_seconds(period, frequency) == seconds


@given(
    st.from_regex(r"[a-z]{1,20}", fullmatch=True),
    st.integers(1, 10_000),
    st.integers(MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS),
)
def test_no_feed_is_dead_for_ever(feed_id: str, failures: int, interval: int) -> None:
    wait = backoff_seconds(feed_id, failures, interval)
    assert 0.75 * interval <= wait <= 1.25 * MAX_BACKOFF_SECONDS


def test_each_failure_doubles_the_wait_and_feeds_come_back_one_by_one() -> None:
    waits = [backoff_seconds("feed", failures, 60) for failures in (1, 3, 5, 7)]
    assert waits == sorted(waits)
    assert waits[-1] > 60 * 2**6
    assert len({backoff_seconds(f"feed-{n}", 3, 60) for n in range(100)}) == 100


def wait(**changes: Any) -> float:
    return (after(result(**changes)).next_attempt_at - NOON).total_seconds()


def test_success_waits_for_the_interval_and_forgives_failures() -> None:
    assert wait(interval_seconds=300, failures=7) == 300
    assert after(result(status="unchanged", failures=7)).failures == 0


def test_retry_after_is_honoured_up_to_a_day() -> None:
    assert wait(status="failed", retry_after_seconds=7200) == 7200
    assert wait(status="failed", retry_after_seconds=10) > 60
    assert wait(status="failed", retry_after_seconds=10**9) == timedelta(days=1).total_seconds()
    for status in ("changed", "unchanged"):  # a publisher who answers well is not busy
        assert wait(status=status, retry_after_seconds=600) == 60


def test_only_gone_retires() -> None:
    assert after(result(status="gone")).retired
    for status in ("changed", "unchanged", "failed", "untried"):
        assert not after(result(status=status, failures=10_000)).retired


def test_what_was_not_tried_is_no_failure_and_due_at_once() -> None:
    update = after(result(status="untried", failures=2))
    assert (update.failures, update.next_attempt_at, update.tried, update.keep_validators) == (2, NOON, False, True)


def test_a_move_that_leads_nowhere_is_forgotten_after_some_failures() -> None:
    assert [after(result(status="failed", failures=n)).forget_move for n in (0, 3, 4, 5)] == [False, False, True, True]
