"""A message, as it is stored, published, and seen by clients."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .entries import LogEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(LogEntry):
    """A message of a room."""

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
            traceparent=item.get("traceparent"),
        )

    @property
    def log(self) -> str:
        """The log that it is an entry of: of messages it has the name of the Region."""
        return self.region
