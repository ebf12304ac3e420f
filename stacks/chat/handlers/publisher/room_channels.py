"""The live channels of rooms during one batch."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..domain import channels
from .erasure import erase

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from ..domain.changes import Change


class UnknownChannelError(Exception):
    """The room was to move to another channel and has not: where its events may be published is not known."""


class RoomChannels:
    """The rooms' channels in one Region.

    All records of a batch were written before they are read here, so a channel that is looked up now is no older than
    they are: nothing that was posted after somebody left is published to the channel where they listen.

    Args:
        table: The Region's replica.
        region: The Region.
        rooms: The rooms of the batch, looked up at once.
    """

    def __init__(self, table: "Table", region: str, rooms: Iterable[str]) -> None:
        self._table = table
        self.region = region
        self._known = channels.look_up_many(table, rooms, region)

    def of(self, room: str) -> str:
        """Return the channel of a room.

        Raises:
            UnknownChannelError: when the room could not be moved.
        """
        if room not in self._known:
            raise UnknownChannelError(room)
        return self._known[room]

    def move(self, room: str) -> None:
        """Move a room to its next channel."""
        # Who left listens on the old one: nothing that follows may be published there, also when the move fails.
        self._known.pop(room, None)
        answer = self._table.update_item(**channels.move(room, self.region), ReturnValues="UPDATED_NEW")
        self._known[room] = channels.current(answer["Attributes"], room)

    def erase(self, deletion: "Change") -> None:
        """Remove what this Region keeps of a message that was deleted."""
        erase(self._table, self.region, deletion)
