"""When a stack counts as changed, and which parameters it gets."""

from pathlib import Path

import pytest

from localcloud.deploy import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    (tmp_path / "template.yaml").write_text("Resources: {}")
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "app.py").write_text("pass")
    return Stack(tmp_path, "tested")


def test_the_digest_changes_with_content_name_and_parameters(stack: Stack) -> None:
    # Given the digest of a project
    digests = [stack.digest({"A": "1"})]
    # When a parameter, a file's content, and a file's name change in turn
    digests.append(stack.digest({"A": "2"}))
    app = stack.project / "functions" / "app.py"
    app.write_text("...")
    digests.append(stack.digest({"A": "2"}))
    app.rename(app.with_name("other.py"))
    digests.append(stack.digest({"A": "2"}))
    # Then each time it is another
    assert len(set(digests)) == 4


def test_the_digest_ignores_what_is_not_source(stack: Stack) -> None:
    before = stack.digest({})
    cache = stack.project / "functions" / "__pycache__"
    cache.mkdir()
    (cache / "app.pyc").write_bytes(b"compiled")
    (stack.project / "README.md").write_text("not deployed")
    assert stack.digest({}) == before


@pytest.mark.parametrize("written", ["\"A=1 B='two words'\"", '["A=1", "B=two words"]'])
def test_parameters_come_from_samconfig_and_the_callers_win(stack: Stack, written: str) -> None:
    # Given samconfig's two ways to write parameters
    stack.config.write_text(f"version = 0.1\n[local.deploy.parameters]\nparameter_overrides = {written}\n")
    # When one of them is given by the caller, too, then his counts
    assert stack.parameters({"A": "mine"}) == {"A": "mine", "B": "two words"}


def test_without_samconfig_there_are_the_callers_parameters(stack: Stack) -> None:
    assert stack.parameters({"A": "1"}) == {"A": "1"}
