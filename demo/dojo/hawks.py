"""A board whose every Region has servers and a replica, and whose first one takes what is written."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property

import httpx

from demo.dojo.faults import Faults
from demo.dojo.ledger import Watch
from demo.dojo.members import Member, MemberCrowd
from demo.dojo.pacific import at_a_distance, median_of_reads, seconds_there_and_back, served
from demo.dojo.people import NAMES, Person
from demo.dojo.stage import Stage
from demo.dojo.two_monitors import start_zabbix, zabbix_is_installed
from demo.report import eventually_async, expect
from demo.zabbix import ZabbixServer

__all__ = ["Hawks", "HawksCrowd", "among_regions", "lose_america", "lose_home", "read_near_and_write_at_home"]

_CALLED = ("dynamodb", "sns")
"""Services of the first Region that servers of others call."""
_SENT = 5


class Hawks(Stage):
    """The board: its first Region, with another one beside it."""

    zabbix: "Future[ZabbixServer] | None" = None
    """The server, as soon as it is there; None where none is installed."""

    @cached_property
    def america(self) -> Stage:
        """The other Region."""
        return Stage(self.cloud, self._deployment, f"{self.stack}America")

    @property
    def name(self) -> str:
        """What people call the board in both Regions."""
        return str(self.outputs["Url"].removeprefix("https://"))

    def whole(self) -> bool:
        """Whether both Regions have the tasks that they should have."""
        return super().whole() and self.america.whole()


@contextmanager
def among_regions(stage: Hawks) -> Iterator[None]:
    """Put an ocean between the Regions, and start the Zabbix of a company beside the board."""
    with ThreadPoolExecutor(1) as pool, at_a_distance(stage.america, stage, _CALLED):
        if zabbix_is_installed():
            stage.zabbix = pool.submit(start_zabbix, stage)
        yield


class HawksPerson(Member):
    """Somebody in a city: the name of the board leads to the nearest Region that is healthy."""

    crowd: "HawksCrowd"
    pool_token: str = ""
    """What the mobile application got from the user pool."""

    @property
    def near(self) -> str:
        """The Region that is nearest; every second person is near the other one."""
        return list(self.crowd.urls)[NAMES.index(self.name) % len(self.crowd.urls)]

    @property
    def url(self) -> str:
        """Where the name has led this person."""
        return self.crowd.led[self.near]

    @property
    def live_url(self) -> str:
        """The same as a WebSocket's."""
        return self.url.replace("http", "ws", 1)

    async def credentials(self) -> dict[str, str]:
        """Sign up and in at the pool, and keep its token for another time."""
        account = await super().credentials()
        self.pool_token = account["token"]
        return account


class HawksCrowd(MemberCrowd):
    """Twelve people, half of them near either Region.

    Args:
        board: The board.
    """

    stage: Hawks

    def __init__(self, board: Hawks) -> None:
        super().__init__(board)
        self.urls = {one.region: one.url for one in (board, board.america)}
        """Where each Region answers."""
        self.led: dict[str, str] = {}
        """Where the name leads people, by the Region that they are next to."""
        self.look_up()

    def person(self, name: str) -> HawksPerson:
        """Return somebody of this name, who is in no room yet."""
        return HawksPerson(name, self)

    def look_up(self) -> None:
        """Let Route 53 look, and ask it where the name leads, as resolvers do once a minute."""
        cloud = self.stage.cloud
        cloud.check_health()
        for near in self.urls:
            target = cloud.resolve(self.stage.name, near).target
            [self.led[near]] = [url for region, url in self.urls.items() if region in target]


def _board(on: Faults) -> tuple[Hawks, HawksCrowd]:
    stage, crowd = on.stage, on.crowd
    if not (isinstance(stage, Hawks) and isinstance(crowd, HawksCrowd)):
        raise TypeError("another board")
    return stage, crowd


async def read_near_and_write_at_home(on: Faults, *, within: float) -> str:
    """Compare what a page and a message take near either Region.

    Args:
        on: The board.
        within: Seconds until those who are near the other Region have what somebody says near the first one.
    """
    stage, crowd = _board(on)
    distance = seconds_there_and_back(stage, stage.america)
    ann, ben = crowd.present[:2]
    reads = [await median_of_reads(on, person.url, person) for person in (ann, ben)]
    sends = []
    for person in (ann, ben):
        started = time.monotonic()
        for number in range(_SENT):
            await person.say(f"{person.name} sends {number}")
        sends.append((time.monotonic() - started) / _SENT)
    told = await ann.say("heard on the other side?")
    stored = time.monotonic()
    await eventually_async(
        lambda: all(one.heard >= int(told["number"]) for one in crowd.present), within=within, what="it everywhere"
    )
    live = time.monotonic() - stored
    near, far = (f"{1000 * read:.0f} and {1000 * send:.0f} ms" for read, send in zip(reads, sends, strict=True))
    seen = (
        f"{distance * 1000:.0f} ms are between the Regions; a page and a message take {near} near the first one, {far} "
        f"near the other one; live there after {live:.1f} s"
    )
    # A busy machine is slow on both sides.
    expect(reads[1] - reads[0] < distance <= sends[1], seen)
    return seen


