"""Downloading pinned weights: resumed, verified, and clear when there is no network."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest

from cli import weights as subject
from cli.problems import CommandError
from cli.weights import FINBERT, Download, PinnedFile, PinnedWeights, fetch, fetch_model, missing_libraries

CONTENT = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 20_000}
PINNED = PinnedWeights(
    "someone/something",
    "0" * 40,
    tuple(PinnedFile(name, sha256(content).hexdigest()) for name, content in CONTENT.items()),
    "",
)


@dataclass
class Answer:
    content: bytes
    start: int
    total: int | None
    breaks_after: int | None = None

    def read(self, size: int) -> bytes:
        if self.breaks_after is not None and self.start >= self.breaks_after:
            raise ConnectionResetError("reset by peer")
        block = self.content[self.start : self.start + size]
        self.start += len(block)
        return block


@dataclass
class Hub:
    """Holds files, remembers what was asked."""

    content: dict[str, bytes] = field(default_factory=lambda: dict(CONTENT))
    resumes: bool = True
    breaks_after: int | None = None
    asked: list[tuple[str, int]] = field(default_factory=list)

    @contextmanager
    def open(self, url: str, start: int) -> Iterator[Download]:
        name = url.rsplit("/", 1)[1]
        self.asked.append((name, start))
        content = self.content[name]
        begun = start if self.resumes else 0
        yield Answer(content, begun, len(content), self.breaks_after if name.startswith("model") else None)


def ignore(name: str, done: int, total: int | None) -> None:
    """No bar."""


def test_files_come_whole(tmp_path: Path) -> None:
    # Given a hub, when weights are fetched
    seen: list[tuple[str, int, int | None]] = []
    folder = fetch(PINNED, tmp_path / "w", Hub().open, lambda *each: seen.append(each))
    # Then each file is there, nothing is left over, and progress was told to the end
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert seen[-1] == ("model.safetensors", len(CONTENT["model.safetensors"]), len(CONTENT["model.safetensors"]))


@pytest.mark.parametrize("resumes", [True, False])
def test_a_broken_download_is_continued(tmp_path: Path, resumes: bool) -> None:
    # Given a connection that broke in the middle
    with pytest.raises(CommandError, match="is kept and resumed"):
        fetch(PINNED, tmp_path, Hub(breaks_after=subject.BLOCK).open, ignore)
    # When it is fetched again, from a hub that resumes or one that does not
    hub = Hub(resumes=resumes)
    fetch(PINNED, tmp_path, hub.open, ignore)
    # Then it asked from where it stood, left the finished file alone, and the content is right
    assert hub.asked == [("model.safetensors", subject.BLOCK)]
    assert (tmp_path / "model.safetensors").read_bytes() == CONTENT["model.safetensors"]


def test_other_bytes_are_refused_and_removed(tmp_path: Path) -> None:
    # Given a hub whose file was exchanged
    hub = Hub(content=CONTENT | {"model.safetensors": b"evil"})
    # When it is fetched, then it is refused with both hashes, and nothing of it stays
    with pytest.raises(CommandError, match="expected"):
        fetch(PINNED, tmp_path, hub.open, ignore)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_file_changed_on_disk_is_fetched_again(tmp_path: Path) -> None:
    # Given fetched weights of which one file was changed
    fetch(PINNED, tmp_path, Hub().open, ignore)
    (tmp_path / "config.json").write_bytes(b"changed")
    # When they are fetched again, then that file only is brought anew
    hub = Hub()
    fetch(PINNED, tmp_path, hub.open, ignore)
    assert hub.asked == [("config.json", 0)]
    assert (tmp_path / "config.json").read_bytes() == CONTENT["config.json"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (URLError("Name or service not known"), "can't be reached .Name or service not known"),
        (TimeoutError("timed out"), "can't be reached"),
        (HTTPError("https://huggingface.co/x", 404, "gone", {}, None), "answered 404"),  # type: ignore[arg-type]
    ],
)
def test_without_a_network_the_error_says_so(tmp_path: Path, error: Exception, told: str) -> None:
    # Given a machine that reaches nothing
    @contextmanager
    def closed(url: str, start: int) -> Iterator[Download]:
        raise error
        yield

    # When weights are fetched, then the error says what can be done
    with pytest.raises(CommandError, match=told):
        fetch(PINNED, tmp_path, closed, ignore)


def test_finbert_is_pinned_by_commit_and_hash_without_pickle() -> None:
    # Given what we ship, when the pins are read, then they are full hashes, over https, and no file is a pickle
    assert len(FINBERT.revision) == 40
    assert {file.name for file in FINBERT.files} == {"config.json", "vocab.txt", "model.safetensors"}
    for file in FINBERT.files:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert FINBERT.url(file).startswith(f"https://huggingface.co/ProsusAI/finbert/resolve/{FINBERT.revision}/")


def test_a_redirect_to_plain_http_is_not_followed() -> None:
    # Given a redirect that leaves https, when it is followed, then it is refused
    with pytest.raises(URLError, match="only https"):
        subject._HttpsOnly().redirect_request(None, None, 302, "", {}, "http://example.com/x")


def test_missing_libraries_are_named_before_anything_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an interpreter without FinBERT's libraries
    monkeypatch.setattr(subject, "LIBRARIES", {"onnx-int8": ("json", "no_such_library")})
    monkeypatch.setattr(subject, "fetch", lambda *_: pytest.fail("it was downloaded"))
    # When the command runs, then it names what is missing
    with pytest.raises(CommandError, match="lacks no_such_library"):
        fetch_model("finbert", home=tmp_path)


def test_unknown_weights_are_refused() -> None:
    # Given a name that nobody pinned, when it is fetched, then the known ones are told
    with pytest.raises(CommandError, match="known: finbert"):
        fetch_model("gpt")


def test_another_interpreter_is_asked_what_it_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given another interpreter, when it is asked, then it answers for itself; what is none is told
    monkeypatch.setattr(subject, "LIBRARIES", {"torch": ("json", "no_such_library")})
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert missing_libraries(link, "torch") == ["no_such_library"]
    with pytest.raises(CommandError, match="not a Python interpreter"):
        missing_libraries(tmp_path / "nothing", "torch")


def test_packing_runs_the_packer_and_tells_its_reason(tmp_path: Path) -> None:
    # Given a folder without weights, when it is packed, then the packer's reason reaches the reader
    with pytest.raises(CommandError, match=r"model\.safetensors not found"):
        subject.pack(PINNED, tmp_path, tmp_path / "out", "torch", Path(sys.executable))
