"""Messages, people and notices in PostgreSQL."""

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from stacks.dojo.app.database import Connection, Database
from stacks.dojo.app.model import Message, Posting, mentioned
from stacks.dojo.app.ports import PRESENT_SECONDS, Notice, RefusedError

__all__ = ["CHANNEL", "DatabaseStore"]

CHANNEL = "messages"
"""Where PostgreSQL notifies of messages."""
_LOG = logging.getLogger(__name__)
_COLUMNS = "room, number, id, author, text, attachment, at"
_ATTEMPTS = 8
_DUE = """
    SELECT n.*, p.push FROM notices n LEFT JOIN people p ON p.name = n.person
    WHERE n.due <= now() AND n.attempts < %s ORDER BY n.due LIMIT 1 FOR UPDATE OF n SKIP LOCKED
"""
_LATER = """
    UPDATE notices SET attempts = attempts + 1, due = now() + make_interval(secs => power(2, attempts)) WHERE id = %s
"""
_NOTICES = """
    INSERT INTO notices (person, room, number, author)
    SELECT name, %s, %s, %s FROM people
    WHERE name = ANY(%s) AND NOT EXISTS (SELECT 1 FROM presence WHERE person = people.name AND until > now())
"""


class _SentBefore(Exception):  # noqa: N818 - no failure
    # Raised to roll back: the author has sent a message with this id.

    def __init__(self, message: Message) -> None:
        super().__init__(message.id)
        self.message = message


@dataclass(frozen=True)
class DatabaseStore:
    """What the chat keeps.

    Args:
        database: Where.
        notices: Whether notices to people who are away are kept, for `deliver`.
    """

    database: Database
    notices: bool = True

    async def open(self) -> None:
        """Connect, and bring the schema up to date."""
        await self.database.open()

    async def close(self) -> None:
        """Close every connection."""
        await self.database.close()

    async def add(self, posting: Posting) -> Message:
        """Store a message, and notices for who is mentioned and away; the same id again changes nothing.

        Raises:
            RefusedError: the database will never store it.
            UnavailableError: the database does not answer.
        """

        async def work(connection: Connection) -> Message:
            try:
                async with connection.transaction():
                    return await _insert(connection, posting, notices=self.notices)
            except _SentBefore as before:
                return before.message

        try:
            return await self.database.run(work)
        except (psycopg.DataError, psycopg.IntegrityError, LookupError) as error:
            raise RefusedError(f"{type(error).__name__}: {error}") from error

    async def last(self, room: str, *, reader: bool = False) -> int:
        """Return the number of the last message of a room; 0 when there is none."""

        async def work(connection: Connection) -> int:
            found = await _one(connection, "SELECT last FROM rooms WHERE name = %s", room)
            return int(found["last"]) if found else 0

        return await self.database.run(work, reader=reader)

    async def lasts(self, rooms: Sequence[str]) -> dict[str, int]:
        """Return the number of the last message of each of some rooms."""

        async def work(connection: Connection) -> dict[str, int]:
            rows = await _all(connection, "SELECT name, last FROM rooms WHERE name = ANY(%s)", list(rooms))
            return {row["name"]: row["last"] for row in rows}

        return await self.database.run(work)

    async def history(
        self, room: str, *, before: int | None = None, limit: int = 50, at_least: int = 0
    ) -> list[Message]:
        """Return the latest messages of a room, in their order.

        Args:
            room: The room.
            before: Only messages with a smaller number.
            limit: At most so many.
            at_least: A number that the reader has seen: a replica that is behind it is not asked.
        """

        async def work(connection: Connection) -> list[Message]:
            statement = f"""
                SELECT {_COLUMNS} FROM messages
                WHERE room = %s AND number < COALESCE(%s, 9223372036854775807) ORDER BY number DESC LIMIT %s
            """  # noqa: S608 - constants
            return [_message(row) for row in reversed(await _all(connection, statement, room, before, limit))]

        behind = at_least > 0 and await self.last(room, reader=True) < at_least
        return await self.database.run(work, reader=not behind)

    async def since(self, room: str, number: int, limit: int = 200) -> list[Message]:
        """Return the messages of a room that follow a number, from the writer."""

        async def work(connection: Connection) -> list[Message]:
            statement = f"SELECT {_COLUMNS} FROM messages WHERE room = %s AND number > %s ORDER BY number LIMIT %s"  # noqa: S608
            return [_message(row) for row in await _all(connection, statement, room, number, limit)]

        return await self.database.run(work)

    async def by_author(self, author: str, *, limit: int = 50) -> list[Message]:
        """Return the latest messages of an author, the last one first."""

        async def work(connection: Connection) -> list[Message]:
            statement = f"SELECT {_COLUMNS} FROM messages WHERE author = %s ORDER BY at DESC, number DESC LIMIT %s"  # noqa: S608
            return [_message(row) for row in await _all(connection, statement, author, limit)]

        return await self.database.run(work, reader=True)

    async def with_id(self, author: str, message_id: str) -> Message | None:
        """Return the message that an author has sent with an id."""

        async def work(connection: Connection) -> Message | None:
            return await _sent(connection, author, message_id)

        return await self.database.run(work)

    async def attached(self, key: str) -> bool:
        """Return whether any message has a file."""

        async def work(connection: Connection) -> bool:
            return (
                await _one(connection, "SELECT 1 AS found FROM messages WHERE attachment = %s LIMIT 1", key) is not None
            )

        return await self.database.run(work)

    async def register(self, name: str, password: str) -> bool:
        """Keep a new person with the hash of a password; False when the name is taken."""

        async def work(connection: Connection) -> bool:
            statement = "INSERT INTO people (name, password) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING name"
            return await _one(connection, statement, name, password) is not None

        return await self.database.run(work)

    async def password(self, name: str) -> str | None:
        """Return the hash of a person's password."""

        async def work(connection: Connection) -> str | None:
            found = await _one(connection, "SELECT password FROM people WHERE name = %s", name)
            return str(found["password"]) if found else None

        return await self.database.run(work)

    async def subscribe(self, name: str, subscription: dict[str, Any] | None) -> None:
        """Keep where a person's browser receives notices; None forgets it."""

        async def work(connection: Connection) -> None:
            value = None if subscription is None else json.dumps(subscription)
            await connection.execute("UPDATE people SET push = %s WHERE name = %s", [value, name])

        await self.database.run(work)

    async def present(self, server: str, people: Sequence[str]) -> None:
        """Keep that people are connected to a server, and nobody else is."""

        async def work(connection: Connection) -> None:
            async with connection.transaction():
                await connection.execute(
                    "DELETE FROM presence WHERE until < now() OR (server = %s AND person <> ALL(%s))",
                    [server, list(people)],
                )
                await connection.execute(
                    """
                    INSERT INTO presence
                    SELECT person, %s, now() + make_interval(secs => %s) FROM unnest(%s::text[]) AS person
                    ON CONFLICT (person, server) DO UPDATE SET until = excluded.until
                    """,
                    [server, PRESENT_SECONDS, sorted(set(people))],
                )

        await self.database.run(work)

    async def deliver(self, send: Callable[[Notice], Awaitable[bool]]) -> bool:
        """Send a notice that is due; return False when none is.

        It is locked meanwhile, so that no other server sends it, too. When ``send`` raises, the notice is due again
        later, eight times in about four minutes; then it stays in the table, and the log has an error.

        Args:
            send: Sends it; returns False when the person's subscription is gone.
        """

        async def work(connection: Connection) -> bool:
            async with connection.transaction():
                row = await _one(connection, _DUE, _ATTEMPTS)
                if row is None:
                    return False
                notice = Notice(row["person"], row["room"], row["number"], row["author"], row["push"])
                try:
                    known = await send(notice)
                except Exception:  # noqa: BLE001 - whatever fails, the notice is due again
                    attempts = row["attempts"] + 1
                    level = logging.ERROR if attempts == _ATTEMPTS else logging.WARNING
                    _LOG.log(
                        level, "notice %d not sent, attempt %d of %d", row["id"], attempts, _ATTEMPTS, exc_info=True
                    )
                    await connection.execute(_LATER, [row["id"]])
                else:
                    await connection.execute("DELETE FROM notices WHERE id = %s", [row["id"]])
                    if not known:
                        await connection.execute("UPDATE people SET push = NULL WHERE name = %s", [notice.person])
                return True

        return await self.database.run(work)


