"""Messages, people and notices in one DynamoDB table.

==================  ======================  ==========================================================
``pk``              ``sk``                  what it is
==================  ======================  ==========================================================
``room#R``          ``room``                the number of the last message of a room
``room#R``          ``message#000…7``       a message; ``author`` and ``written`` are the keys of the index
``sent#A``          the message's id        where the message is that an author has sent with an id
``file#SHA-256``    ``file``                some message has a file with this key
``person#P``        ``person``              hash of the password, subscription of the browser
``person#P``        ``connected#S``         a person is connected to a server
``server#S``        ``server``              until when a server is believed to be there
``notices``         when it is due          a notice that waits; ``notices-failed`` has those that nobody tries again
==================  ======================  ==========================================================

With a replica in the servers' own Region, rooms are read there. Items reach it in any order, also those of one
transaction: a page that lacks a number is read again where messages are written, and a listener waits for it.
"""

import asyncio
import hashlib
import json
import logging
import random
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from botocore.exceptions import ClientError

from stacks.dojo.app.model import INDEX, Message, Posting, mentioned
from stacks.dojo.app.ports import PRESENT_SECONDS, Notice, UnavailableError
from stacks.dojo.app.table import Table

__all__ = ["MOST_NOTICES", "TableStore"]

MOST_NOTICES = 50
"""People who get a notice of one message: a transaction has 100 items at most."""
_LOG = logging.getLogger(__name__)
_NOTICES, _FAILED = "notices", "notices-failed"
_ATTEMPTS = 8
_LEASE_SECONDS = 30.0
"""For how long a notice is the server's that sends it; sending takes ten seconds at most."""
_MOST_ROOMS = 10_000
_CONNECTED_SECONDS = 2 * 24 * 3600
"""When DynamoDB may delete that somebody was connected to a server that died."""
_DIGITS = 19
_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.5


