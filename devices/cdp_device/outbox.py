"""Messages that wait to be sent: on disk, in order, and no more than fit."""

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdp_device.messages import encoded

__all__ = ["Outbox", "Waiting"]

# Files of earlier versions lack these columns. What was written by them is sent at once.
_COLUMNS = {"added": "REAL NOT NULL DEFAULT 0", "gathers": "INTEGER NOT NULL DEFAULT 0", "urgent": "INTEGER DEFAULT 1"}


@dataclass(frozen=True)
class Waiting:
    """A message that waits."""

    number: int
    kind: str
    text: str
    """As JSON."""
    added: float
    """When it was added, in seconds since the epoch."""
    gathers: bool
    """Whether it may be sent together with others of its type."""

    @property
    def document(self) -> Any:
        """What it says."""
        return json.loads(self.text)

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.text.encode())


class Outbox:
    """Keeps messages until the broker has them, also over a restart."""

    def __init__(self, file: Path, most: int) -> None:
        """Open the file; it is made when it does not exist.

        Args:
            file: An SQLite database.
            most: Messages that are kept; beyond that the oldest are dropped and counted.
        """
        self._most = most
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        # A power failure may cost the last message, never the file; a card of a Raspberry Pi wears out by each sync.
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, document TEXT)"
        )
        there = {row[1] for row in self._database.execute("PRAGMA table_info(messages)")}
        for name, definition in _COLUMNS.items():
            if name not in there:
                self._database.execute(f"ALTER TABLE messages ADD COLUMN {name} {definition}")
        self._waiting: int = self._database.execute("SELECT count(*) FROM messages").fetchone()[0]
        self.dropped = 0

    def __len__(self) -> int:
        return self._waiting

    def put(self, kind: str, document: Any, *, gathers: bool = False, urgent: bool = True) -> None:
        """Add a message of a type.

        Args:
            kind: The type.
            document: JSON.
            gathers: Whether it may be sent together with others of its type.
            urgent: Whether it is to be sent before those that are not.

        Raises:
            ValueError: it could never be published, and nothing behind it would be.
        """
        self._database.execute(
            "INSERT INTO messages (kind, document, added, gathers, urgent) VALUES (?, ?, ?, ?, ?)",
            (kind, encoded(document), time.time(), gathers, urgent),
        )
        self._waiting += 1
        if self._waiting > self._most:
            self._database.execute("DELETE FROM messages WHERE id = (SELECT min(id) FROM messages)")
            self._waiting -= 1
            self.dropped += 1

    def first(self, most: int = 20, *, urgent: bool | None = None) -> list[Waiting]:
        """Return the oldest messages.

        Args:
            most: How many.
            urgent: True for urgent ones only, False for the others only.
        """
        rows = self._database.execute(
            "SELECT id, kind, document, added, gathers FROM messages WHERE ? IS NULL OR urgent = ? ORDER BY id LIMIT ?",
            (urgent, urgent, most),
        )
        return [Waiting(number, kind, text, added, bool(gathers)) for number, kind, text, added, gathers in rows]

    def oldest(self) -> float | None:
        """Return when the oldest message was added, in seconds since the epoch; None when there is none."""
        first = self.first(1)
        return first[0].added if first else None

    def remove(self, numbers: Iterable[int]) -> None:
        """Forget messages that were sent."""
        # One statement, and so one transaction: a gathered message has hundreds, and memory cards wear.
        forgotten = "DELETE FROM messages WHERE id IN (SELECT value FROM json_each(?))"
        self._waiting -= self._database.execute(forgotten, (json.dumps(list(numbers)),)).rowcount

    def close(self) -> None:
        """Close the file."""
        self._database.close()
