"""The same conversation on our chat: its people have the chat's own client, and a function and a Region are lost."""

import asyncio
import json
import secrets
import ssl
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import httpx

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import waiting
from demo.bring_up import Checked
from demo.chat import system
from demo.chat.crowd import join, known_everywhere
from demo.chat.live import LiveClient
from demo.chat.people import Person as Account
from demo.chat.people import new_id, sign_up
from demo.dojo.faults import Drill, Faults
from demo.dojo.people import NAMES, Attempt, Crowd, Person
from demo.dojo.stage import Deployed
from demo.report import eventually_async, expect

__all__ = ["DRILLS", "ChatBoard", "ChatCrowd", "phone_of_a_member", "synthesise"]

_HEARTBEAT = 5.0
_WITHIN = 60.0
_GOES_ON = 5.0
_SERVER_ERROR, _TOO_MANY = 500, 429
_LONGEST_WAIT = 5.0


def synthesise(cloud: LocalCloud, folder: Path) -> Checked:
    """Make the chat's assembly, with the push services of an embedded cloud."""
    return system.synthesise(folder, system.with_push(cloud))


class ChatBoard(Deployed):
    """Our chat as a board.

    Args:
        cloud: See `Deployed`.
        deployment: See `Deployed`.
        stack: What the names of its stacks begin with.
    """

    def __init__(self, cloud: LocalCloud, deployment: Deployment, stack: str) -> None:
        self.chat = system.Chat(cloud, deployment)
        super().__init__(cloud, deployment, self.chat.stacks[self.chat.home])
        expect(self.stack.startswith(stack), f"{self.stack} is another system")

    @property
    def url(self) -> str:
        """Where the home Region answers."""
        return self.chat.apis[self.chat.home]


