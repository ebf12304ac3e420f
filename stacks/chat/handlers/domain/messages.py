"""A message, as it is stored, published, and seen by clients."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """Where a message stands in its room, the same for every reader in every Region."""

    clock: int
    region: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a room."""

    room: str
    region: str
    """The Region that accepted it."""
    sequence: int
    """Its number in that Region's log, from 1, without gaps."""
    clock: int
    """Hybrid logical clock: milliseconds since 1970, or one more than the newest message known at the time."""
    id: str
    author: str
    client_message_id: str
    text: str
    attachments: list[str] = field(default_factory=list)
    posted_at: str
    """Wall clock of the accepting Region, for people; it does not decide the order."""
    answers: str | None = None
    """Id of the message of the room that this one answers."""

    @classmethod
    def of_item(cls, item: Mapping[str, Any]) -> "Message":
        """Return the message of an item of the table.

        Raises:
            KeyError: for an item that is no message.
        """
        return cls(
            room=item["room"],
            region=item["region"],
            # DynamoDB's numbers are decimals.
            sequence=int(item["sequence"]),
            clock=int(item["clock"]),
            id=item["id"],
            author=item["author"],
            client_message_id=item["client_message_id"],
            text=item["text"],
            attachments=list(item["attachments"]),
            posted_at=item["posted_at"],
            answers=item.get("answers"),
        )

    @property
    def position(self) -> Position:
        """Where it stands in the room."""
        return Position(self.clock, self.region, self.sequence)

    @property
    def log(self) -> str:
        """The log that it is an entry of: of messages it has the name of the Region."""
        return self.region

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; one that answers nothing has no ``answers``."""
        return {name: value for name, value in asdict(self).items() if value is not None}
