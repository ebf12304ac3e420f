"""Who has a room open, and who is typing in it: entries that end by themselves unless they are renewed.

An entry is written where its user is, and of two Regions the later heartbeat counts. A renewal changes nothing that
others see; what does is in the table's stream, and travels to their clients as messages do.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from state_sharing import SharedState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PRESENCE = "PRESENCE"
"""The kind of the entries of who has a room open, with which their sort keys begin."""
HEARTBEAT_SECONDS = 60
"""How often a client with an open room says so."""
AWAY_SECONDS = 150
"""After this time without a heartbeat a user counts as away: one lost heartbeat changes nothing."""
TYPING_SECONDS = 6
"""After this time a user counts as not typing any more, in the table and at every client."""


@dataclass(frozen=True)
class Present:
    """Who is in a room at one moment."""

    online: frozenset[str] = frozenset()
    typing: frozenset[str] = frozenset()

    def to_dict(self) -> dict[str, list[str]]:
        """Return the JSON form."""
        return {"online": sorted(self.online), "typing": sorted(self.typing)}


class RoomPresence:
    """Presence in the rooms of one table."""

    def __init__(self, table: "Table", *, typing_notices: bool = True) -> None:
        """Use a table; without typing notices nobody is said to type, whatever a client says."""
        self._tells_typing = typing_notices
        self._here = SharedState(table, group="ROOM", kind=PRESENCE, lifetime=AWAY_SECONDS)
        self._typing = SharedState(table, group="ROOM", kind="TYPING", lifetime=TYPING_SECONDS)

    def heartbeat(self, room: str, user: str, *, typing: bool) -> Present:
        """Note that the user has the room open and whether they type, and return who is there."""
        self._here.heartbeat(room, user)
        if not self._tells_typing:
            return Present(self.online(room) | {user})
        if typing:
            self._typing.heartbeat(room, user)
        else:
            self._stop_typing(room, user)
        seen = self.look(room)
        # The lists are read without waiting for the write above.
        own = {user}
        return Present(seen.online | own, seen.typing | own if typing else seen.typing - own)

    def leave(self, room: str, user: str) -> None:
        """Note that the user has closed the room, or left it."""
        if self._tells_typing:
            self._stop_typing(room, user)
        if self._here.get(room, user):
            self._here.leave(room, user)

    def look(self, room: str) -> Present:
        """Return who is there now."""
        online = self.online(room)
        return Present(online, _members(self._typing, room) & online if self._tells_typing else frozenset())

    def online(self, room: str) -> frozenset[str]:
        """Return who has the room open now: half of the work of ``look``."""
        return _members(self._here, room)

    def _stop_typing(self, room: str, user: str) -> None:
        # Asked first: it is a read, and most heartbeats come from people who were not typing.
        if self._typing.get(room, user):
            self._typing.leave(room, user)


def _members(state: SharedState, room: str) -> frozenset[str]:
    return frozenset(entry.member for entry in state.members(room))
