"""Find the billing periods whose export has changed since it was loaded."""

import json
from datetime import date

from bellwether.finops.domain.manifests import EXPORTS, ManifestPlace, loaded_key, newest_manifests
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from bellwether.shared.ports.objects import ObjectStore


def find_deliveries(store: ObjectStore, *, export: str | None, periods: tuple[date, ...]) -> tuple[ManifestPlace, ...]:
    """Newest manifests that are not loaded, of one export; of all periods unless some are named.

    Raises InvalidInputError when there are several exports and none is named: adding them up would count twice.
    """
    found = newest_manifests(list(store.entries(EXPORTS)))
    exports = sorted({each.export for each in found})
    if export is not None and found and export not in exports:
        raise InvalidInputError(f"no export {export!r}; there are {', '.join(exports)}", field="export")
    if export is None and len(exports) > 1:
        raise InvalidInputError(f"several exports, {', '.join(exports)}: set CostExport to one of them", field="export")
    wanted = [each for each in found if export in (None, each.export) and (not periods or each.period in periods)]
    return tuple(each for each in wanted if not _is_loaded(store, each))


def _is_loaded(store: ObjectStore, place: ManifestPlace) -> bool:
    try:
        content = store.get(loaded_key(place.export, place.period)).content
    except NotFoundError:
        return False
    noted = json.loads(content)
    return bool(noted["manifest_key"] == place.key and noted["manifest_etag"] == place.etag)
