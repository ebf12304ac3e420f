"""A client of the live chat: what it does so that its user misses nothing and sees nothing twice.

The history is complete and the live channel is only its tail. The client subscribes first and reads afterwards,
continues from its cursor, and reads the gap when an event is not the next one and what is between does not arrive by
itself. When its Region fails it switches to another.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from demo.chat.live_channel import Live, LostError, RefusedError, connected
from demo.chat.people import Person, new_id

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_PAGE = 100
# Events of one log may overtake each other on their way; reading at once would bring every member of a busy room to the
# API for each of them.
_PATIENCE = 0.5
_ANSWER_WITHIN = 20
_WRONG, _FAILED = 400, 500
_TOO_MANY = 429


@dataclass(frozen=True)
class Arrival:
    """A message as a client first saw it."""

    message: dict[str, Any]
    at: float
    """``time.monotonic()`` of the moment."""
    live: bool
    """Whether the live channel delivered it, or it was read."""


@dataclass
class LiveClient:
    """One person's open room on one device."""

    person: Person
    room: str
    endpoint: str
    """Where the embedded cloud listens."""
    regions: Sequence[str]
    """The person's Regions, the nearest first."""
    heartbeat: float | None = None
    """Seconds between two heartbeats; as the session says by default."""
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    """By message id, in the order in which they came."""
    other_events: list[dict[str, Any]] = field(default_factory=list)
    """Presence, typing, attachments, members."""
    repeated: int = 0
    """Live events of messages that were there already. They are not shown again."""
    region: str | None = None
    """The Region that serves now; None while there is none."""
    ready_at: list[float] = field(default_factory=list)
    """``time.monotonic()`` of each moment from which the room was live and read up to its end."""
    _cursor: dict[str, int] = field(default_factory=dict)
    _ahead: dict[str, set[int]] = field(default_factory=dict)
    """Numbers beyond the cursor that came live, by log."""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        """Open the room and keep it open until the end of the block."""
        self._http = httpx.AsyncClient(timeout=_ANSWER_WITHIN)
        self._tasks = [asyncio.create_task(self._stay_connected())]
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Close the room."""
        await self._stop()
        if self._http is not None:
            await self._http.aclose()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def ready(self, *, within: float = 60) -> None:
        """Wait until the room is live.

        Raises:
            RefusedError: when the person may not.
            TimeoutError: when it is not in time.
        """
        await until(lambda: self.region is not None or self.ended, within=within)
        if self.ended:
            self._tasks[0].result()

    @property
    def ended(self) -> bool:
        """Whether the client has given up, because the person may no longer."""
        return self._tasks[0].done()

    async def pause(self) -> None:
        """Lose the connection, as on a train that enters a tunnel."""
        await self._stop()
        self.region = None

    def resume(self) -> None:
        """Connect again, and go on from the cursor."""
        self._tasks = [asyncio.create_task(self._stay_connected())]

    async def post(self, text: str) -> dict[str, Any]:
        """Post a message, again until a Region has taken it; however often, it is one message."""
        body = {"client_message_id": new_id(), "text": text}
        attempt = 0
        while True:
            # The Region that serves, or each in turn.
            region = self.region or self.regions[attempt % len(self.regions)]
            try:
                return await self._call(region, "POST", f"/rooms/{self.room}/messages", json=body)
            except LostError:
                await asyncio.sleep(_pause(attempt))
                attempt += 1

    def shown(self) -> list[str]:
        """Return the ids of the room's messages in the order in which a client shows them."""
        return sorted(self.arrivals, key=lambda one: place(self.arrivals[one].message))

    async def _stay_connected(self) -> None:
        attempt = 0
        while True:
            region = self.regions[attempt % len(self.regions)]
            with contextlib.suppress(LostError):
                await self._live_in(region)
            # Once it was live, the next failure is a first one.
            attempt, self.region = (1, None) if self.region else (attempt + 1, None)
            await asyncio.sleep(_pause(attempt))

    async def _live_in(self, region: str) -> None:
        """Be live in a Region until it is lost, or the room moves to another channel."""
        session = await self._call(region, "POST", "/session", json={})
        channel = (await self._call(region, "GET", f"/rooms/{self.room}"))["channel"]
        async with connected(self.endpoint, session["realtime"], self.person.token) as live:
            try:
                await live.subscribe(channel)
            except RefusedError as refused:
                # Perhaps because the channel was replaced a moment ago, or the function that decides is busy: whether
                # the person may is what the API answers when it is asked for the room again.
                raise LostError(str(refused)) from refused
            await self._read(region)
            self.region = region
            self.ready_at.append(time.monotonic())
            work = [
                asyncio.create_task(self._listen(region, live, channel)),
                asyncio.create_task(self._fill_gaps(region)),
                asyncio.create_task(self._beat(region, channel, self.heartbeat or session["heartbeat_seconds"])),
            ]
            try:
                ended, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)

    async def _listen(self, region: str, live: Live, channel: str) -> None:
        async for event in live.events():
            if event["kind"] == "message":
                self._take(event["message"])
                continue
            self.other_events.append(event)
            if event["kind"] == "members" and await self._moved(region, channel):
                return

    async def _moved(self, region: str, channel: str) -> bool:
        opened = await self._call(region, "GET", f"/rooms/{self.room}")
        return bool(opened["channel"] != channel)

    async def _beat(self, region: str, channel: str, seconds: float) -> None:
        """Send a heartbeat, and find out what the live channel did not deliver."""
        while True:
            answer = await self._call(region, "PUT", f"/rooms/{self.room}/presence", json={"typing": False})
            if answer["channel"] != channel:
                return
            if any(number > self._cursor.get(name, 0) for name, number in _cursor(answer["cursor"]).items()):
                await self._read(region)
            # Spread, so that the clients that came together do not go on coming together.
            await asyncio.sleep(random.uniform(seconds / 2, seconds))  # noqa: S311 - no secret

    def _take(self, message: dict[str, Any]) -> None:
        """Show a message at its place. One that is not the next of its log leaves a gap that may fill by itself."""
        self.repeated += message["id"] in self.arrivals
        self._show(message, live=True)
        log = message["region"]
        ahead = self._ahead.setdefault(log, set())
        if message["sequence"] > self._cursor.get(log, 0):
            ahead.add(message["sequence"])
        self._close_up(log)

    def _close_up(self, log: str) -> None:
        """Move the cursor over what has come without a gap."""
        ahead = self._ahead.setdefault(log, set())
        while self._cursor.get(log, 0) + 1 in ahead:
            self._cursor[log] = self._cursor.get(log, 0) + 1
        self._ahead[log] = {number for number in ahead if number > self._cursor.get(log, 0)}

    async def _fill_gaps(self, region: str) -> None:
        """Read what stands before a message that came live, when it does not come by itself."""
        while True:
            await asyncio.sleep(_PATIENCE)
            waited_for = {log for log, ahead in self._ahead.items() if ahead}
            await asyncio.sleep(_PATIENCE)
            if any(self._ahead[log] for log in waited_for):
                await self._read(region)

    async def _read(self, region: str) -> None:
        """Read from the cursor to the end of the room."""
        more = True
        while more:
            cursor = ",".join(f"{name}:{number}" for name, number in self._cursor.items())
            path = f"/rooms/{self.room}/messages"
            page = await self._call(region, "GET", path, params={"after": cursor, "limit": _PAGE})
            for message in page["messages"]:
                self._show(message, live=False)
            # What came live meanwhile stays known.
            for log, number in _cursor(page["cursor"]).items():
                self._cursor[log] = max(number, self._cursor.get(log, 0))
                self._close_up(log)
            more = page["more"]

    def _show(self, message: dict[str, Any], *, live: bool) -> None:
        there = self.arrivals.setdefault(message["id"], Arrival(message, time.monotonic(), live))
        if place(message) < place(there.message):
            # Two Regions accepted it before either knew of the other; everybody shows the one that sorts first.
            self.arrivals[message["id"]] = Arrival(message, there.at, there.live)

    async def _call(self, region: str, method: str, path: str, **options: Any) -> dict[str, Any]:
        if self._http is None:
            raise RuntimeError("the client is used outside of its async with block")
        headers = {"authorization": f"Bearer {self.person.token}"}
        try:
            answer = await self._http.request(method, self.person.apis[region] + path, headers=headers, **options)
        except httpx.HTTPError as lost:
            raise LostError(str(lost)) from lost
        if answer.status_code >= _FAILED or answer.status_code == _TOO_MANY:
            raise LostError(f"{method} {path} in {region}: {answer.status_code}")
        if answer.status_code >= _WRONG:
            raise RefusedError(f"{method} {path} in {region}: {answer.status_code} {answer.text}")
        document: dict[str, Any] = answer.json()
        return document


def place(message: Mapping[str, Any]) -> tuple[int, str, int]:
    """Return where a message stands in its room, the same for everybody."""
    return message["clock"], message["region"], message["sequence"]


def _cursor(text: str) -> dict[str, int]:
    parts = (part.split(":") for part in text.split(",") if part)
    return {name: int(number) for name, number in parts}


async def until(condition: Callable[[], bool], *, within: float) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: when it does not in time.
    """
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - conditions span clients, and looking costs nothing
            await asyncio.sleep(0.02)


def _pause(attempt: int) -> float:
    """Full jitter, so that the clients of a lost Region do not all come at once."""
    return random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt))  # noqa: S311 - no secret
