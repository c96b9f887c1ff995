"""Datasets and quarantined files as they are in the data bucket."""

import csv
import io
import json

from bellwether.datasets.domain.drop_layout import REASON_SUFFIX, QuarantineReason
from bellwether.datasets.domain.fred_layout import MERGED_CSV, VINTAGES
from bellwether.shared.domain.errors import NotFoundError
from bellwether.shared.ports.objects import ObjectStore, StoredObject


class DatasetViews:
    """Reads the data bucket."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def latest_figures(self) -> dict[str, str]:
        """The newest figure of each FRED series in the merged data. Raises NotFoundError without merged data."""
        latest: dict[str, str] = {}
        for row in csv.DictReader(io.StringIO(self._objects.get(MERGED_CSV).content.decode())):
            latest.update({name: value for name, value in row.items() if value and name != "month"})
        return latest

    def vintages(self) -> int:
        """How many vintages of FRED series are stored."""
        return sum(entry.key.endswith(".csv") for entry in self._objects.entries(VINTAGES))

    def sales(self, manifest_key: str) -> int:
        """How many sales a published dataset has; 0 without one."""
        try:
            return int(json.loads(self._objects.get(manifest_key).content)["rows"])
        except NotFoundError:
            return 0

    def quarantined(self, folder: str) -> tuple[StoredObject, ...]:
        """Reports of the files quarantined under a folder; the etag changes when the same file is quarantined again."""
        return tuple(entry for entry in self._objects.entries(folder) if entry.key.endswith(REASON_SUFFIX))

    def quarantine_reason(self, key: str) -> QuarantineReason:
        """One of these reports."""
        return QuarantineReason.model_validate_json(self._objects.get(key).content)
