"""The local SageMaker may publish its own events: PutEvents refuses `aws.*` sources to customers, as AWS does."""

from typing import Any

from ministack.services import eventbridge

from localcloud.emulator.patching import replace

OUR_SOURCES = frozenset({"aws.sagemaker"})


def apply() -> None:
    replace(eventbridge, "_put_events", ("data", "allow_aws_source"), _letting_ours_through)


def _letting_ours_through(put_events: Any) -> Any:
    def put(data: dict[str, Any], allow_aws_source: bool = False) -> Any:
        entries = data.get("Entries", [])
        ours = bool(entries) and all(entry.get("Source") in OUR_SOURCES for entry in entries)
        return put_events(data, allow_aws_source=allow_aws_source or ours)

    return put
