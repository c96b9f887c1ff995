"""Pauses between attempts."""

import pytest

from bellwether.shared.adapters.clock import pause_before_retry


def test_the_pause_grows_and_stays_short(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    for attempt in range(1, 20):
        pause_before_retry(attempt)
    assert pauses[0] <= 0.2
    assert 1 < max(pauses) <= 5
