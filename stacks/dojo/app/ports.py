"""What the application asks for, and a board chooses who answers."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from stacks.dojo.app.model import Message, NewFile, Posting

__all__ = ["FanOut", "Files", "Hint", "Intake", "Latest", "Notice", "Notices", "Sessions", "UnavailableError"]


class UnavailableError(Exception):
    """What is needed does not answer; later it may."""


@dataclass(frozen=True)
class Hint:
    """A room has messages up to a number."""

    room: str
    number: int


@dataclass(frozen=True)
class Notice:
    """Somebody who is away was mentioned."""

    person: str
    room: str
    number: int
    author: str
    push: dict[str, Any] | None
    """The subscription of the person's browser."""


class Intake(Protocol):
    """Takes messages."""

    async def post(self, posting: Posting) -> Message | None:
        """Take a message, and return it when it is stored; None when it is accepted only.

        Raises:
            UnavailableError: it was not taken.
        """


class FanOut(Protocol):
    """Tells servers of each other's messages. A hint may be lost: servers also look by themselves."""

    async def announce(self, message: Message) -> None:
        """Tell the servers."""

    def hints(self) -> AsyncIterator[Hint | None]:
        """Yield what is announced, without end; None when some may have been lost."""


class Sessions(Protocol):
    """Who is who."""

    async def open(self, person: str) -> str:
        """Return a token."""

    async def person(self, token: str) -> str | None:
        """Return whose token it is; None when it is nobody's."""

    async def close(self, token: str) -> bool:
        """End a session; False when it lasts until its token expires."""


class Latest(Protocol):
    """Keeps the latest messages of rooms for a moment."""

    async def get(self, room: str) -> Sequence[dict[str, Any]] | None:
        """Return them; None when they are not known."""

    async def put(self, room: str, messages: Sequence[dict[str, Any]]) -> None:
        """Keep them."""


class Files(Protocol):
    """Files that people attach."""

    async def form(self, owner: str, file: NewFile) -> dict[str, Any]:
        """Return what a browser uploads the file with.

        Raises:
            ValueError: such a file is not accepted.
        """

    async def link(self, key: str) -> str | None:
        """Return an address of the file for some minutes; None when it is not (yet) accepted."""


class Notices(Protocol):
    """Reaches people who are away."""

    async def send(self, notice: Notice) -> bool:
        """Send a notice; False when the person's subscription is gone.

        Raises:
            Exception: it was not sent, and may be retried.
        """
