"""Keep and read what people say about series that the catalogue lacks: one object a series, the newest word counts."""

from pathlib import PurePosixPath

from pydantic import ValidationError

from bellwether.datasets.domain.fred_layout import DESCRIPTIONS, description_key
from bellwether.datasets.domain.series_descriptions import Descriptions, SeriesDescription
from bellwether.shared.ports.objects import ObjectStore


def keep_descriptions(store: ObjectStore, descriptions: Descriptions) -> None:
    """Write each description where the publication of the merged data reads it."""
    for series, description in descriptions.items():
        content = description.model_dump_json(exclude_unset=True).encode()
        store.put(description_key(series), content, content_type="application/json")


def load_descriptions(store: ObjectStore) -> dict[str, SeriesDescription]:
    """All descriptions by series; one that can't be read counts as not given."""
    keys = [entry.key for entry in store.entries(DESCRIPTIONS) if entry.key.endswith(".json")]
    found: dict[str, SeriesDescription] = {}
    for key, read in zip(keys, store.get_many(keys), strict=True):
        try:
            found[PurePosixPath(key).stem] = SeriesDescription.model_validate_json(read.content)
        except ValidationError:
            continue
    return found
