"""A burst of events waits for a few workers of a function instead of starting one process each.

Forty files dropped into a bucket are forty invocations at once. AWS has machines for that; a laptop that starts forty
interpreters at the same time stands still. An invocation that waits too long gets a worker of its own all the same,
so that a function which (through others) waits for itself isn't stuck.
"""

import os
import time
from typing import Any

from ministack.services import lambda_svc

from localcloud.emulator.names import WORKER_LIMIT_VARIABLE
from localcloud.emulator.patching import replace

_PARAMETERS = ("func_name", "config", "code_zip", "qualifier", "max_concurrency")
_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.01


def apply() -> None:
    limit = int(os.environ.get(WORKER_LIMIT_VARIABLE) or max(4, os.cpu_count() or 1))

    def waiting(acquire: Any) -> Any:
        def acquire_worker(
            func_name: str, config: Any, code_zip: bytes, qualifier: str = "$LATEST", max_concurrency: int | None = None
        ) -> Any:
            deadline = time.monotonic() + _WAIT_SECONDS
            while time.monotonic() < deadline:
                worker, reason = acquire(func_name, config, code_zip, qualifier, max_concurrency or limit)
                if worker is not None or max_concurrency:
                    return worker, reason
                time.sleep(_POLL_SECONDS)
            return acquire(func_name, config, code_zip, qualifier, max_concurrency)

        return acquire_worker

    replace(lambda_svc, "acquire_worker", _PARAMETERS, waiting)
