"""Nothing listens beyond this machine: refuse to start when ministack was told, or left, to do otherwise."""

import asyncio
import os
from typing import Any

from localcloud.emulator.patching import require

_REQUIRED = {"BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104  what we replace


class NotLoopbackError(RuntimeError):
    """A port would be open to the network."""


def apply() -> None:
    for variable, value in _REQUIRED.items():
        if os.environ.get(variable) != value:
            raise NotLoopbackError(f"{variable} must be {value!r}, is {os.environ.get(variable)!r}")
    start_server = require(asyncio, "start_server")

    # ministack's database proxy has "every interface" written into it.
    async def start_local_server(handler: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        return await start_server(handler, "127.0.0.1" if host in _WILDCARDS else host, port, **options)

    asyncio.start_server = start_local_server  # type: ignore[assignment]