async def lose_america(on: Faults, *, within: float) -> str:
    """Isolate the other Region, until the first one answers its people; and give it back.

    Args:
        on: The board.
        within: Seconds until everybody has sent and received again.
    """
    stage, crowd = _board(on)
    async with on.watched() as watch:
        with stage.cloud.cut_off(stage.america.region):
            watch.began = time.monotonic()
            await eventually_async(lambda: watch.unanswered, within=30, what="a request that failed")
            await asyncio.to_thread(crowd.look_up)
            expect(set(crowd.led.values()) == {stage.url}, f"the name leads to {crowd.led}")
            led = time.monotonic()
            await on.calm(watch, within)
            calm = time.monotonic() - led
        await asyncio.to_thread(crowd.look_up)
        expect(crowd.led == crowd.urls, f"the name leads to {crowd.led} when North America is back")
        await served(Watch(crowd.ledger), within)
    return f"{watch.told()}; everybody again {calm:.1f} s after the name led to the first Region, and back"


async def lose_home(on: Faults, *, seconds: float, within: float) -> str:
    """Isolate the first Region: the other one answers everybody who reads, and nobody can send.

    Args:
        on: The board.
        seconds: For how long people read without it.
        within: Seconds until everybody has sent and received again, after it is back.
    """
    stage, crowd = _board(on)
    async with on.watched() as watch:
        with stage.cloud.cut_off(stage.region):
            cut = watch.began = time.monotonic()
            promised = len(crowd.ledger.promised)
            await eventually_async(lambda: watch.unanswered, within=30, what="a request that failed")
            await asyncio.to_thread(crowd.look_up)
            expect(set(crowd.led.values()) == {stage.america.url}, f"the name leads to {crowd.led}")
            signing_in = asyncio.create_task(_sign_in(crowd))
            reads, last = await _read_on(crowd, seconds)
            refused = await signing_in
            sent = [one for one in watch.answers if one.kind == "POST" and not one.failure and one.at > cut + 1]
            expect(not sent, f"{len(sent)} messages were accepted without the first Region")
            expect(refused == httpx.codes.SERVICE_UNAVAILABLE, f"signing in was answered {refused}")
        watch.restored = back = time.monotonic()
        await asyncio.to_thread(crowd.look_up)
        expect(crowd.led == crowd.urls, f"the name leads to {crowd.led} when the first Region is back")
        await on.calm(watch, within)
        again = time.monotonic() - back
    missing = max(0, promised - last)
    # One of each at most: what was stored a moment before, and had not been replicated.
    expect(missing <= len(crowd.present), f"{missing} messages were not there to be read")
    return (
        f"{reads} pages read in North America, up to {missing} messages before the last one; nobody could send or sign "
        f"in; everybody again {again:.1f} s after it was back"
    )


async def _sign_in(crowd: HawksCrowd) -> int:
    """Sign in where the name leads, and return the status."""
    person = crowd.people[NAMES[0]]
    account = {"name": person.name, "token": person.pool_token}  # type: ignore[attr-defined]  # see person()
    return (await crowd.http.post(f"{person.url}/sessions", json=account)).status_code


async def _read_on(crowd: HawksCrowd, seconds: float) -> tuple[int, int]:
    """Let everybody open the room again and again; return how often, and the last number that was there."""
    until, reads, last = time.monotonic() + seconds, 0, 0

    async def read(person: Person) -> None:
        nonlocal reads, last
        while time.monotonic() < until:
            started = time.monotonic()
            answer = await crowd.http.get(
                f"{person.url}/rooms/{crowd.room}/messages", headers={"Authorization": f"Bearer {person.token}"}
            )
            answered = answer.status_code == httpx.codes.OK
            crowd.ledger.note("GET", started, None if answered else str(answer.status_code))
            expect(answered, f"{person.name} reads: {answer.status_code} {answer.text}")
            reads, last = reads + 1, max(last, int(answer.json()["messages"][-1]["number"]))
            await asyncio.sleep(1)

    await asyncio.gather(*map(read, crowd.present))
    return reads, last