class ChatPerson(Person):
    """Somebody with an account, whose client goes to the nearest Region that answers."""

    crowd: "ChatCrowd"
    account: Account
    _live: LiveClient | None = None

    @property
    def chat(self) -> system.Chat:
        """Where this person is."""
        return self.crowd.board.chat

    @property
    def regions(self) -> tuple[str, ...]:
        """The Regions, the nearest one first; every second person is near the other one."""
        first, *others = self.chat.regions
        return (first, *others) if NAMES.index(self.name) % 2 == 0 else (*others, first)

    async def enter(self) -> None:
        """Sign up and in, and join the room, which the first one makes; who is away joins when that is known."""
        self.account = await asyncio.to_thread(self._sign_up)
        self.token = self.account.token
        self.crowd.names[self.account.user] = self.name
        made = await self.crowd.make_room(self)
        if self is not self.crowd.away:
            await self.join(made)

    async def join(self, made: Mapping[str, str]) -> None:
        """Join the room, and wait until both Regions know it."""
        if made["owner"] != self.name:
            await asyncio.to_thread(join, self.account, self.regions[0], made)
        await asyncio.to_thread(known_everywhere, self.account, made["room"], self.chat.regions)

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask by HTTP until a Region answers: the one that serves this person first, then each in turn."""
        headers = {"Authorization": f"Bearer {self.token}"}
        serving = self._live.region if self._live is not None else None
        order = sorted(self.regions, key=lambda region: region != serving)
        attempts = 0

        async def attempt() -> Attempt[httpx.Response]:
            nonlocal attempts
            region, attempts = order[attempts % len(order)], attempts + 1
            url = self.chat.apis[region] + path
            try:
                answer = await self.crowd.http.request(method, url, headers=headers, **options)
                while answer.status_code == _TOO_MANY:
                    # The Region catches up with what it has to deliver; the request waits, and has not failed.
                    await asyncio.sleep(min(float(answer.headers.get("retry-after", 1)), _LONGEST_WAIT))
                    answer = await self.crowd.http.request(method, url, headers=headers, **options)
            except httpx.TransportError as error:
                return None, type(error).__name__
            return (None, str(answer.status_code)) if answer.status_code >= _SERVER_ERROR else (answer, "")

        return await self.until_answered(method, f"{method} {path} of {self.name}", attempt)

    async def say(self, text: str, **fields: Any) -> dict[str, Any]:
        """Send a message, with the same id until a Region has stored it."""
        began = time.monotonic()
        attachments = [fields["attachment"]] if "attachment" in fields else []
        body = {"client_message_id": new_id(), "text": text, "attachments": attachments}
        answer = await self.ask("POST", f"/rooms/{self.crowd.room}/messages", json=body)
        expect(answer.status_code in {200, 201}, f"a message of {self.name}: {answer.status_code} {answer.text}")
        stored: dict[str, Any] = answer.json()
        self.crowd.ledger.note_said(stored["id"], self.name, text, began)
        return stored

    async def read(self, **query: Any) -> list[dict[str, Any]]:
        """Read the latest page. Another Region may be a moment behind; the client keeps what it has shown."""
        asked = {"before": "latest", "limit": 50, **query}
        answer = await self.ask("GET", f"/rooms/{self.crowd.room}/messages", params=asked)
        expect(answer.status_code == 200, f"{self.name} reads: {answer.status_code} {answer.text}")
        return self.crowd.named(answer.json()["messages"])

    async def read_all(self) -> list[dict[str, Any]]:
        """Read the whole room, oldest first; for somebody who has not joined yet, whoever is there reads it."""
        reader = self.crowd.owner if self is self.crowd.away and not self.crowd.everybody else self
        found = await asyncio.to_thread(reader.account.history, reader.regions[0], self.crowd.room)
        return self.crowd.named(found)

    async def search(self, author: str) -> list[dict[str, Any]]:
        """Return somebody's messages, the newest first."""
        [user] = [user for user, name in self.crowd.names.items() if name == author]
        asked = {"author": user, "limit": 100}
        answer = await self.ask("GET", f"/rooms/{self.crowd.room}/search", params=asked)
        expect(answer.status_code == 200, f"{answer.status_code} {answer.text}")
        return self.crowd.named(answer.json()["messages"])

    async def upload(self, name: str, content_type: str, content: bytes) -> str:
        """Upload a file past the functions, and return what a message names it by."""
        region, room = self.regions[0], self.crowd.room
        size = len(content)
        asked = await asyncio.to_thread(self.account.ask_for_upload, region, room, name, content_type, size)
        form = asked.raise_for_status().json()
        sent = await asyncio.to_thread(self.account.submit, form, content)
        expect(sent.is_success, f"the upload: {sent.status_code} {sent.text[:200]}")
        key: str = form["upload_id"]

        def accepted() -> bool:
            return self.account.call(region, "GET", f"/rooms/{room}/attachments/{key}").is_success

        await eventually_async(accepted, within=_WITHIN, what="the file")
        return key

    async def download(self, key: str) -> bytes:
        """Return the content of a file, by a signed link of this person's own Region."""

        def link() -> Any:
            answer = self.account.call(self.regions[0], "GET", f"/rooms/{self.crowd.room}/attachments/{key}")
            return answer.json() if answer.is_success else None

        found = await eventually_async(link, within=_WITHIN, what="the file in the other Region")
        got = await asyncio.to_thread(self.account.http.get, self.chat.cloud.viewer_url(found["url"]))
        expect(got.is_success, f"{got.status_code}: {got.text[:300]!a}")
        return bytes(got.content)

    async def listen(self) -> None:
        """Keep the room open, without end; the client switches to another Region when one fails."""
        ledger, order = self.crowd.ledger, self.regions
        endpoint = self.chat.cloud.endpoint
        async with LiveClient(self.account, self.crowd.room, endpoint, order, heartbeat=_HEARTBEAT) as live:
            self._live, connected = live, 0
            while not live.ended:
                for identity in list(live.arrivals)[self.heard :]:
                    ledger.note_heard(identity, self.name)
                self.heard = len(live.arrivals)
                ledger.reconnected += max(0, len(live.ready_at) - max(1, connected))
                connected = len(live.ready_at)
                await asyncio.sleep(0.05)
        ledger.out_of_order.append(f"{self.name} was refused")

    def _sign_up(self) -> Account:
        chat = self.chat
        pool, client = chat.user_pool
        account = sign_up(chat.cloud, chat.home, client_id=client, user_pool_id=pool, apis=chat.apis, name=self.name)
        account.call(chat.home, "POST", "/session", json={"name": self.name}).raise_for_status()
        return account


