"""Runs a bundle's inference code; a process of its own under the job interpreter, nothing but Python's own library.

Frames on both pipes: four bytes length of the header, the header as JSON, then `header["length"]` bytes of body.
We say `ready` (or `failed`, with the reason) once; after that each request gets one answer, in order.
What the code prints goes to standard error.

Functions taken from the module, as the container does: `model_fn(model_dir)`, then either
`transform_fn(model, body, content_type, accept)` or `input_fn(body, content_type)`, `predict_fn(data, model)`,
`output_fn(prediction, accept)`; `input_fn` and `output_fn` have JSON defaults.
An exception is status 500; 400 when it says so: a ValueError whose message is a JSON object with `field` and
`reason`, or any exception with a `status_code` of its own; 415 for a content type nobody takes.
"""

import importlib.util
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import IO, Any

_TEXT_TYPES = ("application/json", "application/jsonlines", "text/")


class UnsupportedTypeError(Exception):
    """No function here takes or gives that content type."""

    status_code = 415


def read_frame(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """The next header and body; None at the end."""
    size = pipe.read(4)
    if len(size) < 4:
        return None
    header = json.loads(pipe.read(int.from_bytes(size, "big")))
    body = pipe.read(header["length"])
    return (header, body) if len(body) == header["length"] else None


def write_frame(pipe: IO[bytes], header: dict[str, Any], body: bytes = b"") -> None:
    """Write one header and body."""
    encoded = json.dumps(header | {"length": len(body)}).encode()
    pipe.write(len(encoded).to_bytes(4, "big") + encoded + body)
    pipe.flush()


def load_module(program: Path) -> ModuleType:
    """Import the inference program; its folder is importable, as in the container."""
    sys.path.insert(0, str(program.parent))
    spec = importlib.util.spec_from_file_location(program.stem, program)
    if spec is None or spec.loader is None:
        raise ImportError(f"not a Python module: {program.name}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[program.stem] = module
    spec.loader.exec_module(module)
    return module


class Handler:
    """The module's functions, with defaults where it has none."""

    def __init__(self, module: ModuleType, model: Any) -> None:
        self._model = model
        self._transform: Callable[..., Any] | None = getattr(module, "transform_fn", None)
        self._input = getattr(module, "input_fn", _json_input)
        self._output = getattr(module, "output_fn", _json_output)
        predict = getattr(module, "predict_fn", None)
        if self._transform is None and predict is None:
            raise AttributeError("inference code defines neither predict_fn nor transform_fn")
        self._predict: Callable[..., Any] = predict or _json_input

    def answer(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """The response's body and content type."""
        # as the container's web server decodes text: what is not UTF-8 becomes question marks
        content: str | bytes = body.decode(errors="replace") if content_type.startswith(_TEXT_TYPES) else body
        if self._transform is not None:
            result = self._transform(self._model, content, content_type, accept)
        else:
            result = self._output(self._predict(self._input(content, content_type), self._model), accept)
        answered = accept
        if isinstance(result, tuple):
            result, answered = result
        return (result.encode() if isinstance(result, str) else bytes(result)), answered


def _json_input(content: str | bytes, content_type: str) -> Any:
    if not content_type.startswith("application/json"):
        raise UnsupportedTypeError(f"content type {content_type} is not supported")
    return json.loads(content)


def _json_output(prediction: Any, accept: str) -> str:
    if accept.partition(";")[0].strip() not in {"application/json", "*/*"}:
        raise UnsupportedTypeError(f"accept {accept} is not supported")
    return json.dumps(prediction)


def failure(error: BaseException) -> tuple[int, str]:
    """Status and message of an exception of the inference code."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and 400 <= status < 600:
        return status, str(error)
    if isinstance(error, ValueError):
        try:
            said = json.loads(str(error))
        except ValueError:
            said = None
        if isinstance(said, dict) and {"field", "reason"} <= said.keys():
            return 400, str(error)
    return 500, f"{type(error).__name__}: {error}"


def serve(requests: IO[bytes], answers: IO[bytes], handler: Handler) -> None:
    """Answer requests until the pipe closes."""
    while (frame := read_frame(requests)) is not None:
        header, body = frame
        try:
            content, content_type = handler.answer(body, header["content_type"], header["accept"])
        except Exception as error:  # noqa: BLE001 - whatever the bundle raises is an answer
            traceback.print_exc()
            status, message = failure(error)
            write_frame(answers, {"status": status}, message.encode(errors="backslashreplace"))
        else:
            write_frame(answers, {"status": 200, "content_type": content_type}, content)
        sys.stderr.flush()


def die_with_server(lifeline: int) -> None:
    """Wait until the server's end of the pipe closes, then end, whatever the inference code is doing."""
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """`worker_main.py PROGRAM MODEL_DIR LIFELINE`, requests on standard input, answers on standard output."""
    program, model_dir, lifeline = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    threading.Thread(target=die_with_server, args=(lifeline,), daemon=True).start()
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # prints of the inference code must not end up among the frames
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    try:
        module = load_module(program)
        handler = Handler(module, module.model_fn(model_dir))
    except BaseException as error:  # noqa: BLE001 - SystemExit of a bundle is a failure to load, too
        traceback.print_exc()
        sys.stderr.flush()
        write_frame(answers, {"failed": f"{type(error).__name__}: {error}"})
        return
    write_frame(answers, {"ready": True})
    serve(requests, answers, handler)


if __name__ == "__main__":
    main()
