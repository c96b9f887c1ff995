"""Every test starts like a new process."""

from collections.abc import Iterator

import pytest

from bellwether.shared.per_process import forget


@pytest.fixture(autouse=True)
def new_process() -> Iterator[None]:
    """Drop what functions and adapters keep between invocations."""
    yield
    forget()
