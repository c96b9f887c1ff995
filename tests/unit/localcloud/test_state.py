"""The cloud's memory and its lock."""

import os
from pathlib import Path

import pytest

from localcloud import state
from localcloud.errors import CloudBusyError, CloudError
from localcloud.lock import exclusive
from localcloud.state import CloudState


def test_what_was_saved_is_read_back_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state.save(path, CloudState(aws_port=1234, postgres_password="secret"))
    assert state.load(path) == CloudState(aws_port=1234, postgres_password="secret")
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_file_is_a_new_cloud(tmp_path: Path) -> None:
    assert state.load(tmp_path / "state.json") == CloudState()


@pytest.mark.parametrize("damaged", ["", "{", '{"aws_port": "many"}', '{"from_the_future": 1}'])
def test_a_damaged_file_says_what_to_do(tmp_path: Path, damaged: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(damaged)
    with pytest.raises(CloudError, match="run `bellwether reset`"):
        state.load(path)


def test_the_lock_names_who_holds_it_and_is_free_again_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "home" / "lock"
    # Given a command that holds the lock, when another wants it, then it learns who has it
    with (
        exclusive(path, "up"),
        pytest.raises(CloudBusyError, match=rf"`bellwether up` \(process {os.getpid()}\)"),
        exclusive(path, "down"),
    ):
        pass
    # And once the first is done, it is free
    with exclusive(path, "down"):
        pass
