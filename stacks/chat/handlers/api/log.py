"""The log that this Region keeps of a room: append to it."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..domain.messages import Message
from .admission import Admission
from .budgets import Budgets
from .log_items import LogItems
from .log_writes import tries
from .ordering import message_id, next_clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class RoomBusyError(Exception):
    """Too many writers at once; nothing was stored, and the client may send the same again."""


class RoomLog:
    """Writes the logs of rooms.

    Attributes:
        items: The items of the logs.
        region: The Region whose log is written here.
    """

    def __init__(
        self,
        table: "Table",
        region: str,
        regions: Sequence[str],
        budgets: Budgets,
        *,
        admission: Admission | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.items = LogItems(table, region, regions, budgets, admission or Admission(region, None))
        self._pause = pause
        self.region = region

    def append(
        self,
        room: str,
        author: str,
        client_message_id: str,
        text: str,
        attachments: Sequence[str] = (),
        *,
        answers: str | None = None,
        traceparent: str | None = None,
    ) -> tuple[Message, bool]:
        """Store a message once, as the next of this Region's log.

        Args:
            room: The room.
            author: The user; only members may write.
            client_message_id: The client's own id of the message; the same id is the same message, whatever its text.
            text: What is said.
            attachments: Ids of uploads.
            answers: Id of the message that it answers; readers look for it, so one that does not exist is no error.
            traceparent: Of the request; it goes with the message.

        Returns:
            The message as stored, and whether this call stored it.

        Raises:
            RoomNotFoundError: when the author is not in the room, so also when there is none; nothing was stored.
            RoomBusyError: when other writers were faster every time.
            BudgetExceededError: when the author has written as much as one user may; nothing was stored.
            DeliveryLateError: when what was accepted is not delivered in time; nothing was stored.
        """
        identity = message_id(room, author, client_message_id)
        for _ in tries(self._pause):
            head, notes = self.items.look(room, author, identity)
            if notes:
                stored = self.items.stored(room, notes)
                if stored is not None:
                    return stored, False
                continue  # another Region has it, and the message itself is still on its way here
            self.items.admission.check()
            now = datetime.now(UTC)
            message = Message(
                room=room,
                region=self.region,
                sequence=int(head["sequence"]) + 1 if head else 1,
                clock=next_clock(int(now.timestamp() * 1000), self.items.clocks(room, head)),
                id=identity,
                author=author,
                client_message_id=client_message_id,
                text=text,
                attachments=list(attachments),
                posted_at=now.isoformat(timespec="milliseconds"),
                answers=answers,
                traceparent=traceparent,
            )
            if self.items.put(message):
                return message, True
        raise RoomBusyError
