"""State is written to disk while the emulator runs: ministack does it only on a clean stop, a kill -9 loses everything.

Parameters (which version of a model serves) and the status of executions are written at once, before the caller is
answered. Everything is written every so often when something may have changed, and on SIGUSR1: of the other services
the newest seconds are gone after a kill.
"""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import persistence
from ministack.services import ssm, stepfunctions

from localcloud.emulator.names import CHECKPOINT_SECONDS_VARIABLE, CHECKPOINT_STAMP
from localcloud.emulator.patching import replace, require

_READING_METHODS = ("GET", "HEAD", "OPTIONS")
_saving = threading.RLock()  # reentrant: the signal may come while the main thread saves
_changed = threading.Event()


def apply() -> None:
    require(app, "_build_persistence_save_dict", ())
    if not persistence.PERSIST_STATE:
        return
    replace(app, "save_all", ("services",), _one_at_a_time)
    replace(app, "app", ("scope", "receive", "send"), _noticing)
    for name in ("_put_parameter", "_delete_parameter"):
        replace(ssm, name, ("data",), _then_saved("ssm", ssm.get_state))
    replace(
        stepfunctions,
        "_emit_execution_status_event",
        ("execution",),
        _then_saved("stepfunctions", stepfunctions.get_state),
    )
    signal.signal(signal.SIGUSR1, lambda _signal, _frame: checkpoint())
    interval_seconds = float(os.environ.get(CHECKPOINT_SECONDS_VARIABLE, "5"))
    threading.Thread(target=_keep_saving, args=(interval_seconds,), name="checkpoints", daemon=True).start()


def checkpoint() -> None:
    """Save every service's state, then touch the stamp that whoever asked is waiting for."""
    _changed.clear()
    app.save_all(app._build_persistence_save_dict())
    stamp = Path(persistence.STATE_DIR) / CHECKPOINT_STAMP
    with _saving:
        temporary = stamp.with_suffix(".tmp")
        temporary.write_text(str(os.getpid()))
        temporary.replace(stamp)


def _then_saved(service: str, get_state: Callable[[], Any]) -> Any:
    def wrap(change: Any) -> Any:
        def change_and_save(given: Any) -> Any:
            result = change(given)
            with _saving:
                persistence.save_state(service, get_state())
            return result

        return change_and_save

    return wrap


def _keep_saving(interval_seconds: float) -> None:
    pause = threading.Event()
    while True:
        pause.wait(interval_seconds)
        if _changed.is_set():
            checkpoint()


def _one_at_a_time(save_all: Any) -> Any:
    def save_all_locked(services: Any) -> None:
        with _saving:
            save_all(services)

    return save_all_locked


def _noticing(serve: Any) -> Any:
    async def serve_noticing(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] not in _READING_METHODS:
            _changed.set()
        await serve(scope, receive, send)

    return serve_noticing
