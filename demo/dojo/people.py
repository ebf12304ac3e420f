"""People at a board: they ask by HTTP, listen by WebSocket, and send again what was not answered."""

import asyncio
import contextlib
import json
import random
import secrets
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias, TypeVar

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from demo.dojo.ledger import Ledger
from demo.dojo.stage import Stage
from demo.report import StepFailed, expect

__all__ = ["NAMES", "Attempt", "Crowd", "Person", "crowd_of"]

NAMES = ("ann", "ben", "cho", "dai", "eri", "fumi", "gen", "hana", "ichiro", "jun", "ken", "mia")
_SERVER_ERROR = 500
# What clients of AWS do by default, too: every request of the chat may be sent again. A message has an id, a name that
# is taken says so, and the rest reads.
_ATTEMPTS = 4
_FIRST_PAUSE, _LONGEST = 0.1, 3.0
_REFUSED = range(4000, 5000)
_PAGE = 100

T = TypeVar("T")
Attempt: TypeAlias = tuple[T | None, str]
"""An answer and "", or None and why there is none."""


@dataclass
class Person:
    """Somebody at a board."""

    name: str
    crowd: "Crowd"
    token: str = ""
    seen: int = 0
    """The last number that was read or told."""
    heard: int = 0
    """The last number that was received live."""

    @property
    def url(self) -> str:
        """Where the board is for this person."""
        return self.crowd.url

    @property
    def live_url(self) -> str:
        """The same as a WebSocket's."""
        return self.crowd.live_url

    async def enter(self) -> None:
        """Register and sign in."""
        account = await self.credentials()
        answer = await self.ask("POST", "/people", json=account)
        # 409 when the first answer was lost.
        expect(answer.status_code in {201, 409}, f"POST /people of {self.name}: {answer.status_code} {answer.text}")
        answer = await self.ask("POST", "/sessions", json=account)
        expect(answer.status_code == 201, f"POST /sessions of {self.name}: {answer.status_code} {answer.text}")
        self.token = answer.json()["token"]

    async def credentials(self) -> dict[str, str]:
        """Return what this person registers and signs in with."""
        return {"name": self.name, "password": secrets.token_hex(8)}

    async def say(self, text: str, **fields: Any) -> dict[str, Any]:
        """Send a message, with the same id until a server has stored or accepted it."""
        identity, began = str(uuid.uuid4()), time.monotonic()
        body = {"id": identity, "text": text, **fields}
        answer = await self.ask("POST", f"/rooms/{self.crowd.room}/messages", json=body)
        expect(answer.status_code in {201, 202}, f"a message of {self.name}: {answer.status_code} {answer.text}")
        self.crowd.ledger.note_said(identity, self.name, text, began)
        told: dict[str, Any] = answer.json()
        # One that is accepted has no number yet.
        self.seen = max(self.seen, told.get("number", 0))
        return told

    async def read(self, **query: Any) -> list[dict[str, Any]]:
        """Read the room; the latest page must have what was seen before."""
        asked = {"at_least": self.seen, **query}
        seen = self.seen
        answer = await self.ask("GET", f"/rooms/{self.crowd.room}/messages", params=asked)
        expect(answer.status_code == 200, f"{self.name} reads: {answer.status_code} {answer.text}")
        messages: list[dict[str, Any]] = answer.json()["messages"]
        if "before" not in query:
            last = messages[-1]["number"] if messages else 0
            if last < seen:
                self.crowd.ledger.back_in_time.append(f"{self.name} had seen {seen} and read up to {last}")
            self.seen = max(self.seen, last)
        return messages

    async def read_all(self) -> list[dict[str, Any]]:
        """Read the whole room, page by page, oldest first."""
        found: list[dict[str, Any]] = []
        page = await self.read(limit=_PAGE)
        while page:
            found = page + found
            page = await self.read(limit=_PAGE, before=page[0]["number"])
        return found

    async def search(self, author: str) -> list[dict[str, Any]]:
        """Return somebody's messages, the newest first."""
        answer = await self.ask("GET", f"/people/{author}/messages", params={"limit": _PAGE})
        expect(answer.status_code == 200, f"{answer.status_code} {answer.text}")
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    async def upload(self, name: str, content_type: str, content: bytes) -> str:
        """Upload a file, and return what a message names it by."""
        asked = {"name": name, "content_type": content_type, "size": len(content)}
        answer = await self.ask("POST", "/files", json=asked)
        expect(answer.status_code == 201, f"POST /files: {answer.status_code} {answer.text}")
        form = answer.json()
        async with httpx.AsyncClient(timeout=30, trust_env=False) as browser:
            files = {"file": (name, content, content_type)}
            sent = await browser.post(form["url"], data=form["fields"], files=files)
        expect(sent.is_success, f"the upload: {sent.status_code} {sent.text[:200]}")
        key: str = form["attachment"]
        for _ in range(300):
            if (await self.ask("GET", f"/files/{key}")).status_code == 200:
                return key
            await asyncio.sleep(0.2)
        raise StepFailed("the file was not accepted within 60 s")

    async def download(self, key: str) -> bytes:
        """Return the content of a file."""
        link = await self.ask("GET", f"/files/{key}")
        expect(link.status_code == 200, f"GET /files: {link.status_code} {link.text}")
        async with httpx.AsyncClient(timeout=30, trust_env=False) as browser:
            got = await browser.get(self.crowd.reached(link.json()["url"]))
        expect(got.is_success, f"{got.status_code}: {got.text[:300]!a}")
        return got.content

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask by HTTP until there is an answer, and return it; see `until_answered`."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}

        async def attempt() -> Attempt[httpx.Response]:
            try:
                answer = await self.crowd.http.request(method, f"{self.url}{path}", headers=headers, **options)
            except httpx.TransportError as error:
                return None, type(error).__name__
            return (None, str(answer.status_code)) if answer.status_code >= _SERVER_ERROR else (answer, "")

        return await self.until_answered(method, f"{method} {path} of {self.name}", attempt)

    async def until_answered(self, kind: str, what: str, attempt: Callable[[], Awaitable[Attempt[T]]]) -> T:
        """Try until there is an answer, and return it: again and again, as a person does who sees that it failed.

        Args:
            kind: What the ledger calls it, such as ``POST``.
            what: What is asked, for the failure.
            attempt: Asks once; returns the answer and "", or None and why there is none.

        Raises:
            StepFailed: there is none within the patience of the crowd.
        """
        until = time.monotonic() + self.crowd.patience
        while True:
            answer, failure = await self._send(kind, attempt)
            if answer is not None:
                return answer
            if time.monotonic() > until:
                raise StepFailed(f"{what} failed for {self.crowd.patience:g} s: {failure}")
            await asyncio.sleep(random.uniform(0.4, 0.8))  # noqa: S311

    async def _send(self, kind: str, attempt: Callable[[], Awaitable[Attempt[T]]]) -> Attempt[T]:
        """Send a request as a client does: again, if it was not answered, a few times within seconds.

        Returns:
            The answer, and "", or None and why the last attempt failed.
        """
        first, pause = time.monotonic(), _FIRST_PAUSE
        for number in range(1, _ATTEMPTS + 1):
            started = time.monotonic()
            answer, failure = await attempt()
            again = bool(failure) and number < _ATTEMPTS and time.monotonic() - first < _LONGEST
            self.crowd.ledger.note(kind, started, failure or None, sent_again=again)
            if not failure:
                return answer, ""
            if not again:
                break
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311
            pause *= 2
        return None, failure

    async def listen(self) -> None:
        """Receive what is said, without end; a connection that is closed is made again."""
        ledger, room = self.crowd.ledger, self.crowd.room
        protocols = [Subprotocol("chat"), Subprotocol(self.token)]
        secure = self.crowd.tls if self.live_url.startswith("wss:") else None
        options: dict[str, Any] = {"ssl": secure, "subprotocols": protocols, "proxy": None}
        while True:
            url = f"{self.live_url}/live?room={room}&after={self.heard}"
            try:
                async with connect(url, open_timeout=10, close_timeout=1, **options) as socket:
                    async for text in socket:
                        message = json.loads(text)
                        number = message["number"]
                        if number != self.heard + 1:
                            ledger.out_of_order.append(f"{self.name} received {number} after {self.heard}")
                        self.heard = number
                        ledger.note_heard(message["id"], self.name)
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code in _REFUSED:
                    ledger.out_of_order.append(f"{self.name} was refused: {closed.rcvd.reason}")
                    return
            except (WebSocketException, OSError, TimeoutError):
                pass
            ledger.reconnected += 1
            # Not all within a second, so that the other server is not overrun.
            await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311


