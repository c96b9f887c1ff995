"""The commit-msg hook accepts imperative subjects and names what is wrong with others."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT


def check(message: str, folder: Path) -> tuple[int, str]:
    """Exit status and output of the hook."""
    file = folder / "COMMIT_EDITMSG"
    file.write_text(message)
    done = subprocess.run(
        [sys.executable, ROOT / ".ci/commit_subject.py", file], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "message",
    [
        "Add half-day sessions to the market calendar",
        "Feed the dashboard from one query\n\nTwo queries disagreed.\n# a comment of git's",
        "fixup! Add half-day sessions",
        "A" * 72,
    ],
)
def test_an_imperative_subject_is_accepted(message: str, tmp_path: Path) -> None:
    assert check(message, tmp_path)[0] == 0


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("A" * 73, "has 73 characters, at most 72 are allowed"),
        ("add a gate", "must begin with a capital letter"),
        ("", "must begin with a capital letter"),
        ("Add a gate.", "must not end with a full stop"),
        ("Added a gate", "must be imperative, 'Added' is not"),
        ("Adding a gate", "must be imperative, 'Adding' is not"),
        ("Add a gate\nand its test", "must be followed by an empty line"),
    ],
)
def test_another_subject_is_refused_with_the_reason(message: str, fault: str, tmp_path: Path) -> None:
    status, told = check(message, tmp_path)
    assert status == 1
    assert f"The subject {fault}" in told
