"""The items of rooms' logs in this Region's replica: what is written for a message, and read of the logs."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..domain import rooms
from ..domain import table as keys
from ..domain.changes import Change, place_of
from ..domain.entries import Position
from ..domain.messages import Message
from .admission import Admission
from .budgets import Budget, Budgets
from .log_writes import append, put_new

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

Notes = dict[str, keys.Item]
"""By Region what it notes of a message."""

# Above every number that a log can give: keys have twelve digits.
_BEHIND = 10**12


class LogItems:
    """The items of the logs of all Regions.

    Args:
        table: This Region's replica.
        region: The Region whose log is written here.
        regions: The Regions whose logs are read, this one included.
        budgets: Count the messages of authors.
        admission: Knows whether what is accepted here is delivered in time.
    """

    def __init__(
        self, table: "Table", region: str, regions: Sequence[str], budgets: Budgets, admission: Admission
    ) -> None:
        self.table = table
        self.admission = admission
        self._budgets = budgets
        self._region = region
        self._regions = tuple(regions)

    def look(self, room: str, author: str, message: str) -> tuple[keys.Item | None, Notes]:
        """Return this Region's head, and what the Regions that accepted the message note of it.

        The membership is read with them: one request says whether the message may be stored, and where.

        Raises:
            RoomNotFoundError: when the author is not in the room.
        """
        member, head = keys.member_key(room, author), keys.head_key(room, self._region)
        note_of = {region: keys.note_key(room, region, message) for region in self._regions}
        found = self.read_admitting([member, head, *note_of.values()])
        if not rooms.lets_in(found.get(member)):
            raise rooms.RoomNotFoundError
        # A Region that did not accept the message can have a note of what was done to it.
        notes = {region: found[key] for region, key in note_of.items() if "sequence" in found.get(key, {})}
        return found.get(head), notes

    def read_admitting(self, wanted: Iterable[keys.Key]) -> dict[keys.Key, keys.Item]:
        """Read items, and with them whether delivery is late, when that is not known."""
        more = self.admission.to_read()
        found = keys.get_many(self.table, [*wanted, *more])
        self.admission.learn(more, found)
        return found

    def notes(self, room: str, messages: Iterable[str]) -> dict[str, Notes]:
        """Return by id what the Regions note of messages."""
        wanted = {
            keys.note_key(room, region, message): (message, region) for message in messages for region in self._regions
        }
        notes: dict[str, Notes] = {message: {} for message, _ in wanted.values()}
        for key, note in keys.get_many(self.table, wanted).items():
            message, region = wanted[key]
            notes[message][region] = note
        return notes

    def stored(self, room: str, notes: Notes) -> Message | None:
        """Return the message that the notes speak of: of several, the one that readers see."""
        place = place_of(notes)
        item = place and keys.get(self.table, keys.message_key(room, place.region, place.sequence))
        return Message.of_item(item) if item else None

    def clocks(self, room: str, head: keys.Item | None) -> list[int]:
        """Return the clock of the newest message of every log that a reader here could have seen.

        Of other Regions the newest message counts, not the head: the two are replicated on their own, and what an
        author answers to is a message.
        """
        newest = [self.end(room, region, 1) for region in self._regions if region != self._region]
        return [*([int(head["clock"])] if head else []), *(message.clock for log in newest for message in log)]

    def heads(self, room: str) -> dict[str, int]:
        """Return the last number of every log of messages, as far as it is known here."""
        key_of = {region: keys.head_key(room, region) for region in self._regions}
        found = keys.get_many(self.table, key_of.values())
        return {region: int(found[key]["sequence"]) if key in found else 0 for region, key in key_of.items()}

    def position(self, room: str, region: str, sequence: int) -> Position | None:
        """Return where the message of a number stands; None while it has not arrived."""
        item = keys.get(self.table, keys.message_key(room, region, sequence))
        return Message.of_item(item).position if item else None

    def tail(self, room: str, region: str, after: int, limit: int) -> list[Message]:
        """Return the messages of a log above a number, in order of their sequence."""
        return [Message.of_item(item) for item in self._messages(room, region, limit, after=after)]

    def end(self, room: str, region: str, limit: int, before: int = _BEHIND) -> list[Message]:
        """Return the last messages of a log below a number, in order of their sequence."""
        if before <= 1:
            return []
        newest_first = self._messages(room, region, limit, before=before, ScanIndexForward=False)
        return [Message.of_item(item) for item in newest_first][::-1]

    def changes(self, room: str, region: str, after: int, limit: int) -> list[Change]:
        """Return the changes that a Region accepted above a number, in order of their sequence."""
        low, high = keys.change_key(room, region, after + 1), keys.change_key(room, region, _BEHIND - 1)
        return [Change.of_item(item) for item in self._query(low, high, limit)]

    def newest_changes(self, room: str, region: str, limit: int) -> list[Change]:
        """Return the last changes that a Region accepted, in order of their sequence."""
        low, high = keys.change_key(room, region, 1), keys.change_key(room, region, _BEHIND - 1)
        return [Change.of_item(item) for item in self._query(low, high, limit, ScanIndexForward=False)][::-1]

    def scan_back(self, room: str, log: str, limit: int, before: int | None) -> list[Message | Change]:
        """Return the last entries of a log of messages or of changes below a number, the newest first, for a search.

        At half the price of the others: not the very latest.
        """
        region = log.partition(".")[0]
        key_of, kind = (keys.message_key, Message) if region == log else (keys.change_key, Change)
        low, high = key_of(room, region, 1), key_of(room, region, (before or _BEHIND) - 1)
        items = self._query(low, high, limit, ScanIndexForward=False, ConsistentRead=False)
        return [kind.of_item(item) for item in items]

    def last(self, room: str, log: str) -> int:
        """Return the last number of a log, as far as it is known here; 0 while there is none."""
        head = keys.get(self.table, keys.head_key(room, log))
        return int(head["sequence"]) if head else 0

    def put(self, message: Message) -> bool:
        """Store head, message and note together, and count, or nothing. False when another writer was faster.

        Raises:
            BudgetExceededError: when the author has written as much as one user may.
        """
        place = {"sequence": message.sequence, "clock": message.clock}
        stored = keys.as_key(keys.message_key(message.room, self._region, message.sequence)) | message.to_dict()
        note = keys.as_key(keys.note_key(message.room, self._region, message.id)) | place
        return append(
            self.table,
            keys.head_key(message.room, self._region),
            place,
            [put_new(self.table, item) for item in (stored, note)],
            budgets=self._budgets,
            author=message.author,
            budget=Budget.MESSAGES,
        )

    def _messages(
        self, room: str, region: str, limit: int, *, after: int = 0, before: int = _BEHIND, **options: Any
    ) -> list[keys.Item]:
        low, high = keys.message_key(room, region, after + 1), keys.message_key(room, region, before - 1)
        return self._query(low, high, limit, **options)

    def _query(self, low: keys.Key, high: keys.Key, limit: int, **options: Any) -> list[keys.Item]:
        answer = self.table.query(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues={":pk": low[0], ":low": low[1], ":high": high[1]},
            Limit=limit,
            # A reader sees its own message at once, and never an older state than before.
            **{"ConsistentRead": True, **options},
        )
        return answer["Items"]
