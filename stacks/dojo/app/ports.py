"""What the application asks for, and a board chooses who answers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from stacks.dojo.app.model import Message, NewFile, Posting

__all__ = [
    "PRESENT_SECONDS",
    "FanOut",
    "Files",
    "Hint",
    "Intake",
    "Latest",
    "Notice",
    "Notices",
    "RefusedError",
    "Sessions",
    "Store",
    "UnavailableError",
]

PRESENT_SECONDS = 60
"""For how long a person is present after the last sign of it."""


class UnavailableError(Exception):
    """What is needed does not answer; later it may."""


class RefusedError(Exception):
    """The store will never take this message."""


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
    """Where the person receives notices: the subscription of a browser, or a mail address."""


class Store(Protocol):
    """Keeps messages, people and notices. Each method may raise UnavailableError."""

    async def open(self) -> None:
        """Connect, and make what is missing."""

    async def close(self) -> None:
        """Close every connection."""

    async def add(self, posting: Posting) -> Message:
        """Store a message, and notices for who is mentioned and away; the same id again changes nothing.

        Raises:
            RefusedError: it will never be stored.
        """

    async def last(self, room: str) -> int:
        """Return the number of the last message of a room; 0 when there is none."""

    async def lasts(self, rooms: Sequence[str]) -> dict[str, int]:
        """Return the number of the last message of each of some rooms; for none, too, it asks whether it answers."""

    async def history(
        self, room: str, *, before: int | None = None, limit: int = 50, at_least: int = 0
    ) -> list[Message]:
        """Return the latest messages of a room, in their order.

        Args:
            room: The room.
            before: Only messages with a smaller number.
            limit: At most so many.
            at_least: A number that the reader has seen: what is behind it is no answer.
        """

    async def since(self, room: str, number: int, limit: int = 200) -> list[Message]:
        """Return the messages of a room that follow a number; none that is stored is missing."""

    async def by_author(self, author: str, *, limit: int = 50) -> list[Message]:
        """Return the latest messages of an author, the last one first."""

    async def with_id(self, author: str, message_id: str) -> Message | None:
        """Return the message that an author has sent with an id."""

    async def attached(self, key: str) -> bool:
        """Return whether any message has a file."""

    async def register(self, name: str, password: str) -> bool:
        """Keep a new person with the hash of a password; False when the name is taken."""

    async def password(self, name: str) -> str | None:
        """Return the hash of a person's password."""

    async def subscribe(self, name: str, subscription: dict[str, Any] | None) -> None:
        """Keep where a person's browser receives notices; None forgets it."""

    async def present(self, server: str, people: Sequence[str]) -> None:
        """Keep that people are connected to a server, and nobody else is."""

    async def deliver(self, send: Callable[[Notice], Awaitable[bool]]) -> bool:
        """Send a notice that is due; return False when none is.

        No other server sends it meanwhile. When ``send`` raises, the notice is due again later, eight times in about
        four minutes; then it stays where it is, and the log has an error.

        Args:
            send: Sends it; returns False when the person's subscription is gone.
        """


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

    async def of_owner(self, owner: str, limit: int) -> list[dict[str, Any]]:
        """Return the accepted files of an owner, the newest first.

        Raises:
            ValueError: nobody can list files.
        """


class Notices(Protocol):
    """Reaches people who are away."""

    async def send(self, notice: Notice) -> bool:
        """Send a notice; False when the person's subscription is gone.

        Raises:
            Exception: it was not sent, and may be retried.
        """
