"""The log that this Region keeps of a room: append to it, and read it together with the other Regions' logs."""

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..domain.messages import Message
from .budgets import Budgets
from .log_items import LogItems
from .ordering import (
    Cursor,
    message_id,
    next_clock,
    page_before,
    page_of,
    unbroken,
    without_duplicates,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

# Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/. The pauses of ten tries take
# 1.1 s on average and 2.2 s at most, beside the calls themselves.
_TRIES = 10
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.4


class RoomBusyError(Exception):
    """Too many writers at once; nothing was stored, and the client may send the same message again."""


class RoomLog:
    """Reads and writes the logs of rooms.

    Attributes:
        region: The Region whose log is written here.
        regions: The Regions whose logs are read, this one included.
    """

    def __init__(
        self,
        table: "Table",
        region: str,
        regions: Sequence[str],
        budgets: Budgets,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.items = LogItems(table, region, regions, budgets)
        self._pause = pause
        self.region = region
        self.regions = tuple(regions)

    def append(
        self,
        room: str,
        author: str,
        client_message_id: str,
        text: str,
        attachments: Sequence[str] = (),
        *,
        traceparent: str = "",
    ) -> tuple[Message, bool]:
        """Store a message once, as the next of this Region's log.

        Args:
            room: The room.
            author: The user; only members may write.
            client_message_id: The client's own id of the message; the same id is the same message, whatever its text.
            text: What is said.
            attachments: Ids of uploads.
            traceparent: Of the request; it goes with the message.

        Returns:
            The message as stored, and whether this call stored it.

        Raises:
            RoomNotFoundError: when the author is not in the room, so also when there is none; nothing was stored.
            RoomBusyError: when other writers were faster every time.
            BudgetExceededError: when the author has written as much as one user may; nothing was stored.
        """
        for attempt in range(_TRIES):
            if attempt:
                self._pause(random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)))  # noqa: S311 - jitter
            head, markers = self.items.look(room, author, client_message_id)
            if markers:
                stored = self.items.stored(room, markers)
                if stored is not None:
                    return stored, False
                continue  # another Region has it, and the message itself is still on its way here
            sequence = int(head["sequence"]) + 1 if head else 1
            now = datetime.now(UTC)
            message = Message(
                room=room,
                region=self.region,
                sequence=sequence,
                clock=next_clock(int(now.timestamp() * 1000), self.items.clocks(room, head)),
                id=message_id(room, author, client_message_id),
                author=author,
                client_message_id=client_message_id,
                text=text,
                attachments=list(attachments),
                posted_at=now.isoformat(timespec="milliseconds"),
                traceparent=traceparent,
            )
            if self.items.put(message, first=head is None):
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
        logs = {region: self.items.tail(room, region, after.get(region, 0), limit + 1) for region in self.regions}
        page, cursor, more = page_of(logs, after, limit)
        return without_duplicates(page, self.items.accepted_elsewhere(page)), cursor, more

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
            logs = {region: unbroken(self.items.end(room, region, limit)) for region in self.regions}
            before = {region: log[-1].sequence + 1 if log else 1 for region, log in logs.items()}
        else:
            logs = {region: self.items.end(room, region, limit, before[region]) for region in self.regions}
        page, oldest, more = page_before(logs, before, limit)
        cursor = {region: max(0, sequence - 1) for region, sequence in before.items()}
        return without_duplicates(page, self.items.accepted_elsewhere(page)), cursor, oldest, more
