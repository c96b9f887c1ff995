"""One command at a time may change a cloud. The kernel lets go of the lock when the command dies, however it dies."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.errors import CloudBusyError, CloudError
from localcloud.home import VARIABLE

_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR)


@contextmanager
def exclusive(path: Path, command: str) -> Iterator[None]:
    """Hold the lock; raises CloudBusyError that names who has it, CloudError for a folder that can't be written."""
    try:
        with _locked(path, command):
            yield
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        raise _unwritable(error, path) from error


@contextmanager
def _locked(path: Path, command: str) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:  # what /proc answers instead of EACCES
        raise _unwritable(error, path) from error
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another command"
            raise CloudBusyError(f"{holder} is running on {path.parent}: wait until it ends, or stop it") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"`bellwether {command}` (process {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _unwritable(error: OSError, path: Path) -> CloudError:
    return CloudError(
        f"{error.filename or path.parent} can't be written ({error.strerror}): set {VARIABLE} to a folder on a disk"
        " with free space that you may write to"
    )
