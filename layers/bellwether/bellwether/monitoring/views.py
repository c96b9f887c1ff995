"""Reports, pages and recorded predictions as they are in the data bucket."""

import gzip

from pydantic import ValidationError

from bellwether.monitoring.domain.monitor_report import MonitorReport
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.objects import ObjectStore


class MonitoringViews:
    """Reads the data bucket."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def report(self, key: str) -> MonitorReport:
        """A model's monitoring report. Raises NotFoundError, InvalidInputError for a report of another format."""
        try:
            return MonitorReport.model_validate_json(self._objects.get(key).content)
        except ValidationError as error:
            raise InvalidInputError(f"is not a report of this version: {error}", field=key) from error

    def page(self, key: str) -> bytes:
        """The report as an HTML page. Raises NotFoundError."""
        return self._objects.get(key).content

    def recorded_predictions(self, model: str) -> int:
        """How many predictions of a model are recorded."""
        keys = [entry.key for entry in self._objects.entries(f"captures/model={model}/")]
        return sum(len(gzip.decompress(found.content).splitlines()) for found in self._objects.get_many(keys))
