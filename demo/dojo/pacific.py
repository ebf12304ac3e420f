"""A board that serves in two Regions and has its data in one of them: the distance, and the loss of either."""

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
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
    "at_a_distance",
    "lose_asia",
    "lose_north_america",
    "median_of_reads",
    "phone_in_north_america",
    "read_on_both_sides",
    "seconds_there_and_back",
    "served",
    "speak_in_north_america",
]

_FAR = ("dynamodb", "lambda", "s3", "sns")
"""The services in North America that servers in Tokyo call."""
_READS = 15


def _america(stage: Stage) -> Stage:
    return stage.beside("America")


def seconds_there_and_back(one: Stage, other: Stage) -> float:
    """Return the seconds of a round trip between the Regions of two stages: light in fibre, times 1.5."""
    return round_trip_ms(REGIONS[one.region], REGIONS[other.region]) / 1000


@contextmanager
def at_a_distance(caller: Stage, called: Stage, services: Sequence[str]) -> Iterator[None]:
    """Let what servers of one Region ask services of another one take the round trip longer."""
    seconds = seconds_there_and_back(caller, called)
    with ExitStack() as ending:
        for service in services:
            ending.enter_context(
                caller.cloud.inject_delay(service, called.region, seconds, caller_region=caller.region)
            )
        yield


@contextmanager
def across_the_pacific(stage: Stage) -> Iterator[None]:
    """Let what servers in Tokyo ask in North America take the round trip longer."""
    with at_a_distance(stage, _america(stage), _FAR):
        yield


async def phone_in_north_america(stage: Deployed, person: Person) -> Place:
    """Subscribe a person's phone to the topic, which is in North America."""
    return await phone_of(stage.beside("America"), person)


async def median_of_reads(on: Faults, url: str, reader: Person) -> float:
    """Return the median of the seconds that a page of the room takes, read again and again at an address."""
    seconds = []
    for _ in range(_READS):
        started = time.monotonic()
        answer = await on.crowd.http.get(
            f"{url}/rooms/{on.crowd.room}/messages", headers={"Authorization": f"Bearer {reader.token}"}
        )
        seconds.append(time.monotonic() - started)
        expect(answer.status_code == httpx.codes.OK, f"{answer.status_code} {answer.text}")
    return statistics.median(seconds)


async def read_on_both_sides(on: Faults) -> str:
    """Read the room by either Region's servers, one read after the other, and compare the medians."""
    stage, reader = on.stage, on.crowd.present[0]
    america = _america(stage)
    distance = seconds_there_and_back(stage, america)
    far, near = [await median_of_reads(on, url, reader) for url in (stage.url, america.url)]
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
            await served(watch, within)
            there = time.monotonic() - moved
        led_to = await asyncio.to_thread(_where, stage)
        expect(stage.region in led_to, f"the name leads to {led_to} when Asia is back")
        crowd.move(home)
        await served(Watch(crowd.ledger), within)
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
            answered = [one for one in watch.answers if one.failure is None and one.at - one.seconds > cut]
            expect(not answered, f"{len(answered)} requests were answered without North America")
        watch.restored = back = time.monotonic()
        await on.calm(watch, within)
        again = time.monotonic() - back
    return f"nobody was served meanwhile; {watch.told()}; twenty answers in a row {again:.1f} s after it was back"


def _where(stage: Stage) -> str:
    """Return where the name leads people in Asia, after Route 53 has looked."""
    stage.cloud.check_health()
    name = stage.outputs["Url"].removeprefix("https://")
    return stage.cloud.resolve(name, stage.region).target


async def served(watch: Watch, within: float) -> None:
    """Wait until people have been served for a moment."""
    await eventually_async(lambda: watch.calm, within=within, what="twenty answers without a failure")
