"""More requests than the tasks of a board should have, and fewer again."""

import asyncio
import time

import httpx

from demo.dojo.ledger import Watch
from demo.dojo.people import Crowd
from demo.dojo.stage import Stage
from demo.report import eventually_async, expect

__all__ = ["raise_load"]

_CLIENTS = 16
_MOST_MINUTES = 8
_QUIET_MINUTES = 20
"""Tasks are removed when a quarter of an hour has been quiet."""
_MOST_QUIET_TIMES = 20
"""A minute in which the talk keeps a task's part of a processor busy begins the quarter of an hour anew.
Such a minute is a second of this machine, and another board may be deployed in it."""


async def raise_load(stage: Stage, crowd: Crowd, *, requests: int, fewest: int = 2) -> str:
    """Send requests until there are more tasks, then let people talk until these are gone; return what was seen.

    Args:
        stage: The board.
        crowd: Its people.
        requests: In each minute of CloudWatch's clock, which is moved to the next one then; for eight at most.
        fewest: Tasks without load.
    """
    metrics = stage.cloud.metrics
    expect(await asyncio.to_thread(_desired, stage) == fewest, "there are more tasks before")
    watch = Watch(crowd.ledger)
    for _ in range(_MOST_MINUTES):
        await _hurry(stage, crowd, requests)
        # No further: a minute without requests between two others would be a fall of the load.
        now = await asyncio.to_thread(metrics.now)
        await asyncio.to_thread(metrics.advance, seconds=61 - now.second)
        if await asyncio.to_thread(_desired, stage) > fewest:
            break
    more = await eventually_async(
        lambda: _desired(stage) if _desired(stage) > fewest else None, within=60, what="another task"
    )
    await eventually_async(stage.whole, within=120, what="healthy tasks")
    async with crowd.talking():
        for _ in range(_MOST_QUIET_TIMES):
            await asyncio.to_thread(metrics.advance, minutes=_QUIET_MINUTES)
            if await asyncio.to_thread(_desired, stage) == fewest:
                break
        await eventually_async(lambda: _desired(stage) == fewest, within=60, what="fewer tasks")
        await eventually_async(stage.whole, within=120, what="the end of the others")
    expect(not watch.unanswered, watch.told())
    return f"{fewest}, {more}, {fewest} tasks; {watch.told()}"


def _desired(stage: Stage) -> int:
    return int(stage.service()["desiredCount"])


async def _hurry(stage: Stage, crowd: Crowd, requests: int) -> None:
    left = iter(range(requests))

    async def ask() -> None:
        for _ in left:
            started = time.monotonic()
            try:
                answer = await crowd.http.get(f"{stage.origin}/health")
            except httpx.TransportError as error:
                crowd.ledger.note("GET", started, type(error).__name__)
            else:
                crowd.ledger.note("GET", started, None if answer.status_code == 200 else str(answer.status_code))

    await asyncio.gather(*(ask() for _ in range(_CLIENTS)))
