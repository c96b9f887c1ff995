"""SSM refuses what a parameter can't hold, as AWS does: 4,096 characters, 8,192 in the advanced tier."""

from typing import Any

from ministack.services import ssm

from localcloud.emulator.patching import replace

CHARACTERS = {"Standard": 4096, "Advanced": 8192, "Intelligent-Tiering": 8192}


def apply() -> None:
    replace(ssm, "_put_parameter", ("data",), _refusing_large_values)


def _refusing_large_values(put_parameter: Any) -> Any:
    def put(data: dict[str, Any]) -> Any:
        tier = data.get("Tier") or "Standard"
        limit = CHARACTERS.get(tier, CHARACTERS["Standard"])
        if len(str(data.get("Value", ""))) > limit:
            reason = f"{tier} tier parameters support a maximum parameter value of {limit} characters."
            return ssm.error_response_json("ValidationException", reason, 400)
        return put_parameter(data)

    return put
