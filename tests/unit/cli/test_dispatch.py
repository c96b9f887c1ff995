"""Halting, resuming and looking, from the terminal; the function is played."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli import dispatch
from cli.target import Target

NEVER = {
    "halted": False,
    "changed": False,
    "changed_at": "1970-01-01T00:00:00Z",
    "actor": "nobody",
    "reason": "never halted",
    "open_orders": 0,
}
HALTED = {
    **NEVER,
    "halted": True,
    "changed_at": "2026-03-02T16:00:00Z",
    "actor": "arn:aws:iam::000000000000:user/me",
    "reason": "wild news",
    "open_orders": 2,
}


@dataclass
class Played:
    """The function's answers, and what it was asked."""

    state: dict[str, Any] = field(default_factory=lambda: NEVER)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(event)
        return self.state


class _Caller:
    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:aws:iam::000000000000:user/me"}


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    function = Played()
    target = Target(where="embedded cloud", stack="bellwether-local", client=lambda _: _Caller(), region="us-east-1")
    monkeypatch.setattr(Target, "output", lambda _self, key: key)
    monkeypatch.setattr(Target, "invoke", lambda _self, _name, event: function.invoke(event))
    monkeypatch.setattr(dispatch, "current_target", lambda: target)
    return function


def run(*words: str, answer: str = "") -> tuple[int, str]:
    app = typer.Typer()
    for command in (dispatch.halt, dispatch.resume, dispatch.dispatch):
        app.command()(command)
    result = CliRunner().invoke(app, list(words), input=answer)
    return result.exit_code, result.output


def test_a_halt_says_who_and_why_and_what_is_still_on_its_way(played: Played) -> None:
    played.state = HALTED
    code, said = run("halt", "--reason", "wild news")
    assert played.asked == [{"halted": True, "actor": "arn:aws:iam::000000000000:user/me", "reason": "wild news"}]
    assert code == 0
    assert all(part in said for part in ("halted", "wild news", "2026-03-02 16:00 UTC", "2"))


def test_a_halt_needs_a_reason(played: Played) -> None:
    code, _ = run("halt")
    assert (code, played.asked) == (2, [])


def test_resuming_shows_why_it_was_halted_and_asks(played: Played) -> None:
    played.state = HALTED
    code, said = run("resume", "--reason", "calm", answer="n\n")
    assert (code, played.asked) == (1, [{}])
    assert "wild news" in said
    assert run("resume", "--reason", "calm", "--yes")[0] == 0
    assert played.asked[-1]["halted"] is False


def test_looking_changes_nothing(played: Played) -> None:
    code, said = run("dispatch")
    assert (code, played.asked) == (0, [{}])
    assert "running" in said
    assert "nobody" not in said


def test_machines_get_json(played: Played) -> None:
    assert json.loads(run("dispatch", "--json")[1]) == NEVER
