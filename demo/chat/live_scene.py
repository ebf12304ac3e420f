"""What members see at once: messages, presence and typing on live connections, and notices for those who are away."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from PIL import Image

from demo.chat.conversation import Conversation
from demo.chat.crowd import Crowd
from demo.chat.live import LiveClient, until
from demo.chat.live_channel import RefusedError
from demo.chat.notified import Desk, Mailbox, Phone, everywhere
from demo.chat.outcome import Outcome, percentiles
from demo.chat.people import Person
from demo.report import expect

if TYPE_CHECKING:
    from demo.chat.system import Chat

_WITHIN = 20.0
_THUMBNAIL = 320
"""Pixels of its longer side, at most."""
# Three people in each room, so that two of them are in one Region.
CROWD, CROWD_ROOMS, CROWD_MESSAGES = 24, 8, 1000


class LiveScene:
    """Goes on where the conversation left its people: in one room, in two Regions."""

    def __init__(self, scene: Conversation) -> None:
        """Play with the people of that conversation."""
        self.chat: Chat = scene.chat
        self.scene = scene
        self.outcome: Outcome | None = None
        self._open = AsyncExitStack()
        self.hanako: LiveClient
        self.liam: LiveClient
        self.mei: LiveClient

    @contextlib.asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        """Close every room at the end of the block."""
        async with self._open:
            yield

    async def open_the_room(self) -> str:
        """Let every member open the room; another user may not."""
        here, there = self.scene.here, self.scene.there
        self.hanako = await self._opened(self.scene.hanako, here, there)
        self.liam = await self._opened(self.scene.liam, there, here)
        self.mei = await self._opened(self.scene.mei, there, here)
        stranger = self._client(self.scene.stranger, there, here)
        async with stranger:
            try:
                await stranger.ready(within=_WITHIN)
            except RefusedError as refused:
                expect("404" in str(refused), str(refused))
            else:
                expect(None, "the other user is live")
        return f"3 live, in {here} and {there}; the other user 404"

    async def talk(self) -> str:
        """Say something on each side, and see it arrive on the other."""
        for author in (self.hanako, self.liam):
            posted = await author.post(f"live from {author.regions[0]}")
            for listener in (self.hanako, self.liam, self.mei):
                await self._sees(listener, posted)
            late = [one.person.name for one in self._others(author) if not one.arrivals[posted["id"]].live]
            expect(not late, f"{late} read it afterwards")
        return "2 messages, each seen live by the other two"

    async def presence_and_typing(self) -> str:
        """Type on one side, go, and come back; see all of it on the other."""
        person, room, events = self.hanako.person, self.hanako.room, self.liam.other_events
        for act, seen in (
            (self._present(person, room, typing=True), {"kind": "typing", "typing": True}),
            (self._gone(person, room), {"kind": "presence", "online": False}),
            (self._present(person, room), {"kind": "presence", "online": True}),
        ):
            # What was heard before, as when the room was opened, does not count.
            before = len(events)
            await act
            await self._hears(self.liam, before, user=person.user, **seen)
        return f"typing, gone, back: seen in {self.scene.there}"

    async def unread(self) -> str:
        """Count the unread messages of a member, and mark them as read in the other Region."""
        person, room, region = self.scene.mei, self.mei.room, self.scene.there

        def waiting() -> tuple[int, str]:
            rooms = person.call(region, "GET", "/rooms").raise_for_status().json()["rooms"]
            [one] = [one for one in rooms if one["room"] == room]
            return one["unread"], one["cursor"]

        before, cursor = await asyncio.to_thread(waiting)
        expect(before > 0, f"{before} wait")
        answer = await asyncio.to_thread(
            person.call, self.scene.here, "PUT", f"/rooms/{room}/read", json={"cursor": cursor}
        )
        expect(answer.json()["unread"] == 0, f"{answer.status_code} {answer.text}")
        await self._comes(lambda: waiting()[0] == 0, "the mark in the other Region")
        return f"{before} waited, 0 after reading in {self.scene.here}"

    async def catch_up(self) -> str:
        """Lose a connection, miss messages of both Regions, and come back."""
        away = self.liam
        seen = len(away.arrivals)
        async with self._apart(away):
            missed = [await author.post(f"while away {number}") for number in range(3) for author in self._others(away)]
        # A client that reconnects reads, and may be ahead of the others.
        everybody = (away, *self._others(away))
        for client in everybody:
            for message in missed:
                await self._sees(client, message)
        orders = {tuple(client.shown()) for client in everybody}
        expect(len(orders) == 1, f"{len(orders)} different orders")
        new = len(away.arrivals) - seen
        expect(new == len(missed), f"{new} came for {len(missed)} that were missed")
        caught_up = sum(not away.arrivals[message["id"]].live for message in missed)
        return f"{len(missed)} missed, {caught_up} caught up, {new} new in all, one order"

    async def picture(self) -> str:
        """See a thumbnail of the picture that was sent before, and find it by its name."""
        room, person, region = self.hanako.room, self.scene.liam, self.scene.there
        attachment = self.scene.attachment

        def thumbnail() -> Any:
            path = f"/rooms/{room}/attachments/{attachment}"
            answer = person.call(region, "GET", path, params={"variant": "thumbnail"})
            return answer.json() if answer.status_code == 200 else None

        described: Any = None

        def there() -> bool:
            nonlocal described
            described = thumbnail()
            return described is not None

        await self._comes(there, "the thumbnail")
        fetched = await asyncio.to_thread(person.http.get, self.chat.cloud.viewer_url(described["url"]))
        expect(fetched.status_code == 200, f"the distribution answers {fetched.status_code}")
        small = Image.open(io.BytesIO(fetched.content))
        expect(small.format == "WEBP" and max(small.size) <= _THUMBNAIL, f"{small.format}, {small.size}")
        answer = person.call(region, "GET", f"/rooms/{room}/attachments", params={"name": "HANAMI"})
        found = answer.raise_for_status().json()["attachments"]
        expect([one["id"] for one in found] == [attachment], f"found {found}")
        return f"{len(fetched.content):,} bytes of {described['content_type']}; found by name"

    async def notice(self) -> str:
        """Notify a member away from a PC and one with a phone, each there and nowhere else, and nobody connected."""
        room, here = self.hanako.room, self.scene.here
        author, at_pc, present = self.scene.hanako, self.scene.mei, self.scene.liam
        with_phone = await asyncio.to_thread(self.scene.newcomer, "Ken")
        at_desk, on_phone, beside = [
            await asyncio.to_thread(everywhere, self.chat, person, here, kinds)
            for person, kinds in (
                (at_pc, (Mailbox, Desk)),
                (with_phone, (Phone,)),
                (present, (Mailbox, Desk, Phone)),
            )
        ]
        async with self._apart(self.mei):
            await self._gone(at_pc, room)

            def online() -> set[str]:
                opened = author.call(here, "GET", f"/rooms/{room}").raise_for_status().json()
                return {member["user"] for member in opened["members"] if member["online"]}

            await self._comes(lambda: online() == {author.user, present.user}, "who is there and who is not")
            answer = await asyncio.to_thread(author.post, here, room, "メイさん、健さん、どこ?")
            answer.raise_for_status()
            await self._comes(
                lambda: all(place.received(room) for place in (*at_desk, *on_phone)), "a notice at each place"
            )
        counts = [[place.received(room) for place in places] for places in (at_desk, on_phone, beside)]
        expect(counts == [[1, 1], [1], [0, 0, 0]], f"{counts} at desk, on the phone, and of {present.name}")
        return f"{at_pc.name}: 1 mail, 1 in the browser; {with_phone.name}: 1 on the phone; {present.name}: none"

    async def leave(self) -> str:
        """Leave the room, and receive no more events."""
        leaver = self.mei
        answer = await asyncio.to_thread(
            leaver.person.call, self.scene.there, "DELETE", f"/rooms/{leaver.room}/members/me"
        )
        answer.raise_for_status()
        await self._comes(lambda: leaver.ended, "the end of the live channel")
        posted = await self.hanako.post("without Mei")
        await self._sees(self.liam, posted)
        expect(posted["id"] not in leaver.arrivals, "who left still receives events")
        return "the channel ends at once; what is said afterwards reaches the others only"

    async def many(self) -> str:
        """Let more people talk as fast as they can, and time what arrives."""
        async with Crowd(self.chat, heartbeat=10.0) as crowd:
            await asyncio.to_thread(crowd.gather, people=CROWD, rooms=CROWD_ROOMS)
            await crowd.open_rooms()
            seconds = await crowd.talk(CROWD_MESSAGES)
            complete = await crowd.settle(within=60)
            self.outcome = crowd.outcome()
        figures = self.outcome.figures()
        expect(complete and self.outcome.sound, figures)
        return f"{figures}; {CROWD_MESSAGES / seconds:.0f} accepted a second"

    def latencies(self) -> list[str]:
        """Say how long the messages of ``many`` took."""
        if self.outcome is None:
            return []
        return [
            f"Live, inside a Region: {percentiles(self.outcome.inside)}",
            f"Live, across Regions:  {percentiles(self.outcome.across)}",
        ]

    # What the steps have in common

    def _client(self, person: Person, *regions: str) -> LiveClient:
        return LiveClient(person, self.scene.room, self.chat.cloud.endpoint, regions)

    async def _opened(self, person: Person, *regions: str) -> LiveClient:
        client = await self._open.enter_async_context(self._client(person, *regions))
        await client.ready(within=_WITHIN)
        return client

    @contextlib.asynccontextmanager
    async def _apart(self, client: LiveClient) -> AsyncIterator[None]:
        """Take a client's connection away inside the block."""
        await client.pause()
        try:
            yield
        finally:
            client.resume()

    def _others(self, client: LiveClient) -> list[LiveClient]:
        return [other for other in (self.hanako, self.liam, self.mei) if other is not client]

    async def _present(self, person: Person, room: str, *, typing: bool = False) -> None:
        path = f"/rooms/{room}/presence"
        answer = await asyncio.to_thread(person.call, self.scene.here, "PUT", path, json={"typing": typing})
        answer.raise_for_status()

    async def _gone(self, person: Person, room: str) -> None:
        path = f"/rooms/{room}/presence"
        (await asyncio.to_thread(person.call, self.scene.here, "DELETE", path)).raise_for_status()

    async def _sees(self, client: LiveClient, message: dict[str, Any]) -> None:
        await self._comes(lambda: message["id"] in client.arrivals, f"{message['text']!r} at {client.person.name}")

    async def _hears(self, client: LiveClient, before: int, **wanted: Any) -> None:
        """Wait for an event that comes after so many others."""

        def heard() -> bool:
            return any(wanted.items() <= event.items() for event in client.other_events[before:])

        await self._comes(heard, f"{wanted} at {client.person.name}")

    async def _comes(self, condition: Callable[[], bool], what: str) -> None:
        try:
            await until(condition, within=_WITHIN)
        except TimeoutError:
            expect(None, f"{what} did not come within {_WITHIN:g} s")
