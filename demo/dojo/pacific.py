"""A board that serves in two Regions and has its data in one of them: the distance, and the loss of either."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx

from cdp_constructs.judge.places import REGIONS, round_trip_ms
from demo.dojo.faults import Faults
from demo.dojo.ledger import Watch
from demo.dojo.notified import Place, phone_of
from demo.dojo.people import Person
from demo.dojo.stage import Deployed, Stage
from demo.report import eventually_async, expect

__all__ = [
    "across_the_pacific",
    "ask_for_ones_files",
    "lose_asia",
    "lose_north_america",
    "phone_in_north_america",
    "read_on_both_sides",
    "speak_in_north_america",
]

_FAR = ("dynamodb", "lambda", "s3", "sns")
"""The services in North America that servers in Tokyo call."""
_READS = 15


def _america(stage: Stage) -> Stage:
    return stage.beside("America")


def _seconds_there_and_back(stage: Stage) -> float:
    return round_trip_ms(REGIONS[stage.region], REGIONS[_america(stage).region]) / 1000


@contextmanager
def across_the_pacific(stage: Stage) -> Iterator[None]:
    """Let what servers in Tokyo ask in North America take the round trip longer: light in fibre, times 1.5."""
    america, seconds = _america(stage).region, _seconds_there_and_back(stage)
    with ExitStack() as ending:
        for service in _FAR:
            ending.enter_context(stage.cloud.inject_delay(service, america, seconds, caller_region=stage.region))
        yield


async def phone_in_north_america(stage: Deployed, person: Person) -> Place:
    """Subscribe a person's phone to the topic, which is in North America."""
    return await phone_of(stage.beside("America"), person)


async def read_on_both_sides(on: Faults) -> str:
    """Read the room by either Region's servers, one read after the other, and compare the medians."""
    stage, reader = on.stage, on.crowd.present[0]
    america, distance = _america(stage), _seconds_there_and_back(on.stage)

    async def median(url: str) -> float:
        seconds = []
        for _ in range(_READS):
            started = time.monotonic()
            answer = await on.crowd.http.get(
                f"{url}/rooms/{on.crowd.room}/messages", headers={"Authorization": f"Bearer {reader.token}"}
            )
            seconds.append(time.monotonic() - started)
            expect(answer.status_code == httpx.codes.OK, f"{answer.status_code} {answer.text}")
        return statistics.median(seconds)

    far, near = await median(stage.url), await median(america.url)
    told = (
        f"a round trip of {distance * 1000:.0f} ms is added; in Tokyo {far * 1000:.0f} ms, in North America "
        f"{near * 1000:.0f} ms"
    )
    expect(distance <= far and near < distance and far - near < 2 * distance, told)
    return told


async def speak_in_north_america(on: Faults, *, within: float) -> str:
    """Let somebody who signed in in Tokyo say something to the servers of North America.

    Args:
        on: The board.
        within: Seconds until those who listen in Tokyo have it.
    """
    crowd, home = on.crowd, on.stage.url
    crowd.move(_america(on.stage).url)
    try:
        told = await crowd.present[0].say("from the other side")
    finally:
        crowd.move(home)
    stored = time.monotonic()
    number = int(told["number"])
    await eventually_async(
        lambda: all(person.heard >= number for person in crowd.present), within=within, what="the message in Tokyo"
    )
    return f"live in Tokyo {time.monotonic() - stored:.1f} s after it was stored"


async def ask_for_ones_files(on: Faults, *, within: float) -> str:
    """Ask the storage index by owner: whoever attached a file finds it, and somebody else does not.

    Args:
        on: The board.
        within: Seconds until the index has it; it follows the bucket.
    """
    ann, ben = on.crowd.present[:2]
    attached = [one["attachment"] for one in await ann.read_all() if one["attachment"] is not None]

    async def files(person: Person) -> list[str]:
        answer = await person.ask("GET", "/files")
        expect(answer.status_code == httpx.codes.OK, f"GET /files: {answer.status_code} {answer.text}")
        return [one["attachment"] for one in answer.json()["files"]]

    deadline = time.monotonic() + within
    while await files(ann) != attached:
        expect(time.monotonic() < deadline, f"{ann.name} has {await files(ann)} and attached {attached}")
        await asyncio.sleep(0.2)
    others = await files(ben)
    expect(bool(attached) and not others, f"{attached}; {ben.name} has {others}")
    return f"{ann.name} has {len(attached)}, {ben.name} none"


async def lose_asia(on: Faults, *, within: float) -> str:
    """Isolate the Region next to the people, until Route 53 leads them to the other one; and give it back.

    Args:
        on: The board.
        within: Seconds until they are served, after the name leads elsewhere.
    """
    stage, crowd, america = on.stage, on.crowd, _america(on.stage)
    home = stage.url
    async with crowd.talking():
        await asyncio.sleep(1)
        watch = Watch(crowd.ledger)
        with stage.cloud.cut_off(stage.region):
            await eventually_async(lambda: watch.unanswered, within=30, what="a request that failed")
            led_to = await asyncio.to_thread(_where, stage)
            expect(america.region in led_to, f"the name leads to {led_to}")
            crowd.move(america.url)
            moved = time.monotonic()
            await _served(watch, within)
            there = time.monotonic() - moved
        led_to = await asyncio.to_thread(_where, stage)
        expect(stage.region in led_to, f"the name leads to {led_to} when Asia is back")
        crowd.move(home)
        await _served(Watch(crowd.ledger), within)
    return f"{watch.told()}; twenty answers in a row {there:.1f} s after the name led to North America, and back"


async def lose_north_america(on: Faults, *, seconds: float, within: float) -> str:
    """Isolate the Region that has the data: servers in Tokyo have nothing that they could answer with.

    Args:
        on: The board.
        seconds: For how long.
        within: Seconds until people are served, after it is back.
    """
    stage, crowd, america = on.stage, on.crowd, _america(on.stage)
    async with crowd.talking():
        await asyncio.sleep(1)
        watch = on.watch = Watch(crowd.ledger)
        with stage.cloud.cut_off(america.region):
            # What was under way has come back by then.
            await asyncio.sleep(1)
            cut = time.monotonic()
            await asyncio.sleep(seconds)
            served = [one for one in watch.answers if one.failure is None and one.at - one.seconds > cut]
            expect(not served, f"{len(served)} requests were answered without North America")
        watch.restored = back = time.monotonic()
        await on.calm(watch, within)
        again = time.monotonic() - back
    return f"nobody was served meanwhile; {watch.told()}; twenty answers in a row {again:.1f} s after it was back"


def _where(stage: Stage) -> str:
    """Return where the name leads people in Asia, after Route 53 has looked."""
    stage.cloud.check_health()
    name = stage.outputs["Url"].removeprefix("https://")
    return stage.cloud.resolve(name, stage.region).target


async def _served(watch: Watch, within: float) -> None:
    await eventually_async(lambda: watch.calm, within=within, what="twenty answers without a failure")