class ChatCrowd(Crowd):
    """Twelve people in one room, near both Regions.

    Args:
        board: The chat.
    """

    ORDER: ClassVar[str] = "in one order in both Regions"
    LINKS: ClassVar[bool] = False

    def __init__(self, board: ChatBoard) -> None:
        self.board = board
        self.names: dict[str, str] = {}
        """What people are called, by their ids."""
        self.everybody = False
        """Whether who is away has joined."""
        self.made: dict[str, str] = {}
        self._making = asyncio.Lock()
        super().__init__(board.url, "", ssl.create_default_context(), patience=180)

    @property
    def owner(self) -> ChatPerson:
        """Somebody who is in the room."""
        return cast("ChatPerson", self.people[NAMES[0]])

    def person(self, name: str) -> ChatPerson:
        """Return somebody of this name, who has no account yet."""
        return ChatPerson(name, self)

    def named(self, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return messages whose authors have their names."""
        return [{**message, "author": self.names[message["author"]]} for message in messages]

    def disorder(self, history: Sequence[Mapping[str, Any]]) -> str:
        """Return what is wrong with the order of a history; empty when it is right: both Regions answer the same."""
        account = self.owner.account

        def both() -> bool:
            first, *others = [account.history(region, self.room) for region in self.board.chat.regions]
            return len(first) >= len(history) and all(other == first for other in others)

        try:
            waiting.eventually(both, within=_WITHIN, what="the same history in both Regions")
        except AssertionError as error:
            return str(error)
        return ""

    async def make_room(self, owner: ChatPerson) -> Mapping[str, str]:
        """Return the room with its invite code, and make it if nobody has."""
        async with self._making:
            if not self.made:
                answer = await owner.ask("POST", "/rooms", json={"name": self.room})
                expect(answer.status_code == 201, f"POST /rooms: {answer.status_code} {answer.text}")
                self.made = {**answer.json(), "owner": owner.name}
                self.room = self.made["room"]
        return self.made


class _MembersPhone:
    """A phone that shows what a member's notices say: `author: text`."""

    def __init__(self, person: ChatPerson, token: str) -> None:
        self._person, self._token = person, token

    def received(self) -> list[dict[str, Any]]:
        """Return the notices that came."""
        chat = self._person.chat
        pushes = [push for region in chat.regions for push in chat.cloud.pushes(region)]
        texts = [json.loads(push.message) for push in pushes if push.token == self._token]
        shown = [text["fcmV1Message"]["message"] for text in texts]
        return [
            {
                "person": self._person.name,
                "author": one["notification"]["body"].partition(":")[0],
                "url": one["data"]["link"],
            }
            for one in shown
        ]


async def phone_of_a_member(_board: Deployed, person: Person) -> _MembersPhone:
    """Give somebody who is away a phone, and let him join the room: a member who is away is notified."""
    member, token = cast("ChatPerson", person), secrets.token_hex(16)
    account, region = member.account, member.regions[0]

    def register() -> None:
        choice = {"mail": False, "push": True, "quiet_minutes": 5, "language": "en"}
        account.call(region, "PUT", "/me/notifications", json=choice).raise_for_status()
        device = {"platform": "fcm", "token": token}
        account.call(region, "POST", "/me/devices", json=device).raise_for_status()

    await asyncio.to_thread(register)
    await member.join(member.crowd.made)
    member.crowd.everybody = True
    return _MembersPhone(member, token)


async def _kill_the_function(on: Faults) -> str:
    """Kill every process of the function that answers the API in the home Region, while people talk."""
    chat = _chat(on)
    name = chat.in_region(chat.home, "ChatFunction")
    async with on.watched() as watch:
        watch.began = time.monotonic()
        killed = await asyncio.to_thread(chat.cloud.crash_function, name, chat.home)
        expect(killed, "the function did not run")
        await on.calm(watch, _WITHIN)
    expect(not watch.failed, watch.told())
    return f"{killed} processes killed: {watch.told()}"


async def _lose_the_home_region(on: Faults) -> str:
    """Cut the home Region off while people talk, let them go on without it, and give it back."""
    chat, ledger = _chat(on), on.crowd.ledger
    present = [person.name for person in on.crowd.present]
    async with on.watched() as watch:
        with chat.cloud.cut_off(chat.home):
            watch.began = time.monotonic()
            again = await eventually_async(
                lambda: ledger.again(present, watch.began), within=_WITHIN, what="a message of everybody"
            )
            before = len(ledger.said)
            await asyncio.sleep(_GOES_ON)
            alone = len(ledger.said) - before
        expect(alone, "nobody could send without it")
        await on.calm(watch, _WITHIN)
    seconds = again - watch.began
    return f"everybody again after {seconds:.1f} s; {alone} more messages in {_GOES_ON:g} s without it; {watch.told()}"


def _chat(on: Faults) -> system.Chat:
    return cast("ChatCrowd", on.crowd).board.chat


DRILLS = (
    Drill(
        "The API's function is killed in a Region",
        "other processes of it answer; no request fails for good",
        _kill_the_function,
        lost="instance",
    ),
    Drill(
        "The home Region is lost",
        f"everybody sends and receives again in the other one within {_WITHIN:g} s; nothing is lost",
        _lose_the_home_region,
        lost="Region",
    ),
)
"""What is done to the chat."""
