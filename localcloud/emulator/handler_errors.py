"""A function's exception keeps its class name, so that Retry and Catch match it, and its worker stays warm.

ministack calls every exception `Runtime.HandlerError`, kills the worker, and loses the traceback of a failed import.
"""

from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from localcloud.emulator.patching import replace, substitute

_MARK = "__bellwether_handler_error__"
_INIT_FAILED = "Worker init failed: "

_REPORT_HANDLER = (
    '_real_stdout.write(json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()}) + "\\n")'
)
_REPORT_HANDLER_NAMED = f"""
            _frames = traceback.extract_tb(e.__traceback__)[1:]
            print("[ERROR] " + type(e).__name__ + ": " + str(e) + "\\nTraceback (most recent call last):\\n"
                  + "".join(traceback.format_list(_frames)), file=sys.stderr, flush=True)
            _real_stdout.write(json.dumps({{"status": "ok", "result": {{"{_MARK}": {{
                "errorMessage": str(e), "errorType": type(e).__name__, "requestId": context.aws_request_id,
                "stackTrace": traceback.format_list(_frames)}}}}}}) + "\\n")"""

_REPORT_INIT = '_real_stdout.write(json.dumps({"status": "error", "error": str(e)}) + "\\n")'
_REPORT_INIT_TRACED = (
    '_real_stdout.write(json.dumps({"status": "error", "error": traceback.format_exc().strip()}) + "\\n")'
)


def apply() -> None:
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    script = substitute(script, _REPORT_HANDLER, _REPORT_HANDLER_NAMED)
    script = substitute(script, _REPORT_INIT, _REPORT_INIT_TRACED)
    lambda_runtime._PYTHON_WORKER_SCRIPT = script
    replace(lambda_svc, "_execute_function_warm", ("func", "event", "request_id"), _naming)


def _naming(execute: Any) -> Any:
    def execute_function_warm(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = execute(func, event, request_id)
        body = result.get("body")
        if isinstance(body, dict) and set(body) == {_MARK}:
            return {"body": body[_MARK], "error": True, "log": result.get("log", "")}
        if result.get("error") and isinstance(body, dict):
            message = str(body.get("errorMessage", ""))
            if message.startswith(_INIT_FAILED):
                return _init_failure(message.removeprefix(_INIT_FAILED))
        return result

    return execute_function_warm


def _init_failure(trace: str) -> dict[str, Any]:
    """What Lambda answers when a module can't be imported, with the traceback in the log."""
    last = trace.rsplit("\n", 1)[-1]
    name = last.split(":", 1)[0]
    error_type = "Runtime.ImportModuleError" if name in ("ImportError", "ModuleNotFoundError") else name
    return {"body": {"errorMessage": last, "errorType": error_type}, "error": True, "log": f"[ERROR] {trace}"}