@dataclass
class Crowd:
    """Twelve people in one room.

    Args:
        url: Address of the board, as HTTPS.
        live_url: The same as a WebSocket's.
        tls: What verifies its certificate.
        patience: Seconds for which a person goes on asking.
    """

    ORDER: ClassVar[str] = "numbered without gaps"
    """In what order the history of a room is."""
    LINKS: ClassVar[bool] = True
    """Whether the board gives links to share a room."""

    url: str
    live_url: str
    tls: ssl.SSLContext
    patience: float = 120.0
    room: str = "lobby"
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.http = httpx.AsyncClient(base_url=self.url, verify=self.tls, timeout=30, trust_env=False)
        self.people: dict[str, Person] = {name: self.person(name) for name in NAMES}
        self.away = self.people[NAMES[-1]]
        """Who is mentioned and is not there."""
        self._listening: list[asyncio.Task[None]] = []
        self._said = 0

    def person(self, name: str) -> Person:
        """Return somebody of this name, who is in no room yet."""
        return Person(name, self)

    def reached(self, url: str) -> str:
        """Return where an address of a file is reached."""
        return url

    def disorder(self, history: Sequence[Mapping[str, Any]]) -> str:
        """Return what is wrong with the order of a history; empty when it is right."""
        numbers = [message["number"] for message in history]
        return "" if numbers == list(range(1, len(numbers) + 1)) else "the numbers have gaps"

    @property
    def present(self) -> list[Person]:
        """Those who are there."""
        return [person for person in self.people.values() if person is not self.away]

    def move(self, url: str) -> None:
        """Go to another address from the next request and connection on, as when a name leads elsewhere."""
        self.url, self.live_url = url, url.replace("http", "ws", 1)
        self.http.base_url = httpx.URL(url)

    def listen(self) -> None:
        """Let everybody who is there listen."""
        self._listening = [asyncio.create_task(person.listen()) for person in self.present]

    async def leave(self) -> None:
        """End what goes on."""
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)
        await self.http.aclose()

    @asynccontextmanager
    async def talking(self, pause: float = 2.0) -> AsyncIterator[None]:
        """Let everybody who is there say something and read, again and again, while the block runs.

        Raises:
            StepFailed: what one of them said or read was refused, or not answered in time.
        """
        over = asyncio.Event()

        async def rest(seconds: float) -> None:
            # Whoever is silent when it is over need not wait for the next word.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), seconds)

        async def talk(person: Person) -> None:
            await rest(random.uniform(0, pause))  # noqa: S311
            while not over.is_set():
                self._said += 1
                await person.say(f"{person.name} says {self._said}")
                await person.read()
                await rest(pause * random.uniform(0.7, 1.3))  # noqa: S311

        tasks = [asyncio.create_task(talk(person)) for person in self.present]
        try:
            yield
        finally:
            over.set()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for one in ended:
            if isinstance(one, BaseException):
                raise one


def crowd_of(stage: Stage) -> Crowd:
    """Return the people of a board with servers."""
    return Crowd(stage.url, stage.live_url, stage.tls, patience=180)
