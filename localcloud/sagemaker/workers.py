"""Processes that run inference code: started when needed, started again when they die, ended when they hang."""

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.sagemaker.logs import LogSink
from localcloud.sagemaker.worker_main import read_frame, write_frame

_MAIN = Path(__file__).with_name("worker_main.py")
LOAD_LIMIT_SECONDS = 180.0  # what AWS gives a serverless container to come up


@dataclass(frozen=True)
class InferenceProgram:
    """Inference code with its model, ready to be started."""

    interpreter: Path
    program: Path
    model_dir: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What the container answered: on status 200 a body of some type, else a message as body."""

    status: int
    content_type: str
    body: bytes


class WorkerLoadError(Exception):
    """The inference code did not come up; the message says why."""


class WorkerLostError(Exception):
    """The process died or had to be killed while it had a request."""


class MovedOnError(WorkerLostError):
    """This model is no longer served; its replacement may respond."""


class Worker:
    """One process. Not safe for threads: a ModelServer sees to that."""

    def __init__(self, program: InferenceProgram, log: LogSink, limit_seconds: float) -> None:
        """Start the process and wait until the model is loaded. Raises WorkerLoadError."""
        if not program.program.is_file():
            raise WorkerLoadError(f"FileNotFoundError: the bundle has no {program.program.name} in its code folder")
        # The process holds one end of a pipe and we the other: when we are gone, even by SIGKILL, it notices and goes.
        held_by_worker, self._lifeline = os.pipe()
        self._process = subprocess.Popen(
            [
                *(str(program.interpreter), "-P", str(_MAIN)),
                *(str(program.program), str(program.model_dir), str(held_by_worker)),
            ],
            pass_fds=[held_by_worker],
            cwd=program.model_dir,
            env=dict(program.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        os.close(held_by_worker)
        self._frames: queue.Queue[tuple[dict[str, Any], bytes] | None] = queue.Queue()
        self._log = log
        self._lock = threading.Lock()
        threading.Thread(target=self._read_frames, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()
        try:
            header, _ = self._next(limit_seconds)
        except WorkerLostError as error:
            self.kill()
            raise WorkerLoadError(str(error)) from error
        if "failed" in header:
            self.kill()
            raise WorkerLoadError(str(header["failed"]))

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def ask(self, body: bytes, content_type: str, accept: str, limit_seconds: float) -> Answer:
        """One request, one answer. Raises WorkerLostError; the worker is dead then."""
        pipe = self._process.stdin
        try:
            if pipe is None:
                raise BrokenPipeError
            write_frame(pipe, {"content_type": content_type, "accept": accept}, body)
        except OSError as error:
            self.kill()
            raise WorkerLostError("the process of the inference code has died") from error
        header, content = self._next(limit_seconds)
        return Answer(int(header["status"]), str(header.get("content_type", "text/plain")), content)

    def kill(self) -> None:
        """End the process and all it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with self._lock:
            if self._lifeline >= 0:
                os.close(self._lifeline)
                self._lifeline = -1
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _next(self, limit_seconds: float) -> tuple[dict[str, Any], bytes]:
        try:
            frame = self._frames.get(timeout=limit_seconds)
        except queue.Empty:
            self.kill()
            raise WorkerLostError(f"no answer within {limit_seconds:g} seconds") from None
        if frame is None:
            self.kill()
            raise WorkerLostError(f"the process of the inference code died (exit status {self._process.returncode})")
        return frame

    def _read_frames(self) -> None:
        pipe = self._process.stdout
        if pipe is not None:
            with pipe, contextlib.suppress(OSError, ValueError):
                while (frame := read_frame(pipe)) is not None:
                    self._frames.put(frame)
        self._frames.put(None)

    def _read_errors(self) -> None:
        pipe = self._process.stderr
        if pipe is not None:
            with pipe, contextlib.suppress(OSError, ValueError):
                for line in pipe:
                    self._log.write(line.decode(errors="replace").rstrip("\n"))


class ModelServer:
    """Inference code that is there when asked: one worker, one request at a time, a new worker after a death."""

    def __init__(self, prepare: Callable[[], InferenceProgram], log: LogSink) -> None:
        """`prepare` finds or fetches the program; it is called before each start of a worker."""
        self._prepare = prepare
        self._log = log
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._stopped = False

    def load(self, limit_seconds: float = LOAD_LIMIT_SECONDS) -> None:
        """Start a worker now. Raises WorkerLoadError and what `prepare` raises."""
        with self._lock:
            self._ready(limit_seconds)

    def ask(self, body: bytes, content_type: str, accept: str, limit_seconds: float) -> Answer:
        """Answer one request within the limit, wait and start included.

        Raises WorkerLoadError, WorkerLostError, MovedOnError, and what `prepare` raises.
        """
        deadline = time.monotonic() + limit_seconds
        if not self._lock.acquire(timeout=limit_seconds):
            raise WorkerLostError(f"no answer within {limit_seconds:g} seconds")
        try:
            worker = self._ready(max(0.1, deadline - time.monotonic()))
            return worker.ask(body, content_type, accept, max(0.1, deadline - time.monotonic()))
        finally:
            self._lock.release()

    def stop(self, grace_seconds: float = 0.0) -> None:
        """Let the current request end, up to `grace_seconds`, then end the worker for good."""
        self._stopped = True
        taken = self._lock.acquire(timeout=grace_seconds) if grace_seconds else self._lock.acquire(blocking=False)
        try:
            if self._worker is not None:
                self._worker.kill()
        finally:
            if taken:
                self._lock.release()
        self._log.close()

    def _ready(self, limit_seconds: float) -> Worker:
        if self._stopped:
            raise MovedOnError("this model is no longer served")
        if self._worker is None or not self._worker.alive:
            before, self._worker = self._worker, None
            if before is not None:
                before.kill()  # it is dead: this closes what we hold of it
            self._worker = Worker(self._prepare(), self._log, limit_seconds)
        return self._worker
