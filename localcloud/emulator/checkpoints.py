"""SIGUSR1 writes the state to disk: ministack does it only on a clean stop, so a kill -9 would lose everything."""

import os
import signal
from pathlib import Path

from ministack import app
from ministack.core import persistence

from localcloud.emulator.names import CHECKPOINT_STAMP
from localcloud.emulator.patching import require


def apply() -> None:
    require(persistence, "save_all", ("services",))
    require(app, "_build_persistence_save_dict", ())
    if not persistence.PERSIST_STATE:
        return
    signal.signal(signal.SIGUSR1, lambda _signal, _frame: checkpoint())


def checkpoint() -> None:
    """Save every service's state, then touch the stamp that the one who asked is waiting for."""
    persistence.save_all(app._build_persistence_save_dict())
    stamp = Path(persistence.STATE_DIR) / CHECKPOINT_STAMP
    temporary = stamp.with_suffix(".tmp")
    temporary.write_text(str(os.getpid()))
    temporary.replace(stamp)
