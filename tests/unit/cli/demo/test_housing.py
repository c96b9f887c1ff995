"""How long the demo waits for the predictions of two versions."""

from typing import Any

import pytest

from cli.demo.housing import ROWS_A_REQUEST, _has_all_pairs


@pytest.mark.parametrize(
    ("pairs", "slow", "failed", "ready"),
    [(341, 0, 0, True), (241, 0, 0, False), (241, 1, 0, True), (141, 1, 0, False), (141, 1, 1, True), (0, 4, 0, False)],
)
def test_it_does_not_wait_for_requests_that_a_version_answered_too_late(
    pairs: int, slow: int, failed: int, ready: bool
) -> None:
    # Given houses asked for in requests of one hundred
    standing: dict[str, Any] = {
        "pairs": pairs,
        "champion": {"slow": 0, "failed": failed},
        "challenger": {"slow": slow, "failed": 0},
    }
    assert ROWS_A_REQUEST == 100
    assert _has_all_pairs(standing, 341) is ready
