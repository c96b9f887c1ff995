"""What a process keeps, and how it forgets."""

import pytest

from bellwether.shared.per_process import forget, once_per_process


class Connection:
    closed = False

    def close(self) -> None:
        self.closed = True


@once_per_process
def connect(host: str, *, port: int = 1) -> Connection:
    return Connection()


def test_a_result_is_kept_for_each_set_of_arguments() -> None:
    assert connect("a") is connect("a")
    assert connect("a") is not connect("b")
    assert connect("a", port=2) is connect("a", port=2)
    assert connect("a", port=2) is not connect("a", port=3)


def test_after_forgetting_everything_is_closed_and_made_anew() -> None:
    before = connect("a")
    forget()
    assert before.closed
    assert connect("a") is not before


def test_a_failure_is_not_kept() -> None:
    attempts = []

    @once_per_process
    def fail_once() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError
        return "made"

    with pytest.raises(ValueError):  # noqa: PT011
        fail_once()
    assert fail_once() == "made"
