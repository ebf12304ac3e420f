"""Who is in a room, remembered for some seconds: most messages are read by people who have the room open."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..domain import rooms

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

__all__ = ["AbsentMembers"]

REMEMBERED_SECONDS = 5.0
MOST_ROOMS = 1_000


class AbsentMembers:
    """Finds the members of rooms who do not have them open.

    The list of members is the largest read of a message, and nobody is told about most messages. So a list that was
    read just now serves to see that nobody is away. Whenever somebody is, it is read again: who has been removed gets
    no notice. Who joins and is away again within these seconds gets none either.

    Args:
        table: This Region's replica.
        clock: Seconds, growing.
    """

    def __init__(self, table: "Table", clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._clock = clock
        self._read: dict[str, tuple[float, frozenset[str]]] = {}

    def of(self, room: str, online: frozenset[str]) -> set[str]:
        """Return the members of a room without those who have it open."""
        now = self._clock()
        read_at, members = self._read.get(room, (float("-inf"), frozenset()))
        if now - read_at < REMEMBERED_SECONDS and members <= online:
            return set()
        members = frozenset(rooms.members_of(self._table, room))
        if len(self._read) >= MOST_ROOMS:
            self._read.clear()
        self._read[room] = (now, members)
        return set(members - online)
