"""One command at a time may change a cloud. The kernel lets go of the lock when the command dies, however it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.errors import CloudBusyError


@contextmanager
def exclusive(path: Path, command: str) -> Iterator[None]:
    """Hold the lock; raises CloudBusyError that names who has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another command"
            raise CloudBusyError(f"{holder} is at work on {path.parent}: wait for it, or stop it") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"`bellwether {command}` (process {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(descriptor)
