"""What Lambda tells a function about its invocation."""

from aws_lambda_powertools.utilities.typing import LambdaContext


class InvocationContext(LambdaContext):
    """A context with so many seconds left."""

    def __init__(self, *, seconds_left: float = 300, function_name: str = "function-under-test") -> None:
        self._function_name = function_name
        self._function_version = "$LATEST"
        self._invoked_function_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function_name}"
        self._memory_limit_in_mb = 512
        self._aws_request_id = "00000000-0000-0000-0000-000000000001"
        self._log_group_name = f"/aws/lambda/{function_name}"
        self._log_stream_name = "2026/03/01/[$LATEST]1"
        self._seconds_left = seconds_left

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # Powertools declares it static
        return int(self._seconds_left * 1000)
