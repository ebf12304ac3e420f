"""What clients may send."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from ..domain.emoji import is_emoji
from ..domain.names import check_name, shown

LONGEST_TEXT = 4096
"""Longest message in bytes of UTF-8."""
LONGEST_PAGE = 100
"""Most items of one answer: 100 messages of the longest kind stay under the 1 MB of one DynamoDB query."""
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Between these are all times that a search can be about."""


def _fits(text: str) -> str:
    size = len(text.encode())
    if size > LONGEST_TEXT:
        message = f"the text has {size} bytes of UTF-8; send at most {LONGEST_TEXT}"
        raise ValueError(message)
    return text


def _is_reaction(text: str) -> str:
    if text and not is_emoji(text):
        message = "is not one emoji; send one, or nothing to take the reaction back"
        raise ValueError(message)
    return text


Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
DisplayName = Annotated[str, AfterValidator(check_name), Field(max_length=40)]
RoomName = Annotated[str, AfterValidator(check_name), Field(max_length=80)]
# Of a file it is shown what can be shown: operating systems and other applications write hidden characters into names.
FileName = Annotated[str, AfterValidator(shown), Field(min_length=1, max_length=255)]
Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_fits)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Session(_Body):
    """What a client says when it starts."""

    name: DisplayName | None = None
    """How others see the user from now on; by default as before."""


class Heartbeat(_Body):
    """The room is open in front of the user."""

    typing: bool = False


class Reading(_Body):
    """How far the user has read a room."""

    cursor: Annotated[str, StringConstraints(max_length=1024)]


class NewRoom(_Body):
    """A room to make."""

    name: RoomName


class Invitation(_Body):
    """Proof that its bearer was invited."""

    invite_code: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class NewMessage(_Body):
    """A message to post."""

    client_message_id: Identifier
    """Chosen by the client, and the same when it sends the message again; a UUID does well."""
    text: Text
    attachments: Annotated[list[Identifier], Field(max_length=10)] = []
    """Ids of uploads of this room."""
    answers: Identifier | None = None
    """Id of the message of this room that it answers."""


class Edit(_Body):
    """Another text for a message."""

    client_change_id: Identifier
    """Chosen by the client, and the same when it sends the change again; a UUID does well."""
    text: Text


class Reaction(_Body):
    """What the user thinks of a message."""

    client_change_id: Identifier
    """As of an edit."""
    emoji: Annotated[str, AfterValidator(_is_reaction)]
    """One emoji; empty takes the reaction back."""


class NewUpload(_Body):
    """A file to upload; the bytes themselves go to S3."""

    name: FileName
    content_type: Annotated[str, StringConstraints(max_length=127)]
    size: Annotated[int, Field(gt=0)]
    """Bytes."""
