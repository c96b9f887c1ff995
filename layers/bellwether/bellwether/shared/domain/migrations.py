"""Which migrations a database still needs; pure planning over names and hashes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from bellwether.shared.domain.errors import InvalidInputError

_FILE_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_TRANSACTION_CONTROL = re.compile(
    r"^\s*((?:COMMIT|ROLLBACK|ABORT|START\s+TRANSACTION|BEGIN\s+(?:WORK|TRANSACTION))\b|BEGIN\s*;)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema, as shipped. `version` is four digits; the file name is `<version>_<name>.sql`."""

    version: str
    name: str
    sql: str

    @property
    def file_name(self) -> str:
        """Where the step was read from."""
        return f"{self.version}_{self.name}.sql"

    @property
    def sha256(self) -> str:
        """Hash of the text with Unix line ends, so that the way of checking out doesn't count as an edit."""
        return sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    """A row of `schema_migrations`: what a database has had done to it."""

    version: str
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """What is left to do, oldest first, and which applied versions are newer than anything shipped."""

    pending: tuple[Migration, ...]
    newer: tuple[str, ...]
    version: str | None
    """The version the database will have once `pending` is done; None for a database without any."""


def read_migration(file_name: str, sql: str) -> Migration:
    """Make a migration from a file; raises InvalidInputError for a name or a text that can't be one.

    A migration shares a transaction with its row in `schema_migrations`, so it may not end that transaction itself.
    """
    matched = _FILE_NAME.fullmatch(file_name)
    if matched is None:
        raise InvalidInputError("a migration is called NNNN_name.sql", field=file_name)
    if not sql.strip():
        raise InvalidInputError("the migration is empty", field=file_name)
    if control := _TRANSACTION_CONTROL.search(sql):
        line = sql.count("\n", 0, control.start(1)) + 1
        raise InvalidInputError("a migration may not begin or end a transaction", field=f"{file_name}:{line}")
    return Migration(version=matched["version"], name=matched["name"], sql=sql)


def in_order(migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """Sort by version; raises InvalidInputError unless the versions are 0001, 0002, … without gap or double."""
    ordered = tuple(sorted(migrations, key=lambda migration: (migration.version, migration.name)))
    for number, migration in enumerate(ordered, start=1):
        if int(migration.version) < number:
            raise InvalidInputError(f"version {migration.version} is used twice", field=migration.file_name)
        if int(migration.version) > number:
            raise InvalidInputError(f"version {number:04d} is missing before it", field=migration.file_name)
    return ordered


def plan(shipped: Sequence[Migration], applied: Sequence[AppliedMigration]) -> MigrationPlan:
    """Compare what is shipped with what was applied.

    Raises InvalidInputError when an applied migration was edited or renamed since, or when an applied one is missing
    below the newest applied version: then nobody knows what the database looks like. Versions applied by newer code
    are no error here; they are listed in `newer` for the caller to judge.
    """
    ordered = in_order(shipped)
    by_version = {migration.version: migration for migration in ordered}
    done = sorted(applied, key=lambda row: row.version)
    for number, row in enumerate(done, start=1):
        if row.version != f"{number:04d}":
            raise InvalidInputError(
                f"version {number:04d} was never applied before it", field=f"schema_migrations {row.version}"
            )
        migration = by_version.get(row.version)
        if migration is not None and (migration.name, migration.sha256) != (row.name, row.sha256):
            raise InvalidInputError(
                f"applied as {row.name} with SHA-256 {row.sha256} and edited since; write a new migration",
                field=migration.file_name,
            )
    pending = ordered[len(done) :]
    last = pending[-1].version if pending else (done[-1].version if done else None)
    return MigrationPlan(
        pending=pending, newer=tuple(row.version for row in done if row.version not in by_version), version=last
    )
