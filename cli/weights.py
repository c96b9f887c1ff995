"""`bellwether model fetch finbert`: download pinned weights from the Hugging Face hub, and pack them into a bundle."""

import importlib.util
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from io import BytesIO
from pathlib import Path
from typing import IO, Annotated, Any, Literal, Protocol
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from cli.problems import CommandError

HUB = "https://huggingface.co"
TIMEOUT_SECONDS = 30
BLOCK = 1 << 20
ROOT = Path(__file__).parents[1]
Engine = Literal["torch", "onnx", "onnx-int8"]
LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "torch": ("torch", "transformers", "tokenizers"),
    "onnx": ("torch", "transformers", "tokenizers", "onnxruntime", "onnx"),
    "onnx-int8": ("torch", "transformers", "tokenizers", "onnxruntime", "onnx"),
}


@dataclass(frozen=True)
class PinnedFile:
    """One file and its expected SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True)
class PinnedWeights:
    """A model on the hub, pinned to one commit and the hashes of its files."""

    repository: str
    revision: str
    files: tuple[PinnedFile, ...]
    note: str

    def url(self, file: PinnedFile) -> str:
        """Download URL of a file."""
        return f"{HUB}/{self.repository}/resolve/{self.revision}/{file.name}"


FINBERT = PinnedWeights(
    repository="ProsusAI/finbert",
    # The hub's own conversion of the published weights to safetensors (its pull request 29): `main` has a pickle only.
    revision="7db323f79b751944bcfa66298ec06977e4518306",
    files=(
        PinnedFile("config.json", "f6449ddda85eb726207a40be59c0cd3bd4b142ccb27298d5e45f9ae3396b1abe"),
        PinnedFile("vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
        PinnedFile("model.safetensors", "e5897858ff819aad7629b96ce521ae5477952d03634ef5dd30ed2d76357a9f00"),
    ),
    note=(
        "The authors' code is under Apache-2.0; the hub's page states no licence for the weights, trained on "
        "the Financial PhraseBank (CC BY-NC-SA 3.0). Check the licence before commercial use."
    ),
)
CATALOGUE: Mapping[str, PinnedWeights] = {"finbert": FINBERT}


class Download(Protocol):
    """An open response of the hub. `start` is its first byte: 0 if the hub does not resume the download."""

    start: int
    total: int | None

    def read(self, size: int) -> bytes:
        """The next bytes; empty at the end."""
        ...


Opener = Callable[[str, int], AbstractContextManager[Download]]
Report = Callable[[str, int, int | None], None]


# --- download --------------------------------------------------------------------------------------------------------


def fetch(weights: PinnedWeights, folder: Path, opener: Opener, report: Report) -> Path:
    """Download every file into the folder and resume partial downloads; returns the folder. Raises CommandError.

    A file whose SHA-256 differs from the pinned one is deleted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in weights.files:
        path = folder / file.name
        if path.is_file() and _sha256(path) == file.sha256:
            report(file.name, path.stat().st_size, path.stat().st_size)
            continue
        _fetch_file(weights.url(file), file, path, opener, report)
    return folder


def _fetch_file(url: str, file: PinnedFile, path: Path, opener: Opener, report: Report) -> None:
    partial = path.with_name(path.name + ".part")
    held = partial.stat().st_size if partial.is_file() else 0
    try:
        with opener(url, held) as answer, partial.open("ab") as target:
            target.truncate(answer.start)
            _copy(answer, target, file.name, report)
    except (OSError, HTTPException) as error:
        raise CommandError(_explained(url, error)) from error
    observed = _sha256(partial)
    if observed != file.sha256:
        partial.unlink()
        raise CommandError(f"{file.name} has SHA-256 {observed}, expected {file.sha256}; the file was deleted")
    partial.replace(path)


def _copy(answer: Download, target: IO[bytes], name: str, report: Report) -> None:
    done = answer.start
    report(name, done, answer.total)
    while block := answer.read(BLOCK):
        target.write(block)
        done += len(block)
        report(name, done, answer.total)
    if answer.total is not None and done < answer.total:
        raise ConnectionError(f"the connection ended after {done} of {answer.total} bytes")


def _explained(url: str, error: Exception) -> str:
    host = urlsplit(url).netloc
    if isinstance(error, urllib.error.HTTPError):
        return f"{host} answered {error.code} for {url}"
    reason = getattr(error, "reason", error)
    return (
        f"{host} can't be reached ({reason}). Download the weights once on a machine with internet access; "
        "a partial download is kept and resumed. Without the weights the embedded word list classifies the news."
    )


