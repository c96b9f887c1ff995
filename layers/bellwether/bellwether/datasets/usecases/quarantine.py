"""Set aside what can't be read, with the reasons beside it: nothing that arrived is lost."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from bellwether.datasets.domain.drop_layout import QuarantineReason, quarantine_key, reason_key
from bellwether.datasets.domain.packs import PackFile
from bellwether.shared.domain.delimited import Rejection
from bellwether.shared.domain.errors import NotFoundError
from bellwether.shared.ports.objects import ObjectStore, StoredObject

REASONS_SHOWN = 20


class QuarantinedPart(BaseModel):
    """A file or a row that was set aside: where it lies now, where it was, why."""

    model_config = ConfigDict(frozen=True)

    key: str
    file: str
    line: int | None
    field: str
    reason: str


def set_aside(
    store: ObjectStore,
    folder: str,
    part: PackFile,
    rejections: Sequence[Rejection],
    left_out: int,
    received_at: datetime,
) -> tuple[QuarantinedPart, ...]:
    """Keep a file with something wrong in it, and the reasons; tells the first of them."""
    sha256 = hashlib.sha256(part.content).hexdigest()
    key = quarantine_key(folder, part.name, sha256, received_at.date())
    store.put(key, part.content)
    return _note_reasons(store, key, part.name, sha256, rejections, left_out, received_at)


def set_aside_unread(
    store: ObjectStore, folder: str, entry: StoredObject, file: str, *, limit_bytes: int
) -> tuple[QuarantinedPart, ...]:
    """Set aside a file that is too large to be read here; its hash stands for key and etag, not for the content."""
    rejection = Rejection(None, "file", f"{entry.size_bytes} bytes; at most {limit_bytes} are read")
    sha256 = hashlib.sha256(f"{entry.key}\n{entry.etag}".encode()).hexdigest()
    key = quarantine_key(folder, file, sha256, entry.modified_at.date())
    with suppress(NotFoundError):
        store.copy(entry.key, key)
    return _note_reasons(store, key, file, sha256, [rejection], 0, entry.modified_at)


def _note_reasons(
    store: ObjectStore,
    key: str,
    file: str,
    sha256: str,
    rejections: Sequence[Rejection],
    left_out: int,
    received_at: datetime,
) -> tuple[QuarantinedPart, ...]:
    first = rejections[0]
    reason = QuarantineReason(
        file=file,
        line=first.line,
        field=first.field,
        reason=first.reason,
        received_at=received_at,
        sha256=sha256,
        findings=tuple((each.line, each.field, each.reason) for each in rejections),
        left_out=left_out,
    )
    content = json.dumps(reason.model_dump(mode="json"), indent=1, ensure_ascii=False)
    store.put(reason_key(key), content.encode(), content_type="application/json")
    return tuple(
        QuarantinedPart(key=key, file=file, line=each.line, field=each.field, reason=each.reason)
        for each in rejections[:REASONS_SHOWN]
    )
