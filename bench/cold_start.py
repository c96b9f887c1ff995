"""`python -m bench.cold_start [--context news]`: what each function loads before its first event, beside a hello world.

A fresh interpreter imports `app` as Lambda does: from the function's own folder, with the layers as `sam build` made
them (bytecode included) and with what Lambda's runtime brings. The peer is a function that does nothing but log,
measure and trace with Powertools. Functions and peer take turns; the figure is processor time, and the least of the
runs: other work on the machine only ever adds.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.lambda_sizes import NotBuiltError

ROOT = Path(__file__).parents[1]
BUILD = ROOT / ".aws-sam" / "build"
LAYERS = ("PowertoolsLayer", "BellwetherLayer", "JobsLayer", "MigrationsLayer")
PYTHON = ROOT / ".venvs" / "runtime" / "bin" / "python"
ALLOWED_MS = 150.0
"""What a function may take longer than the hello world."""
HELLO = """
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

logger, metrics, tracer = Logger(), Metrics(), Tracer()


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler
def handler(event: dict[str, str], context: LambdaContext) -> str:
    return "hello"
"""
_TIMED = "import time; began = time.process_time(); import app; print((time.process_time() - began) * 1000)"


def measure(folders: Mapping[str, Path], rounds: int) -> dict[str, float]:
    """Processor time in milliseconds to import `app` in each folder, the least of so many runs."""
    least = dict.fromkeys(folders, float("inf"))
    for _ in range(rounds):
        for name in random.sample(sorted(folders), len(folders)):
            least[name] = min(least[name], _import_ms(folders[name]))
    return least


def _import_ms(folder: Path) -> float:
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "PYTHONPATH": os.pathsep.join(map(str, layers())),
        "LAMBDA_TASK_ROOT": str(folder),  # by this X-Ray's library knows that it is in Lambda
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "Bench",
    }
    done = subprocess.run(
        [PYTHON, "-c", _TIMED], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@cache
def layers() -> tuple[Path, ...]:
    """What the built layers put on the path; raises NotBuiltError."""
    found = tuple(path for name in LAYERS for path in BUILD.glob(f"*/{name}/python"))
    if not found:
        raise NotBuiltError(f"{BUILD} holds no build: run 'make build'")
    return found


@contextmanager
def hello_world() -> Iterator[Path]:
    """A folder with the peer in it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "app.py").write_text(HELLO)
        yield Path(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("--context", default="*", help="one context's functions only, such as news")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args(arguments)
    functions = {
        f"{path.parents[1].name}/{path.parent.name}": path.parent
        for path in sorted((ROOT / "functions").glob(f"{given.context}/*/app.py"))
    }
    try:
        with hello_world() as hello:
            found = measure({**functions, "": hello}, given.rounds)
    except NotBuiltError as error:
        print(error, file=sys.stderr)
        return 1
    peer = found.pop("")
    table = Table(
        "function", "ms", "beside hello world", title=f"Import before the first event; hello world {peer:.0f} ms"
    )
    for name, took in sorted(found.items(), key=lambda pair: -pair[1]):
        over = took - peer
        table.add_row(
            name, f"{took:.0f}", f"+{over:.0f}" + ("" if over <= ALLOWED_MS else f" (aim: +{ALLOWED_MS:.0f})")
        )
    Console(highlight=False).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
