"""The migrations that travel with the code, as the package `db.migrations`."""

from importlib.resources import files
from importlib.resources.abc import Traversable

from bellwether.shared.domain.migrations import Migration, read_migration

_GRANTS = "grants.sql"


class PackagedMigrations:
    """MigrationFiles over a folder; by default the one that ships as `db/migrations`."""

    def __init__(self, folder: Traversable | None = None) -> None:
        self._folder = files("db.migrations") if folder is None else folder

    def migrations(self) -> tuple[Migration, ...]:
        """All `*.sql` but the grants; raises InvalidInputError for a file that is no migration."""
        found = [item for item in self._folder.iterdir() if item.name.endswith(".sql") and item.name != _GRANTS]
        return tuple(read_migration(item.name, item.read_text("utf-8")) for item in found)

    def grants(self) -> str:
        """The statements that give the application's role its rights; repeatable."""
        return (self._folder / _GRANTS).read_text("utf-8")
