"""Executions that a kill of the emulator cut off: ministack fails them without a word, in AWS they would go on.

Those that deploy a model start over under their own name, once SageMaker answers: their steps can be repeated and write
the same decision, so that pointer, endpoint and ledger agree again. All others end as FAILED, with their event.
"""

import os
import threading
import urllib.error
import urllib.request
from typing import Any

from ministack import app
from ministack.services import stepfunctions

from localcloud.emulator.names import INTERRUPTED, RESUMED_VARIABLE
from localcloud.emulator.patching import replace, require

_SERVING_SECONDS = 2.0
_SAGEMAKER_SECONDS = 120


def apply() -> None:
    require(stepfunctions, "_add_event", ("execution", "event_type", "details"))
    require(stepfunctions, "_run_execution", ("exec_arn",))
    require(stepfunctions, "_emit_execution_status_event", ("execution",))
    replace(app, "_load_persisted_state", (), _attending)


def _attending(load: Any) -> Any:
    def load_and_attend() -> None:
        load()
        cut_off = [each for each in stepfunctions._executions.all_values() if _was_cut_off(each)]
        resumed = [each for each in cut_off if _is_resumed(each)]
        for execution in resumed:
            execution.update(status="RUNNING", stopDate=None, error=None, cause=None)
        ended = [each for each in cut_off if each not in resumed]
        for execution in ended:
            details = {"error": execution["error"], "cause": execution["cause"]}
            stepfunctions._add_event(execution, "ExecutionFailed", {"executionFailedEventDetails": details})
        threading.Thread(target=_tell, args=(ended, resumed), name="interrupted", daemon=True).start()

    return load_and_attend


def _was_cut_off(execution: dict[str, Any]) -> bool:
    return execution.get("error") == INTERRUPTED and execution["events"][-1]["type"] != "ExecutionFailed"


def _is_resumed(execution: dict[str, Any]) -> bool:
    machine = execution["stateMachineArn"].rpartition(":")[2]
    return not execution.get("sync") and any(each in machine for each in os.environ.get(RESUMED_VARIABLE, "").split())


def _tell(ended: list[dict[str, Any]], resumed: list[dict[str, Any]]) -> None:
    """Later, when the server answers: who listens to an event may call back, and a resumed execution does."""
    threading.Event().wait(_SERVING_SECONDS)
    for execution in ended:
        stepfunctions._emit_execution_status_event(execution)
    if resumed:
        _await_sagemaker()
    for execution in resumed:
        arguments = (execution["executionArn"],)
        threading.Thread(target=stepfunctions._run_execution, args=arguments, daemon=True).start()


def _await_sagemaker() -> None:
    url = os.environ.get("AWS_ENDPOINT_URL_SAGEMAKER")
    for _ in range(_SAGEMAKER_SECONDS if url else 0):
        try:
            urllib.request.urlopen(f"{url}/_local/health", timeout=5).close()  # noqa: S310  our own address
        except OSError:
            threading.Event().wait(1)
        else:
            return
