"""Stands between the server and a job's program; runs under the job's interpreter, needs nothing but Python itself.

The server holds our standard input open. When it closes, the server is gone (even by SIGKILL), and the whole process
group goes too: no job outlives the server that answers for it.
"""

import os
import signal
import subprocess
import sys
import threading


def _die_with_server() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def main() -> int:
    """Run the program named on the command line; its exit status is ours (128 + number after a signal)."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # the program gets it too, and decides
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=_die_with_server, daemon=True).start()
    status = program.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    exit_status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_status)
