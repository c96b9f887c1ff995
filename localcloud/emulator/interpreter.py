"""Functions run in an interpreter of their own that holds what Lambda's runtime holds (boto3), not ministack's."""

import os
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime

from localcloud.emulator.names import FUNCTION_PYTHON_VARIABLE
from localcloud.emulator.patching import PatchTargetMovedError, replace


def apply() -> None:
    python = os.environ.get(FUNCTION_PYTHON_VARIABLE, "")
    if not Path(python).is_file():
        raise PatchTargetMovedError(f"{FUNCTION_PYTHON_VARIABLE} names no interpreter: {python!r}")

    def choosing(detect: Any) -> Any:
        def detect_runtime_binary(runtime: str) -> tuple[str, str]:
            binary, script = detect(runtime)
            return (python if runtime.startswith("python") else binary), script

        return detect_runtime_binary

    replace(lambda_runtime, "_detect_runtime_binary", ("runtime",), choosing)
