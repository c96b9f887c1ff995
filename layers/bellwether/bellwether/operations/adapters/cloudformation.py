"""Custom resources: the request CloudFormation sends to a function, and the answer it waits for."""

import json
from collections.abc import Mapping
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import Request, urlopen

from pydantic import BaseModel, ConfigDict, Field

from bellwether.shared.domain.errors import TransientUpstreamError

ANSWER_TIMEOUT_SECONDS = 10
_REASON_LIMIT = 1000  # the whole answer may have 4096 bytes
_ATTEMPTS = 3


class CustomResourceRequest(BaseModel):
    """Create, update or delete a custom resource. Property values arrive as strings."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    request_type: Literal["Create", "Update", "Delete"] = Field(alias="RequestType")
    response_url: str = Field(alias="ResponseURL", pattern=r"^https?://", repr=False)
    stack_id: str = Field(alias="StackId")
    request_id: str = Field(alias="RequestId")
    logical_resource_id: str = Field(alias="LogicalResourceId")
    physical_resource_id: str | None = Field(alias="PhysicalResourceId", default=None)
    properties: dict[str, Any] = Field(alias="ResourceProperties", default_factory=dict)
    old_properties: dict[str, Any] = Field(alias="OldResourceProperties", default_factory=dict)

    @classmethod
    def is_in(cls, event: Mapping[str, Any]) -> bool:
        """Whether an event comes from CloudFormation rather than from a direct call."""
        return "RequestType" in event and "ResponseURL" in event

    @property
    def physical_id(self) -> str:
        """Stable over updates, so that CloudFormation never deletes an "old" resource."""
        return self.physical_resource_id or f"{self.logical_resource_id}-{self.stack_id.rsplit('/', 1)[-1]}"


def answer_success(request: CustomResourceRequest, data: Mapping[str, str] | None = None) -> None:
    """Tell CloudFormation that the resource is as wanted; `data` is what `!GetAtt` reads."""
    _answer(request, {"Status": "SUCCESS", "Data": dict(data or {})})


def answer_failure(request: CustomResourceRequest, reason: str) -> None:
    """Tell CloudFormation why the resource could not be brought about; it shows the reason in the stack's events."""
    _answer(request, {"Status": "FAILED", "Reason": reason[:_REASON_LIMIT]})


def _answer(request: CustomResourceRequest, outcome: Mapping[str, Any]) -> None:
    body = {
        "PhysicalResourceId": request.physical_id,
        "StackId": request.stack_id,
        "RequestId": request.request_id,
        "LogicalResourceId": request.logical_resource_id,
        **outcome,
    }
    # The URL is signed for an empty content type.
    put = Request(  # noqa: S310 - CloudFormation's own URL, its scheme checked above
        request.response_url, data=json.dumps(body).encode(), method="PUT", headers={"Content-Type": ""}
    )
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with urlopen(put, timeout=ANSWER_TIMEOUT_SECONDS):  # noqa: S310
                return
        except (URLError, TimeoutError, ConnectionError) as error:
            if attempt == _ATTEMPTS:
                raise TransientUpstreamError(f"CloudFormation rejected the response: {error}") from error
