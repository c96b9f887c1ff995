"""Errors of `aws-sdk:…` tasks have the names of the Java SDK's classes, and those end in `Exception`.

ministack hands on the API's own code: `Ssm.ParameterNotFound` where Step Functions says
`Ssm.ParameterNotFoundException`, so that a Catch written for AWS never matches.
"""

from typing import Any

from ministack.services import stepfunctions

from localcloud.emulator.patching import replace

_SERVICES = frozenset({"ssm"})  # those whose codes were compared with the SDK's classes


def apply() -> None:
    replace(stepfunctions, "_prefix_sdk_error", ("service_name", "error_code"), _as_the_sdk_names_them)


def _as_the_sdk_names_them(prefix: Any) -> Any:
    def prefix_sdk_error(service_name: str, error_code: str) -> str:
        name: str = prefix(service_name, error_code)
        if service_name not in _SERVICES or name.startswith("States.") or name.endswith("Exception"):
            return name
        return f"{name}Exception"

    return prefix_sdk_error
