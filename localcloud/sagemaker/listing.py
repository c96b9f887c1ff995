"""What every List… operation does: filter, sort, cut into pages."""

import base64
import binascii
from dataclasses import dataclass

from localcloud.sagemaker.documents import Document
from localcloud.sagemaker.errors import ValidationError


@dataclass(frozen=True)
class Listing:
    """How one List… operation names things. `order` is what AWS does when SortOrder is not given."""

    result: str
    name: str
    fields: tuple[str, ...]
    status: str | None = None
    order: str = "Ascending"


def page(listing: Listing, documents: list[Document], request: Document) -> Document:
    """The page of summaries that `request` asks for, with NextToken when there is more. Raises ValidationError."""
    matching = [item for item in documents if _matches(listing, item, request)]
    keys = {"Name": listing.name, "Status": listing.status or listing.name}
    sort_by = str(request.get("SortBy", "CreationTime"))
    key = keys.get(sort_by, sort_by)
    descending = request.get("SortOrder", listing.order) == "Descending"
    matching = [item for _, item in sorted(enumerate(matching), key=lambda pair: (pair[1].get(key, 0), pair[0]))]
    if descending:
        matching.reverse()
    start = _offset(request.get("NextToken"))
    size = int(request.get("MaxResults") or 100)
    chosen = matching[start : start + size]
    answer: Document = {
        listing.result: [
            {field: item[field] for field in listing.fields if item.get(field) is not None} for item in chosen
        ]
    }
    if start + size < len(matching):
        answer["NextToken"] = base64.urlsafe_b64encode(f"offset:{start + size}".encode()).decode()
    return answer


def _matches(listing: Listing, item: Document, request: Document) -> bool:
    created = float(item["CreationTime"])
    modified = float(item.get("LastModifiedTime", created))
    return (
        str(request.get("NameContains", "")).lower() in str(item.get(listing.name, "")).lower()
        and (listing.status is None or request.get("StatusEquals", item[listing.status]) == item[listing.status])
        and request.get("CreationTimeAfter", created) <= created <= request.get("CreationTimeBefore", created)
        and request.get("LastModifiedTimeAfter", modified) <= modified
        and modified <= request.get("LastModifiedTimeBefore", modified)
    )


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(token).decode().partition(":")
        if word == "offset":
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise ValidationError("The NextToken is not valid.")
