"""What people send to the chat, and what it keeps."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

__all__ = [
    "INDEX",
    "Account",
    "Code",
    "Device",
    "Member",
    "Message",
    "NewFile",
    "NewMessage",
    "Person",
    "Posting",
    "Room",
    "mentioned",
]

INDEX = "by_author"
"""The index of a table by which messages of an author are found."""
_MENTION = re.compile(r"(?<![\w.@-])@([\w-][\w.-]{0,39})")


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("has a NUL character, which PostgreSQL does not store")
    return text


Person = Annotated[str, StringConstraints(pattern=r"^[\w-][\w.-]{0,39}$")]
"""The name of a person: letters, digits, `_`, `-`, and `.` behind the first."""
Room = Annotated[str, StringConstraints(pattern=r"^[\w-]{1,60}$")]
"""The name of a room."""


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Account(_Input):
    """What a person registers and signs in with."""

    name: Person
    password: str = Field(min_length=8, max_length=200)


class Member(_Input):
    """What a member of a user pool registers and signs in with: an ID token or an access token of the pool."""

    name: Person
    token: str = Field(min_length=1, max_length=15_000)


class Device(_Input):
    """What a person receives notices on.

    Attributes:
        kind: A PC, where they are mails, or a phone.
        mail: The address of who is on a PC.
    """

    kind: Literal["pc", "phone"]
    # As browsers check an address: https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
    mail: (
        Annotated[
            str,
            StringConstraints(
                max_length=254,
                pattern=r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9-]{1,63}(\.[a-zA-Z0-9-]{1,63})+$",
            ),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.kind == "pc") != (self.mail is not None):
            raise ValueError("somebody on a PC has a mail address, and nobody else")
        return self


class Code(_Input):
    """What was sent to a mail address."""

    code: str = Field(max_length=2000)


class NewMessage(_Input):
    """A message as its author sends it.

    Attributes:
        id: Chosen by the client: the same id again is the same message.
        text: Up to 4,000 characters.
        attachment: Key of an uploaded file.
    """

    id: UUID
    text: Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_without_nul)]
    attachment: Annotated[str, Field(max_length=1024), AfterValidator(_without_nul)] | None = None


class Posting(NewMessage):
    """A message on its way through the queue."""

    room: Room
    author: Person


class NewFile(_Input):
    """A file that somebody wants to upload."""

    name: str = Field(min_length=1, max_length=255)
    content_type: str = Field(max_length=100)
    size: int = Field(ge=1)


@dataclass(frozen=True)
class Message:
    """A message that is stored.

    Attributes:
        number: Its place in the room, from 1 and without gaps.
    """

    room: str
    number: int
    id: UUID
    author: str
    text: str
    attachment: str | None
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return what clients get."""
        return {
            "room": self.room,
            "number": self.number,
            "id": str(self.id),
            "author": self.author,
            "text": self.text,
            "attachment": self.attachment,
            "at": self.at.isoformat(),
        }


def mentioned(text: str) -> list[str]:
    """Return who is mentioned as `@name`, each once."""
    return list(dict.fromkeys(name.rstrip(".") for name in _MENTION.findall(text)))
