"""A patch whose target has moved is never applied in silence."""

from types import SimpleNamespace

import pytest

from localcloud.emulator.patching import PatchTargetMovedError, replace, require, substitute


def a_function(event: str, request_id: str) -> str:
    return event + request_id


def test_a_target_that_is_what_it_was_is_replaced() -> None:
    owner = SimpleNamespace(act=a_function)
    replace(owner, "act", ("event", "request_id"), lambda original: lambda event, request_id: original(event, "!"))
    assert owner.act("hello", "ignored") == "hello!"


def test_a_target_that_is_gone_or_takes_something_else_is_refused() -> None:
    owner = SimpleNamespace(act=a_function)
    with pytest.raises(PatchTargetMovedError, match="no longer exists"):
        require(owner, "missing")
    with pytest.raises(PatchTargetMovedError, match="no longer takes"):
        require(owner, "act", ("event",))


@pytest.mark.parametrize("text", ["nothing of it", "old and old again"])
def test_text_that_is_not_there_exactly_once_is_refused(text: str) -> None:
    with pytest.raises(PatchTargetMovedError, match="expected once"):
        substitute(text, "old", "new")


def test_text_that_is_there_once_is_replaced() -> None:
    assert substitute("an old text", "old", "new") == "an new text"