def _sha256(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError(f"redirected to {urlsplit(newurl).scheme}, only https is followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass
class _Answer:
    body: IO[bytes]
    start: int
    total: int | None

    def read(self, size: int) -> bytes:
        return self.body.read(size)


@contextmanager
def open_https(url: str, start: int) -> Iterator[Download]:
    """Request a file from the hub, starting at byte `start`. Raises OSError and HTTPException."""
    headers = {"User-Agent": "bellwether", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the addresses are constants above
    opener = urllib.request.build_opener(_HttpsOnly())
    try:
        answer = opener.open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()
        yield _Answer(BytesIO(), start, start)  # the download was complete; the caller verifies its SHA-256
        return
    with answer:
        resumed = answer.status == 206
        length = answer.headers.get("Content-Length")
        begun = start if resumed else 0
        yield _Answer(answer, begun, None if length is None else begun + int(length))


# --- pack ------------------------------------------------------------------------------------------------------------


def pack(weights: PinnedWeights, folder: Path, target: Path, engine: Engine, interpreter: Path) -> Mapping[str, str]:
    """Pack the weights with an interpreter that has the libraries; returns archive and bundle_sha256."""
    source = {"repository": weights.repository, "revision": weights.revision, "note": weights.note}
    command = [str(interpreter), "-m", "jobs.sentiment.pack", "finbert", str(folder), str(target)]
    command += ["--engine", engine, "--source", json.dumps(source)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"The bundle was not written: {(done.stderr.strip() or 'no reason given')[-500:]}")
    packed: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return packed


def missing_libraries(interpreter: Path, engine: Engine) -> list[str]:
    """Libraries of an engine that the interpreter can't import."""
    names = LIBRARIES[engine]
    if interpreter == Path(sys.executable):
        return [name for name in names if importlib.util.find_spec(name) is None]
    program = "import importlib.util, sys; print(*[n for n in sys.argv[1:] if importlib.util.find_spec(n) is None])"
    try:
        done = subprocess.run([str(interpreter), "-c", program, *names], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CommandError(f"{interpreter} is not a Python interpreter that runs on this machine") from error
    return done.stdout.split()


# --- command ---------------------------------------------------------------------------------------------------------


def fetch_model(
    model: Annotated[str, typer.Argument(help="Name of the model: finbert.")] = "finbert",
    engine: Annotated[
        Engine, typer.Option(help="Inference engine: torch, onnx, or onnx-int8 (fastest).")
    ] = "onnx-int8",
    interpreter: Annotated[
        Path | None,
        typer.Option(
            help="Python interpreter with torch and transformers (for onnx also onnxruntime and onnx), for packing."
        ),
    ] = None,
    home: Annotated[Path, typer.Option(help="Folder for weights and bundles.")] = Path(".bellwether/weights"),
    download_only: Annotated[
        bool, typer.Option("--download-only", help="Download only; do not pack a bundle.")
    ] = False,
) -> None:
    """Download a model's pinned weights and pack them into a bundle."""
    if model not in CATALOGUE:
        raise CommandError(f"Unknown model {model!r}; known: {', '.join(CATALOGUE)}")
    weights, python = CATALOGUE[model], interpreter or Path(sys.executable)
    console = Console(highlight=False)
    if not download_only and (missing := missing_libraries(python, engine)):
        raise CommandError(
            f"{python} lacks {', '.join(missing)}, required to pack for {engine}. Install "
            f"{' '.join(LIBRARIES[engine])} into a separate environment and pass its Python with --interpreter, "
            "or use --download-only"
        )
    folder = home / model / weights.revision
    console.print(f"{weights.repository} at {weights.revision[:7]}. {weights.note}")
    with _progress(console) as report:
        fetch(weights, folder, open_https, report)
    console.print(f"Weights, SHA-256 verified: {folder}")
    if download_only:
        return
    with console.status(f"packing for {engine}"):
        packed = pack(weights, folder.resolve(), (folder / engine).resolve(), engine, python)
    console.print(f"Bundle {packed['bundle_sha256'][:8]}: {packed['archive']}")


@contextmanager
def _progress(console: Console) -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        tasks: dict[str, Any] = {}

        def report(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done, total=total)

        yield report
