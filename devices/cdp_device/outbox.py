"""Messages that wait to be sent: on disk, in order, and no more than fit."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from cdp_device.messages import encoded


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
        self._waiting: int = self._database.execute("SELECT count(*) FROM messages").fetchone()[0]
        self.dropped = 0

    def __len__(self) -> int:
        return self._waiting

    def put(self, kind: str, document: Any) -> None:
        """Add a message of a type.

        Raises:
            ValueError: it could never be published, and nothing behind it would be.
        """
        self._database.execute("INSERT INTO messages (kind, document) VALUES (?, ?)", (kind, encoded(document)))
        self._waiting += 1
        if self._waiting > self._most:
            self._database.execute("DELETE FROM messages WHERE id = (SELECT min(id) FROM messages)")
            self._waiting -= 1
            self.dropped += 1

    def first(self, most: int = 20) -> list[tuple[int, str, Any]]:
        """Return the oldest messages: number, type and document."""
        rows = self._database.execute("SELECT id, kind, document FROM messages ORDER BY id LIMIT ?", (most,))
        return [(number, kind, json.loads(document)) for number, kind, document in rows]

    def remove(self, number: int) -> None:
        """Forget a message that was sent."""
        self._waiting -= self._database.execute("DELETE FROM messages WHERE id = ?", (number,)).rowcount

    def close(self) -> None:
        """Close the file."""
        self._database.close()
