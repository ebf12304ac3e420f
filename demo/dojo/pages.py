"""Many people who read a room's page at once, by CloudFront."""

import asyncio
import math
import time
from collections import Counter

import httpx

from demo.dojo.faults import Faults
from demo.report import expect

__all__ = ["read_a_page_together"]

_TIMES = 5
_AT_ONCE = 20
_LATEST = 2.0


async def read_a_page_together(on: Faults, *, readers: int) -> str:
    """Let many read the page of the room while somebody speaks; return how many requests reached the servers.

    Args:
        on: The board.
        readers: How many; each reads it five times.
    """
    crowd = on.crowd
    path, text = f"/rooms/{crowd.room}/page", "for everybody who reads the page"
    began = time.monotonic()
    asked: Counter[str] = Counter()
    limit = asyncio.Semaphore(_AT_ONCE)

    async def read() -> httpx.Response:
        async with limit:
            answer = await crowd.http.get(path)
        expect(answer.status_code == 200, f"GET {path}: {answer.status_code}")
        asked[answer.headers["x-cache"].partition(" ")[0]] += 1
        return answer

    for _ in range(_TIMES):
        await asyncio.gather(*(read() for _ in range(readers)))
    seconds = time.monotonic() - began
    told = f"{asked.total()} pages within {seconds:.1f} s, {asked['Miss']} of them from the servers"
    expect(0 < asked["Miss"] <= 2 * math.ceil(seconds), told)
    await crowd.present[0].say(text)
    said = time.monotonic()
    while text not in (await read()).text:
        expect(time.monotonic() - said < _LATEST, f"{told}; what was said is not there after {_LATEST:g} s")
        await asyncio.sleep(0.05)
    return f"{told}; what was said was there after {time.monotonic() - said:.1f} s"
