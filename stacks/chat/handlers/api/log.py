"""The log that this Region keeps of a room: append to it, and read it together with the other Regions' logs."""

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from ..domain import rooms
from ..domain import table as keys
from .ordering import (
    Cursor,
    Message,
    Position,
    message_id,
    next_clock,
    page_before,
    page_of,
    unbroken,
    without_duplicates,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, TransactWriteItemTypeDef

logger = Logger(child=True)

# Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/. The pauses of ten tries take
# 1.1 s on average and 2.2 s at most, beside the calls themselves.
_TRIES = 10
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.4

# Above every number that a log can give: keys have twelve digits.
_BEHIND = 10**12

# Somebody else was first, or the table is busy: what a second look can settle.
_WORTH_A_RETRY = {"ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class RoomBusyError(Exception):
    """Too many writers at once; nothing was stored, and the client may send the same message again."""


class RoomLog:
    """Reads and writes the logs of rooms.

    Attributes:
        region: The Region whose log is written here.
        regions: The Regions whose logs are read, this one included.
    """

    def __init__(
        self, table: "Table", region: str, regions: Sequence[str], *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._table = table
        self._pause = pause
        self.region = region
        self.regions = tuple(regions)

    def append(
        self, room: str, author: str, client_message_id: str, text: str, attachments: Sequence[str] = ()
    ) -> tuple[Message, bool]:
        """Store a message once, as the next of this Region's log.

        Args:
            room: The room.
            author: The user; only members may write.
            client_message_id: The client's own id of the message; the same id is the same message, whatever its text.
            text: What is said.
            attachments: Ids of uploads.

        Returns:
            The message as stored, and whether this call stored it.

        Raises:
            RoomNotFoundError: when the author is not in the room, so also when there is none; nothing was stored.
            RoomBusyError: when other writers were faster every time.
        """
        for attempt in range(_TRIES):
            if attempt:
                self._pause(random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)))  # noqa: S311 - jitter
            head, markers = self._look(room, author, client_message_id)
            if markers:
                stored = self._stored(room, markers)
                if stored is not None:
                    return stored, False
                continue  # another Region has it, and the message itself is still on its way here
            sequence = int(head["sequence"]) + 1 if head else 1
            now = datetime.now(UTC)
            message = Message(
                room=room,
                region=self.region,
                sequence=sequence,
                clock=next_clock(int(now.timestamp() * 1000), self._clocks(room, head)),
                id=message_id(room, author, client_message_id),
                author=author,
                client_message_id=client_message_id,
                text=text,
                attachments=list(attachments),
                posted_at=now.isoformat(timespec="milliseconds"),
            )
            if self._put(message, first=head is None):
                return message, True
        raise RoomBusyError

    def read(self, room: str, after: Cursor, limit: int) -> tuple[list[Message], Cursor, bool]:
        """Return what follows a cursor, over all Regions, as far as it has arrived here.

        Args:
            room: The room.
            after: The reader's cursor.
            limit: Longest page. A page can be shorter and still have more behind it.

        Returns:
            Messages in order, the cursor after them, and whether more can be read at once.
        """
        logs = {region: self._tail(room, region, after.get(region, 0), limit + 1) for region in self.regions}
        page, cursor, more = page_of(logs, after, limit)
        return without_duplicates(page, self._accepted_elsewhere(page)), cursor, more

    def read_back(self, room: str, before: Cursor | None, limit: int) -> tuple[list[Message], Cursor, Cursor, bool]:
        """Return what comes before a place, over all Regions: the way a client fills its window backwards.

        Args:
            room: The room.
            before: For each Region the sequence of the oldest message that the reader has; None for the newest page.
            limit: Longest page.

        Returns:
            Messages in order, the cursor from which what follows the page is read, the ``before`` of the next page,
            and whether there are older messages.
        """
        if before is None:
            logs = {region: unbroken(self._end(room, region, limit)) for region in self.regions}
            before = {region: log[-1].sequence + 1 if log else 1 for region, log in logs.items()}
        else:
            logs = {region: self._end(room, region, limit, before[region]) for region in self.regions}
        page, oldest, more = page_before(logs, before, limit)
        cursor = {region: max(0, sequence - 1) for region, sequence in before.items()}
        return without_duplicates(page, self._accepted_elsewhere(page)), cursor, oldest, more

    def _look(self, room: str, author: str, client_message_id: str) -> tuple[keys.Item | None, dict[str, keys.Item]]:
        """Return this Region's head, and by Region the note that it accepted the message.

        The membership is read with them: one request says whether the message may be stored, and where.

        Raises:
            RoomNotFoundError: when the author is not in the room.
        """
        member, head = keys.member_key(room, author), keys.head_key(room, self.region)
        marker_of = {region: keys.marker_key(room, region, author, client_message_id) for region in self.regions}
        found = keys.get_many(self._table, [member, head, *marker_of.values()])
        if not rooms.lets_in(found.get(member)):
            raise rooms.RoomNotFoundError
        return found.get(head), {region: found[key] for region, key in marker_of.items() if key in found}

    def _stored(self, room: str, markers: dict[str, keys.Item]) -> Message | None:
        """Return the message that the markers speak of: of several, the one that readers see."""
        first = min(_position(region, marker) for region, marker in markers.items())
        item = keys.get(self._table, keys.message_key(room, first.region, first.sequence))
        return _message(item) if item else None

    def _clocks(self, room: str, head: keys.Item | None) -> list[int]:
        """Return the clock of the newest message of every log that a reader here could have seen.

        Of other Regions the newest message counts, not the head: the two are replicated on their own, and what an
        author answers to is a message.
        """
        newest = [self._newest(room, region) for region in self.regions if region != self.region]
        return [int(item["clock"]) for item in (head, *newest) if item]

    def _newest(self, room: str, region: str) -> keys.Item | None:
        items = self._query(room, region, 1, ScanIndexForward=False)
        return items[0] if items else None

    def _tail(self, room: str, region: str, after: int, limit: int) -> list[Message]:
        return [_message(item) for item in self._query(room, region, limit, after=after)]

    def _end(self, room: str, region: str, limit: int, before: int = _BEHIND) -> list[Message]:
        """Return the last messages of a log below a number, in order of their sequence."""
        if before <= 1:
            return []
        return [_message(item) for item in self._query(room, region, limit, before=before, ScanIndexForward=False)][
            ::-1
        ]

    def _query(
        self, room: str, region: str, limit: int, *, after: int = 0, before: int = _BEHIND, **options: Any
    ) -> list[keys.Item]:
        _, low = keys.message_key(room, region, after + 1)
        _, high = keys.message_key(room, region, before - 1)
        answer = self._table.query(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues={":pk": keys.log_key(room, region), ":low": low, ":high": high},
            # A reader sees its own message at once, and never an older state than before.
            ConsistentRead=True,
            Limit=limit,
            **options,
        )
        return answer["Items"]

    def _put(self, message: Message, *, first: bool) -> bool:
        """Store head, message and marker together, or nothing. False when another writer was faster."""
        key = keys.as_key
        place = {"sequence": message.sequence, "clock": message.clock}
        head: PutTypeDef = {
            "TableName": self._table.name,
            "Item": key(keys.head_key(message.room, self.region)) | place,
            "ConditionExpression": "attribute_not_exists(pk)" if first else "#sequence = :before",
        }
        if not first:
            head["ExpressionAttributeNames"] = {"#sequence": "sequence"}
            head["ExpressionAttributeValues"] = {":before": message.sequence - 1}
        marker = keys.marker_key(message.room, self.region, message.author, message.client_message_id)
        new = [
            key(keys.message_key(message.room, self.region, message.sequence)) | message.to_dict(),
            key(marker) | place,
        ]
        puts: list[TransactWriteItemTypeDef] = [
            {
                "Put": {
                    "TableName": self._table.name,
                    "Item": item,
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
            for item in new
        ]
        try:
            self._table.meta.client.transact_write_items(TransactItems=[{"Put": head}, *puts])
        except ClientError as error:
            if not _worth_a_retry(error):
                raise
            logger.debug("another writer was faster", room=message.room, sequence=message.sequence)
            return False
        return True

    def _accepted_elsewhere(self, page: Sequence[Message]) -> dict[str, list[Position]]:
        """Return by message id the places that other Regions gave to the same client messages."""
        wanted = {
            keys.marker_key(item.room, region, item.author, item.client_message_id): (item.id, region)
            for item in page
            for region in self.regions
            if region != item.region
        }
        places: dict[str, list[Position]] = {}
        for key, marker in keys.get_many(self._table, wanted).items():
            identity, region = wanted[key]
            places.setdefault(identity, []).append(_position(region, marker))
        return places


def _position(region: str, marker: keys.Item) -> Position:
    return Position(int(marker["clock"]), region, int(marker["sequence"]))


def _message(item: keys.Item) -> Message:
    return Message(
        room=item["room"],
        region=item["region"],
        sequence=int(item["sequence"]),
        clock=int(item["clock"]),
        id=item["id"],
        author=item["author"],
        client_message_id=item["client_message_id"],
        text=item["text"],
        attachments=list(item["attachments"]),
        posted_at=item["posted_at"],
    )


def _worth_a_retry(error: ClientError) -> bool:
    response: Any = error.response
    codes = {reason["Code"] for reason in response.get("CancellationReasons", [])} - {"None"}
    return error.response["Error"]["Code"] == "TransactionCanceledException" and bool(codes) and codes <= _WORTH_A_RETRY