async def _insert(connection: Connection, posting: Posting, *, notices: bool) -> Message:
    # The row of the room is locked first: numbers are given in the order of commits, without gaps, and the same
    # message in two requests at once is seen.
    await connection.execute("INSERT INTO rooms VALUES (%s, 0) ON CONFLICT DO NOTHING", [posting.room])
    await connection.execute("SELECT 1 FROM rooms WHERE name = %s FOR UPDATE", [posting.room])
    before = await _sent(connection, posting.author, str(posting.id))
    if before is not None:
        raise _SentBefore(before)
    last = await _one(connection, "UPDATE rooms SET last = last + 1 WHERE name = %s RETURNING last", posting.room)
    row = await _one(
        connection,
        f"""
        INSERT INTO messages (room, number, id, author, text, attachment) VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (author, id) DO NOTHING RETURNING {_COLUMNS}
        """,  # noqa: S608 - constants
        posting.room,
        last["last"] if last else 1,
        posting.id,
        posting.author,
        posting.text,
        posting.attachment,
    )
    if row is None:
        # In another room at the same time: that one has committed, or this statement would wait.
        before = await _sent(connection, posting.author, str(posting.id))
        raise _SentBefore(before or _missing(posting))
    message = _message(row)
    people = [name for name in mentioned(posting.text) if name != posting.author]
    if people and notices:
        await connection.execute(_NOTICES, [message.room, message.number, message.author, people])
    await connection.execute(
        "SELECT pg_notify(%s, %s)", [CHANNEL, json.dumps({"room": message.room, "number": message.number})]
    )
    return message


def _missing(posting: Posting) -> Message:
    raise LookupError(f"message {posting.id} conflicts with one that is not there")


async def _sent(connection: Connection, author: str, message_id: str) -> Message | None:
    statement = f"SELECT {_COLUMNS} FROM messages WHERE author = %s AND id = %s"  # noqa: S608 - constants
    row = await _one(connection, statement, author, message_id)
    return None if row is None else _message(row)


async def _one(connection: Connection, statement: str, *values: Any) -> dict[str, Any] | None:
    return await (await connection.execute(statement, values)).fetchone()


async def _all(connection: Connection, statement: str, *values: Any) -> list[dict[str, Any]]:
    return await (await connection.execute(statement, values)).fetchall()


def _message(row: dict[str, Any]) -> Message:
    return Message(**row)
