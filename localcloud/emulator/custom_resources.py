"""A custom resource whose function dies fails at once with the function's reason.

ministack (as AWS) waits for an answer that never comes: an hour by default. AWS needs that long, a laptop doesn't.
"""

from typing import Any

from ministack.services import lambda_svc
from ministack.services.cloudformation import custom_resource

from localcloud.emulator.patching import replace, require

_ANSWER_PATH = "/_ministack/cfn-response/"


def apply() -> None:
    require(custom_resource, "deliver_response", ("token", "response"))
    require(custom_resource, "_response_url", ("token",))
    replace(lambda_svc, "_execute_function_with_config_scope", ("func", "event"), _answering)


def _answering(execute: Any) -> Any:
    def execute_function(func: dict[str, Any], event: Any) -> Any:
        result = execute(func, event)
        url = event.get("ResponseURL", "") if isinstance(event, dict) else ""
        if _ANSWER_PATH in url and isinstance(result, dict) and result.get("error"):
            body = result.get("body")
            reason = f"{body.get('errorType')}: {body.get('errorMessage')}" if isinstance(body, dict) else str(body)
            custom_resource.deliver_response(
                url.rsplit("/", 1)[-1], {"Status": "FAILED", "Reason": reason, "PhysicalResourceId": "failed"}
            )
        return result

    return execute_function
