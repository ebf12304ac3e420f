"""The documents of a device: on its disk, changed without a network, with what the device knows of the server."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from uuid import uuid4

__all__ = ["Local", "Replica", "Sent"]

_TABLES = """
CREATE TABLE IF NOT EXISTS documents (
    key TEXT PRIMARY KEY,
    content_type TEXT NOT NULL,
    data BLOB,
    base_version INTEGER NOT NULL,
    base_data BLOB,
    refused TEXT,
    sent_write TEXT,
    sent_data BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS known (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A write on its way, whose answer has not come."""

    write: str
    """Names it: sent again, it changes nothing."""
    data: bytes | None
    """What the document becomes; None for a deletion."""


@dataclass(frozen=True, kw_only=True)
class Local:
    """A document on this device."""

    key: str
    content_type: str = "application/json"
    data: bytes | None = None
    """As it is here; None when it was deleted here or there."""
    base_version: int = 0
    """Of the server, which ``data`` was made from; 0 for none."""
    base_data: bytes | None = None
    """What the server had in that version; None for nothing."""
    refused: str | None = None
    """Why the server does not take it as it is here."""
    sent: Sent | None = None

    @property
    def is_changed(self) -> bool:
        """Whether the server does not have it as it is here."""
        return self.data != self.base_data


class Replica:
    """Documents in an SQLite database. Each change is on the disk when the call returns."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(_TABLES)
        with self.at_once():
            database.execute("INSERT OR IGNORE INTO known VALUES ('device', ?)", (uuid4().hex,))

    @classmethod
    def open(cls, file: Path | str) -> Self:
        """Open a file; it is made when it does not exist. ``:memory:`` for none."""
        return cls(sqlite3.connect(file, isolation_level=None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def get(self, key: str) -> bytes | None:
        """Return a document as it is here; None for none."""
        found = self.find(key)
        return found.data if found is not None else None

    def put(self, key: str, data: bytes, content_type: str = "application/json") -> None:
        """Write a document here."""
        self.keep(replace(self.find(key) or Local(key=key), data=data, content_type=content_type, refused=None))

    def delete(self, key: str) -> None:
        """Delete a document here."""
        found = self.find(key)
        if found is not None:
            self.keep(replace(found, data=None, refused=None))

    def documents(self) -> dict[str, bytes]:
        """Return all documents as they are here."""
        return {one.key: one.data for one in self.all() if one.data is not None}

    @property
    def device(self) -> str:
        """Names this device, always the same."""
        return self._known("device") or ""

    @property
    def token(self) -> str | None:
        """Up to where the server's changes are known here; None for nothing."""
        return self._known("token")

    @token.setter
    def token(self, token: str | None) -> None:
        with self.at_once():
            self._database.execute("DELETE FROM known WHERE name = 'token'")
            if token is not None:
                self._database.execute("INSERT INTO known VALUES ('token', ?)", (token,))

    def find(self, key: str) -> Local | None:
        """Return what is known of a document."""
        row = self._database.execute("SELECT * FROM documents WHERE key = ?", (key,)).fetchone()
        return _local(row) if row is not None else None

    def all(self) -> list[Local]:
        """Return what is known of every document."""
        return [_local(row) for row in self._database.execute("SELECT * FROM documents ORDER BY key")]

    def keep(self, local: Local) -> None:
        """Write what is known of a document; what is neither here nor there is forgotten."""
        if local.data is None and local.base_data is None and local.sent is None:
            self._database.execute("DELETE FROM documents WHERE key = ?", (local.key,))
            return
        sent = local.sent
        values = (local.key, local.content_type, local.data, local.base_version, local.base_data, local.refused)
        values_sent = (sent.write, sent.data) if sent is not None else (None, None)
        self._database.execute("REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, *values_sent))

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let what is written inside be written together, or nothing of it."""
        if self._database.in_transaction:
            yield
            return
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _known(self, name: str) -> str | None:
        row = self._database.execute("SELECT value FROM known WHERE name = ?", (name,)).fetchone()
        return row[0] if row is not None else None


def _local(row: tuple[str, str, bytes | None, int, bytes | None, str | None, str | None, bytes | None]) -> Local:
    key, content_type, data, base_version, base_data, refused, write, sent_data = row
    sent = Sent(write=write, data=sent_data) if write is not None else None
    return Local(
        key=key,
        content_type=content_type,
        data=data,
        base_version=base_version,
        base_data=base_data,
        refused=refused,
        sent=sent,
    )