@dataclass(frozen=True)
class TableStore:
    """What the chat keeps.

    Args:
        table: Where.
        notices: Whether notices to people who are away are kept, for `deliver`.
        replica: A replica of it in another Region, where rooms are read. Default: none.
    """

    table: Table
    notices: bool = True
    replica: Table | None = None
    _last: dict[str, int] = field(default_factory=dict)
    _connected: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    _turns: "WeakValueDictionary[str, asyncio.Lock]" = field(default_factory=WeakValueDictionary)

    @property
    def _near(self) -> Table:
        return self.replica or self.table

    async def open(self) -> None:
        """Ask whether the table answers that is read."""
        await self.lasts([])

    async def close(self) -> None:
        """Close every connection."""
        self.table.close()
        if self.replica is not None:
            self.replica.close()

    async def add(self, posting: Posting) -> Message:
        """Store a message, and notices for who is mentioned; the same id again changes nothing.

        One transaction writes the message with the next number of its room, on condition that nobody else has taken the
        number, and that its author has not sent the id before. Messages of a room wait for each other within a server;
        with those of other servers it is attempted again.

        Raises:
            RefusedError: the table will never store it.
            UnavailableError: the table does not answer, or others were quicker again and again.
        """
        room, until, pause = posting.room, time.monotonic() + self.table.patience, _FIRST_PAUSE
        async with self._turn(room):
            last = self._last.get(room)
            if last is None:
                last = _last(await self.table.get(_room(room), "room"))
            while True:
                message = _new(posting, last + 1)
                try:
                    await self.table.ask("transact_write_items", TransactItems=self._writes(message))
                except ClientError as error:
                    of_room, of_sent = _reasons(error)[:2]
                else:
                    self._remember(room, message.number)
                    return message
                if of_sent.get("Code") == "ConditionalCheckFailed":
                    return await self._stored(posting)
                if of_room.get("Code") == "ConditionalCheckFailed":
                    last = int(of_room.get("Item", {}).get("last", {"N": "0"})["N"])
                if time.monotonic() > until:
                    raise UnavailableError("a place in the room")
                await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - no secret
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def last(self, room: str) -> int:
        """Return the number of the last message of a room; 0 when there is none."""
        return _last(await self._near.get(_room(room), "room"))

    async def lasts(self, rooms: Sequence[str]) -> dict[str, int]:
        """Return the number of the last message of each of some rooms."""
        # For none, too, the table is asked. A moment late is early enough: who asks will ask again.
        keys = [(_room(room), "room") for room in dict.fromkeys(rooms)] or [("server#", "server")]
        return {item["room"]: int(item["last"]) for item in await self._near.get_many(keys)}

    async def history(
        self, room: str, *, before: int | None = None, limit: int = 50, at_least: int = 0
    ) -> list[Message]:
        """Return the latest messages of a room, in their order.

        Args:
            room: The room.
            before: Only messages with a smaller number.
            limit: At most so many.
            at_least: A number that the reader has seen: a read that is behind it is repeated as a consistent one, and
                one of a replica that lacks a message, too.
        """
        until = 10**_DIGITS - 1 if before is None else before - 1
        if until < 1 or limit < 1:
            return []
        found = await self._messages(self._near, room, 1, until, limit, ScanIndexForward=False)
        last = found[0].number if found else 0
        expected = max(last, at_least) if before is None else until
        if last < min(until, at_least) or (self.replica is not None and not _is_whole(found, expected, limit)):
            found = await self._messages(self.table, room, 1, until, limit, ScanIndexForward=False, ConsistentRead=True)
        return found[::-1]

    async def since(self, room: str, number: int, limit: int = 200) -> list[Message]:
        """Return the messages of a room that follow a number, as far as none of them is missing."""
        found = await self._messages(self._near, room, number + 1, 10**_DIGITS - 1, limit, ConsistentRead=True)
        return [message for place, message in enumerate(found, number + 1) if message.number == place]

    async def by_author(self, author: str, *, limit: int = 50) -> list[Message]:
        """Return the latest messages of an author, the last one first; the index is a moment behind."""
        values = {":author": author}
        found = await self._near.query(limit, values, "author = :author", IndexName=INDEX, ScanIndexForward=False)
        return [_message(item) for item in found]

    async def with_id(self, author: str, message_id: str) -> Message | None:
        """Return the message that an author has sent with an id."""
        sent = await self.table.get(f"sent#{author}", message_id)
        found = None if sent is None else await self.table.get(_room(sent["room"]), _place(int(sent["number"])))
        return None if found is None else _message(found)

    async def attached(self, key: str) -> bool:
        """Return whether any message has a file."""
        return await self.table.get(_file(key), "file") is not None

    async def register(self, name: str, password: str) -> bool:
        """Keep a new person with the hash of a password; False when the name is taken."""
        person = {**_person(name), "password": password}
        try:
            await self.table.ask(
                "put_item", TableName=self.table.name, Item=person, ConditionExpression="attribute_not_exists(pk)"
            )
        except ClientError:
            return False
        return True

    async def password(self, name: str) -> str | None:
        """Return the hash of a person's password."""
        found = await self.table.get(**_person(name))
        return None if found is None else str(found["password"])

    async def subscribe(self, name: str, subscription: dict[str, Any] | None) -> None:
        """Keep where a person's browser receives notices; None forgets it."""
        # As a text: DynamoDB has other numbers than JSON.
        value = None if subscription is None else json.dumps(subscription)
        try:
            await self.table.ask(
                "update_item",
                TableName=self.table.name,
                Key=_person(name),
                UpdateExpression="SET push = :push",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":push": value},
            )
        except ClientError:
            _LOG.warning("a subscription of nobody is not kept")

    async def present(self, server: str, people: Sequence[str]) -> None:
        """Keep that people are connected to a server, and nobody else is.

        An item says that the server is there; others say who is connected, and are written when that changes.
        """
        async with self._turn(f"server#{server}"):
            now, known = time.time(), self._connected[server]
            expires = int(now + _CONNECTED_SECONDS)
            new = {name for name in people if known.get(name, 0) < now + _CONNECTED_SECONDS / 2}
            gone = known.keys() - set(people)
            there = {"pk": f"server#{server}", "sk": "server", "until": int(now + PRESENT_SECONDS)}
            connected = [
                {"pk": f"person#{name}", "sk": f"connected#{server}", "server": server, "expires_at": expires}
                for name in sorted(new)
            ]
            await self.table.write(
                put=[{**there, "expires_at": expires}, *connected],
                delete=[(f"person#{name}", f"connected#{server}") for name in sorted(gone)],
            )
            known.update(dict.fromkeys(new, expires))
            for name in gone:
                del known[name]

    async def deliver(self, send: Callable[[Notice], Awaitable[bool]]) -> bool:
        """Send a notice that is due; return False when none is.

        Who is there, or is nobody, gets none. A server takes a notice for half a minute, and loses it then if it has
        not ended: a notice may come twice when a server dies. When ``send`` raises, it is due again later, eight times
        in about four minutes; then it is kept under another key, and the log has an error.

        Args:
            send: Sends it; returns False when the person's subscription is gone.
        """
        due = await self.table.query(10, {":pk": _NOTICES, ":now": _due(0)}, "pk = :pk AND sk < :now")
        if not due:
            return False
        # Any of them, since other servers look at the same moment.
        item = random.choice(due)  # noqa: S311 - no secret
        attempts = int(item["attempts"])
        taken = {**item, "sk": _due(_LEASE_SECONDS), "attempts": attempts + 1}
        if not await self._move(item, taken):
            return True
        person = await self._away(item["person"])
        if person is None:
            await self.table.write(delete=[(taken["pk"], taken["sk"])])
            return True
        push = person.get("push")
        notice = Notice(
            item["person"],
            item["room"],
            int(item["number"]),
            item["author"],
            None if push is None else json.loads(push),
        )
        try:
            known = await send(notice)
        except Exception:  # noqa: BLE001 - whatever fails, the notice is due again
            last = attempts + 1 == _ATTEMPTS
            _LOG.log(
                logging.ERROR if last else logging.WARNING,
                "notice %s not sent, attempt %d of %d",
                item["sk"],
                attempts + 1,
                _ATTEMPTS,
                exc_info=True,
            )
            await self._move(taken, {**taken, "pk": _FAILED if last else _NOTICES, "sk": _due(2**attempts)})
        else:
            await self.table.write(delete=[(taken["pk"], taken["sk"])])
            if not known:
                await self.subscribe(notice.person, None)
        return True

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        lock = self._turns.setdefault(name, asyncio.Lock())
        try:
            async with asyncio.timeout(self.table.patience):
                await lock.acquire()
        except TimeoutError as error:
            raise UnavailableError("table") from error
        try:
            yield
        finally:
            lock.release()

    def _remember(self, room: str, number: int) -> None:
        if len(self._last) >= _MOST_ROOMS:
            self._last.clear()
        self._last[room] = number

    def _writes(self, message: Message) -> list[Any]:
        """Return what a transaction writes for a message; what has a condition comes first."""
        name, last = self.table.name, message.number - 1
        room = {"pk": _room(message.room), "sk": "room"}
        taken = "attribute_not_exists(pk)" if last == 0 else "#last = :last"
        sent = {
            "pk": f"sent#{message.author}",
            "sk": str(message.id),
            "room": message.room,
            "number": message.number,
        }
        update = {
            "Key": room,
            "UpdateExpression": "SET #last = :number, room = :room",
            "ConditionExpression": taken,
            "ExpressionAttributeNames": {"#last": "last"},
            "ExpressionAttributeValues": {
                ":number": message.number,
                ":room": message.room,
                **({":last": last} if last else {}),
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        puts = [_item(message)]
        if message.attachment is not None:
            puts.append({"pk": _file(message.attachment), "sk": "file"})
        if self.notices:
            people = [person for person in mentioned(message.text) if person != message.author]
            puts += [_notice(message, person) for person in people[:MOST_NOTICES]]
        return [
            {"Update": {"TableName": name, **update}},
            {"Put": {"TableName": name, "Item": sent, "ConditionExpression": "attribute_not_exists(pk)"}},
            *({"Put": {"TableName": name, "Item": item}} for item in puts),
        ]

    async def _stored(self, posting: Posting) -> Message:
        message = await self.with_id(posting.author, str(posting.id))
        if message is None:
            raise UnavailableError("a message that was sent before")
        return message

    @staticmethod
    async def _messages(table: Table, room: str, first: int, last: int, limit: int, **options: Any) -> list[Message]:
        values = {":room": _room(room), ":first": _place(first), ":last": _place(last)}
        found = await table.query(limit, values, "pk = :room AND sk BETWEEN :first AND :last", **options)
        return [_message(item) for item in found]

    async def _away(self, name: str) -> dict[str, Any] | None:
        """Return a person who is connected to no server that is there."""
        entries = await self.table.query(100, {":pk": f"person#{name}"}, "pk = :pk", ConsistentRead=True)
        servers = [(f"server#{entry['server']}", "server") for entry in entries if "server" in entry]
        there = [item for item in await self.table.get_many(servers) if item["until"] > time.time()]
        return None if there else next((entry for entry in entries if entry["sk"] == "person"), None)

    async def _move(self, item: dict[str, Any], to: dict[str, Any]) -> bool:
        """Give an item another key; False when it is no longer there."""
        name = self.table.name
        key = {"pk": item["pk"], "sk": item["sk"]}
        writes = [
            {"Delete": {"TableName": name, "Key": key, "ConditionExpression": "attribute_exists(pk)"}},
            {"Put": {"TableName": name, "Item": to}},
        ]
        try:
            await self.table.ask("transact_write_items", TransactItems=writes)
        except ClientError:
            return False
        return True


def _room(room: str) -> str:
    return f"room#{room}"


def _person(name: str) -> dict[str, str]:
    return {"pk": f"person#{name}", "sk": "person"}


def _file(key: str) -> str:
    # A key may be longer than a partition key.
    return f"file#{hashlib.sha256(key.encode(errors='replace')).hexdigest()}"


def _place(number: int) -> str:
    return f"message#{number:0{_DIGITS}}"


def _due(seconds: float) -> str:
    """Return a sort key for what is due in some seconds, unlike any other."""
    return f"{time.time() + seconds:017.6f}#{uuid.uuid4()}"


def _last(room: dict[str, Any] | None) -> int:
    return int(room["last"]) if room else 0


def _is_whole(found: Sequence[Message], last: int, limit: int) -> bool:
    """Whether messages are all of those up to a number, the last one first, as many as there are or as were asked."""
    return [message.number for message in found] == list(range(last, max(0, last - limit), -1))


def _new(posting: Posting, number: int) -> Message:
    return Message(
        posting.room, number, posting.id, posting.author, posting.text, posting.attachment, datetime.now(UTC)
    )


def _item(message: Message) -> dict[str, Any]:
    item = message.as_json()
    if message.attachment is None:
        del item["attachment"]
    # Without microseconds isoformat() is shorter, and would be sorted elsewhere.
    written = f"{message.at.isoformat(timespec='microseconds')}#{message.number:0{_DIGITS}}"
    return {"pk": _room(message.room), "sk": _place(message.number), "written": written, **item}


def _notice(message: Message, person: str) -> dict[str, Any]:
    of = {"person": person, "room": message.room, "number": message.number, "author": message.author}
    return {"pk": _NOTICES, "sk": _due(0), "attempts": 0, **of}


def _message(item: dict[str, Any]) -> Message:
    return Message(
        item["room"],
        int(item["number"]),
        UUID(item["id"]),
        item["author"],
        item["text"],
        item.get("attachment"),
        datetime.fromisoformat(item["at"]),
    )


def _reasons(error: ClientError) -> list[dict[str, Any]]:
    """Return why a transaction was cancelled, by its items; boto3 leaves their values as DynamoDB has them."""
    response: dict[str, Any] = dict(error.response)
    reasons: list[dict[str, Any]] = response["CancellationReasons"]
    return reasons
