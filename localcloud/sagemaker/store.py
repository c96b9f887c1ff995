"""What has to survive: documents by kind and name, in one SQLite file, written through on every change."""

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from localcloud.sagemaker.documents import Document

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, name)
);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class AlreadyThereError(Exception):
    """A document of that kind and name exists."""


class Store:
    """Documents in order of creation. Safe for threads; a killed process loses nothing that was acknowledged."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file; later calls fail."""
        with self._lock:
            self._connection.close()

    def insert(self, kind: str, name: str, document: Document) -> None:
        """Keep a new document. Raises AlreadyThereError."""
        try:
            with self._lock:
                self._connection.execute(
                    "INSERT INTO documents (kind, name, body) VALUES (?, ?, ?)", (kind, name, json.dumps(document))
                )
        except sqlite3.IntegrityError as error:
            raise AlreadyThereError(name) from error

    def get(self, kind: str, name: str) -> Document | None:
        """The document, or None."""
        with self._lock:
            row = self._connection.execute(
                "SELECT body FROM documents WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
        return None if row is None else _parse(row[0])

    def change(self, kind: str, name: str, edit: Callable[[Document], None]) -> Document:
        """Apply `edit` to the document and keep the result, with nobody in between. Raises KeyError."""
        with self._lock:
            document = self.get(kind, name)
            if document is None:
                raise KeyError(name)
            edit(document)
            self._connection.execute(
                "UPDATE documents SET body = ? WHERE kind = ? AND name = ?", (json.dumps(document), kind, name)
            )
        return document

    def put(self, kind: str, name: str, document: Document) -> None:
        """Keep the document, whether one was there or not."""
        with self._lock:
            self._connection.execute(
                "INSERT INTO documents (kind, name, body) VALUES (?, ?, ?) "
                "ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body",
                (kind, name, json.dumps(document)),
            )

    def delete(self, kind: str, name: str) -> bool:
        """Forget the document; False when there was none."""
        with self._lock:
            cursor = self._connection.execute("DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name))
        return cursor.rowcount > 0

    def all(self, kind: str) -> list[Document]:
        """Every document of a kind, oldest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT body FROM documents WHERE kind = ? ORDER BY sequence", (kind,)
            ).fetchall()
        return [_parse(row[0]) for row in rows]

    def next_number(self, counter: str) -> int:
        """1, 2, 3 …: never the same twice, whatever was deleted."""
        with self._lock:
            row = self._connection.execute(
                "INSERT INTO counters (name, value) VALUES (?, 1) "
                "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
                (counter,),
            ).fetchone()
        return int(row[0])


def _parse(body: str) -> Document:
    document: Document = json.loads(body)
    return document
