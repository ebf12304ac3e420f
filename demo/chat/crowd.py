"""Many people in many rooms at once, and what they say to each other."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any, Self

from demo.chat.live import LiveClient, until
from demo.chat.outcome import Outcome, Sent, compare
from demo.chat.people import Person, sign_up
from demo.chat.system import Chat
from demo.report import eventually

# The machine has few cores, and every request runs a function on them, each in a process of its own.
_SIGN_UPS, _OPENINGS, _UNDER_WAY = 8, 8, 24
_SEEN_WITHIN = 5.0


class Crowd:
    """People with an open room each, some near every Region."""

    def __init__(self, chat: Chat, *, heartbeat: float | None = None) -> None:
        """Use this system; ``heartbeat`` is the seconds between two heartbeats of a client."""
        self.chat = chat
        self.rooms: dict[str, list[LiveClient]] = {}
        self.sent: dict[str, list[Sent]] = {}
        self._heartbeat = heartbeat
        self._open = AsyncExitStack()

    @property
    def clients(self) -> list[LiveClient]:
        """Everybody."""
        return [client for members in self.rooms.values() for client in members]

    async def __aenter__(self) -> Self:
        """Return it; its rooms are closed at the end of the block."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close every room."""
        await self._open.aclose()

    def gather(self, *, people: int, rooms: int) -> None:
        """Sign people up and put them into rooms, each room with people near every Region."""
        pool, client = self.chat.user_pool

        def new_person(number: int) -> Person:
            name = f"Person{number}"
            apis = self.chat.apis
            return sign_up(self.chat.cloud, self.chat.home, client_id=client, user_pool_id=pool, apis=apis, name=name)

        with ThreadPoolExecutor(_SIGN_UPS) as threads:
            everybody = list(threads.map(new_person, range(people)))
            groups = [everybody[number::rooms] for number in range(rooms)]
            for room, members in threads.map(self._make_room, groups):
                self.rooms[room] = members
                self.sent[room] = []

    async def open_rooms(self, *, within: float = 120) -> None:
        """Let everybody open the room, a few at a time, and wait until all are live."""
        turns = asyncio.Semaphore(_OPENINGS)

        async def open_room(client: LiveClient) -> None:
            async with turns:
                await self._open.enter_async_context(client)
                await client.ready(within=within)

        await asyncio.gather(*map(open_room, self.clients))

    async def talk(self, messages: int, *, at_half: Callable[[], Awaitable[None]] | None = None) -> float:
        """Post messages, everybody in turn; return the seconds that it took.

        As many are under way as the machine can carry: another one is posted when everybody has seen one, or after a
        while when somebody has to wait. So the times are those of messages, not of a queue in front of one machine.

        Args:
            messages: How many in all.
            at_half: Awaited, beside the talk, when half of them were accepted.
        """
        turns = asyncio.Semaphore(_UNDER_WAY)
        # The members of a room one after the other would have their own conflicts; the rooms take turns.
        authors = [one for turn in itertools.zip_longest(*self.rooms.values()) for one in turn if one is not None]
        accepted = 0
        halfway = asyncio.Event()

        async def say(number: int) -> None:
            nonlocal accepted
            async with turns:
                author = authors[number % len(authors)]
                message = await self.say(author, f"{number}")
                accepted += 1
                if accepted * 2 >= messages:
                    halfway.set()
                room = self.rooms[author.room]
                with contextlib.suppress(TimeoutError):
                    await until(lambda: all(message["id"] in one.arrivals for one in room), within=_SEEN_WITHIN)

        async def disturb() -> None:
            await halfway.wait()
            if at_half is not None:
                await at_half()

        began = time.monotonic()
        await asyncio.gather(disturb(), *(say(number) for number in range(messages)))
        return time.monotonic() - began

    async def say(self, author: LiveClient, text: str) -> dict[str, Any]:
        """Post one message and remember that it was accepted."""
        at = time.monotonic()
        message = await author.post(text)
        self.sent[author.room].append(Sent(message, at, author, message["region"]))
        return message

    async def settle(self, *, within: float) -> bool:
        """Wait until everybody has everything; False when time runs out."""

        def everybody_has_everything() -> bool:
            return all(
                len(client.arrivals) >= len(self.sent[room])
                for room, members in self.rooms.items()
                for client in members
            )

        try:
            await until(everybody_has_everything, within=within)
        except TimeoutError:
            return False
        return True

    def outcome(self) -> Outcome:
        """Compare what everybody sees with what was accepted."""
        return compare(self.rooms, self.sent)

    def _make_room(self, members: Sequence[Person]) -> tuple[str, list[LiveClient]]:
        regions = self.chat.regions
        owner, *others = members
        made = (
            owner.call(regions[0], "POST", "/rooms", json={"name": f"Room of {owner.name}"}).raise_for_status().json()
        )
        clients = []
        for number, person in enumerate(members):
            nearest = regions[number % len(regions)]
            order = (nearest, *(region for region in regions if region != nearest))
            clients.append(LiveClient(person, made["room"], self.chat.cloud.endpoint, order, heartbeat=self._heartbeat))
            if person in others:
                join(person, nearest, made)
        for person in members:
            known_everywhere(person, made["room"], regions)
        return made["room"], clients


def join(person: Person, region: str, made: Mapping[str, str]) -> None:
    """Let somebody join a room.

    Args:
        person: Who.
        region: Where it is asked.
        made: The answer to whoever made the room.
    """
    path, code = f"/rooms/{made['room']}/members", {"invite_code": made["invite_code"]}

    def joined() -> bool | None:
        # The room itself has to reach the other Region first.
        return True if person.call(region, "POST", path, json=code).status_code == 200 else None

    eventually(joined, within=20, what=f"{person.name}'s way into the room")


def known_everywhere(person: Person, room: str, regions: Sequence[str]) -> None:
    """Wait until every Region knows that somebody is in a room."""

    def known() -> bool | None:
        statuses = {person.call(region, "GET", f"/rooms/{room}").status_code for region in regions}
        return True if statuses == {200} else None

    eventually(known, within=20, what=f"{person.name}'s membership in every Region")
