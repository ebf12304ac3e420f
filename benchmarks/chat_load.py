"""The load of the benchmark: everybody posts in turn, and everybody else in the room sees it live."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx

from benchmarks.chat_systems import Seat, System
from demo.chat.live_channel import Live, connected
from demo.chat.people import clients_of, new_id

_ACCEPTED = (200, 201)
_REFUSED = (429, 503)
_CONNECTIONS_AT_A_TIME = 4
_SEEN_WITHIN = 30.0


@dataclass
class Outcome:
    """What became of the load."""

    offered: int = 0
    accepted: int = 0
    refused: int = 0
    """Answered with 429 or 503: the client knows, and would send it again later."""
    failed: int = 0
    """Answered with anything else, or not at all."""
    unseen: int = 0
    """Accepted, and not seen live by somebody in the room."""
    seconds: float = 0.0
    """Until the last answer."""
    answered: list[float] = field(default_factory=list)
    """Seconds until the answer of each accepted message, from the moment at which it was due."""
    live: list[float] = field(default_factory=list)
    """The same until each other member saw it."""


class Load:
    """People of a system who are live in their rooms.

    Args:
        system: The system.
        endpoint: Where the embedded cloud listens.
    """

    def __init__(self, system: System, endpoint: str) -> None:
        self._seats = system.seats
        self._endpoint = endpoint
        self._members: dict[str, list[Seat]] = {}
        for seat in system.seats:
            self._members.setdefault(seat.room, []).append(seat)
        # The members of a room one after the other would have their own conflicts; the rooms take turns.
        turns = itertools.zip_longest(*self._members.values())
        self._authors = [seat for turn in turns for seat in turn if seat is not None]
        self._due: dict[str, float] = {}
        """By client message id when it was due."""
        self._missing: dict[str, int] = {}
        """By client message id how many others have not seen it."""
        self._outcome = Outcome()

    @contextlib.asynccontextmanager
    async def live(self) -> AsyncIterator[None]:
        """Keep everybody connected and subscribed inside the block."""
        async with AsyncExitStack() as stack:
            turns = asyncio.Semaphore(_CONNECTIONS_AT_A_TIME)

            async def connect(seat: Seat) -> Live:
                async with turns:
                    live = await stack.enter_async_context(connected(self._endpoint, seat.realtime, seat.person.token))
                    await live.subscribe(seat.channel)
                    return live

            lines = await asyncio.gather(*map(connect, self._seats))
            listening = [asyncio.create_task(self._listen(*one)) for one in zip(self._seats, lines, strict=True)]
            try:
                yield
            finally:
                for task in listening:
                    task.cancel()
                await asyncio.gather(*listening, return_exceptions=True)

    async def talk(self, messages: int, *, rate: float | None, under_way: int) -> Outcome:
        """Post messages and wait until everybody has seen what was accepted.

        Args:
            messages: How many.
            rate: So many a second, whatever the system takes; None posts the next when one has been answered.
            under_way: How many wait for an answer at a time, at most, without a rate.
        """
        self._outcome = Outcome(offered=messages)
        turns = asyncio.Semaphore(messages if rate else under_way)
        async with clients_of(len(self._authors), answered_within=60) as clients:
            began = time.monotonic()

            async def post(number: int) -> None:
                if rate:
                    await asyncio.sleep(began + number / rate - time.monotonic())
                async with turns:
                    due = began + number / rate if rate else time.monotonic()
                    turn = number % len(self._authors)
                    await self._post(clients[turn], self._authors[turn], number, due)

            await asyncio.gather(*map(post, range(messages)))
        self._outcome.seconds = time.monotonic() - began
        deadline = time.monotonic() + _SEEN_WITHIN
        # The events come from as many tasks as there are people.
        while any(self._missing.values()) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        self._outcome.unseen = sum(self._missing.values())
        return self._outcome

    async def _post(self, http: httpx.AsyncClient, author: Seat, number: int, due: float) -> None:
        identity = new_id()
        self._due[identity] = due
        self._missing[identity] = len(self._members[author.room]) - 1
        try:
            answer = await http.post(
                f"{author.person.apis[author.region]}/rooms/{author.room}/messages",
                headers=author.person.headers,
                json={"client_message_id": identity, "text": f"Message {number} of the benchmark"},
            )
        except httpx.HTTPError:
            self._outcome.failed += 1
            self._missing[identity] = 0
            return
        if answer.status_code in _ACCEPTED:
            self._outcome.accepted += 1
            self._outcome.answered.append(time.monotonic() - due)
            return
        self._missing[identity] = 0
        if answer.status_code in _REFUSED:
            self._outcome.refused += 1
        else:
            self._outcome.failed += 1

    async def _listen(self, seat: Seat, live: Live) -> None:
        seen: set[str] = set()
        async for event in live.events():
            if event["kind"] != "message":
                continue
            message = event["message"]
            identity = message["client_message_id"]
            if identity in self._due and message["author"] != seat.person.user and identity not in seen:
                seen.add(identity)
                self._missing[identity] -= 1
                self._outcome.live.append(time.monotonic() - self._due[identity])
