"""A home that can't be written is told in one sentence, not by a traceback."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud.access_key import AccessKey
from localcloud.control import Cloud
from localcloud.errors import CloudError


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
@pytest.mark.parametrize("command", [Cloud.up, Cloud.down, Cloud.reset])
def test_the_folder_and_the_remedy_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[[Cloud], object], code: int
) -> None:
    # Given a disk that refuses to be written
    def refuse(path: object, *_rest: object) -> int:
        raise OSError(code, "refused", str(path))

    monkeypatch.setattr("os.open", refuse)
    # When a command needs it, Then the message names the folder and the variable that chooses another one
    with pytest.raises(CloudError, match=f"{tmp_path}.*BELLWETHER_HOME"):
        command(Cloud(tmp_path))


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CloudError, match="BELLWETHER_HOME"):
        Cloud(tmp_path / "file" / "home").up()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
@pytest.mark.parametrize("command", [Cloud.up, Cloud.down, Cloud.reset])
def test_a_folder_that_cannot_be_made_is_named(command: Callable[[Cloud], object]) -> None:
    with pytest.raises(CloudError, match=r"/proc/x can't be written.*BELLWETHER_HOME"):
        command(Cloud(Path("/proc/x/home")))


def test_asking_for_the_status_writes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert not Cloud(home).status().healthy
    assert Cloud(home).endpoints() is None
    assert not home.exists()


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "access_key.json"
    assert AccessKey.stored(path) is None
    key = AccessKey.load(path)
    assert AccessKey.load(path) == key
    assert AccessKey.stored(path) == key
    assert [*tmp_path.iterdir()] == [path]
    assert key.secret not in repr(key)
