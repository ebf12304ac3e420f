"""What is done to a board without a server: nothing of it can be killed, so that AWS fails, or somebody misuses it."""

import asyncio
import secrets
import time
from typing import cast

from demo.dojo.browsers import BrowserCrowd, BrowserPerson
from demo.dojo.faults import Faults
from demo.dojo.intruder import ACCEPTED, REFUSED, Account, Victim, refused
from demo.dojo.ledger import Watch
from demo.dojo.notified import phone_of
from demo.report import expect

__all__ = ["do_what_is_accepted", "fail_the_database", "lose_a_zone", "lose_the_region", "try_what_is_refused"]

_TALK = 2.0
"""Seconds for which people talk before and after."""
_WITHIN = 60.0
"""Seconds until all are served, once what was lost is back."""


def _crowd(on: Faults) -> BrowserCrowd:
    return cast("BrowserCrowd", on.crowd)


async def lose_a_zone(on: Faults) -> str:
    """Take a zone away while people talk: there is nothing of the board's own in it."""
    crowd = _crowd(on)
    cloud, zone = crowd.board.cloud, f"{crowd.board.region}a"
    async with on.watched() as watch:
        try:
            died = await asyncio.to_thread(cloud.lose_zone, zone)
            watch.began = time.monotonic()
            await on.calm(watch, _WITHIN)
        finally:
            await asyncio.to_thread(cloud.restore_zone, zone)
    expect(not any(died.values()), f"{died}")
    expect(watch.answers and not watch.unanswered, watch.told())
    return f"{zone} with nothing of ours: {watch.told()}"


async def fail_the_database(on: Faults, *, seconds: float) -> str:
    """Let DynamoDB answer 500 for a while."""
    crowd = _crowd(on)
    board, watch = crowd.board, Watch(crowd.ledger)
    async with crowd.talking():
        await asyncio.sleep(_TALK)
        with board.cloud.inject_fault("dynamodb", board.region, status=500):
            await asyncio.sleep(seconds)
        ended = time.monotonic()
        await asyncio.sleep(_TALK)
    expect(watch.unanswered, "nothing failed")
    return f"{watch.told()}; the last one failed {watch.unanswered[-1].at - ended:+.1f} s from the end of the fault"


async def lose_the_region(on: Faults, *, seconds: float) -> str:
    """Cut the Region off: the page is still there, and can do nothing."""
    crowd = _crowd(on)
    board = crowd.board
    async with crowd.talking():
        await asyncio.sleep(_TALK)
        lost = on.watch = Watch(crowd.ledger)
        with board.cloud.cut_off(board.region):
            await asyncio.sleep(seconds)
            answered = [one for one in lost.answers if one.failure is None and one.at - one.seconds > lost.began + 0.5]
            page = await crowd.http.get("/index.html")
        ended = lost.restored = time.monotonic()
        await on.calm(lost, _WITHIN)
        again = time.monotonic() - ended
    expect(lost.failed, "nothing failed")
    expect(not answered, f"{len(answered)} requests were answered meanwhile")
    expect(page.status_code == 200, f"the page: {page.status_code}")
    failed = f"{len(lost.failed)} requests failed"
    return f"nobody for {seconds:g} s, {failed}; the page is there; all are served again {again:.1f} s after it"


async def try_what_is_refused(on: Faults) -> str:
    """Let somebody with an account try what belongs to others."""
    intruder, victim = await _meet(on)
    codes = {await asyncio.to_thread(_refused, what, intruder, victim) for what in REFUSED}
    return f"{len(REFUSED)} of {len(REFUSED)} refused: {', '.join(sorted(codes))}"


async def do_what_is_accepted(on: Faults) -> str:
    """Let somebody with an account do what no policy of IAM can refuse."""
    intruder, victim = await _meet(on)
    for act in ACCEPTED.values():
        await asyncio.to_thread(act, intruder, victim)
    return f"{len(ACCEPTED)} of {len(ACCEPTED)}: {'; '.join(ACCEPTED)}"


def _refused(what: str, intruder: Account, victim: Victim) -> str:
    return refused(lambda: REFUSED[what](intruder, victim))


async def _meet(on: Faults) -> tuple[Account, Victim]:
    """Return somebody new, and one of the people with a message and a picture."""
    crowd = _crowd(on)
    ben = cast("BrowserPerson", crowd.present[1])
    picture = await ben.upload("dog.png", "image/png", secrets.token_bytes(100))
    message = await ben.say(f"my dog {secrets.token_hex(4)}", attachment=picture)
    phone = await phone_of(crowd.board, crowd.away)
    victim = Victim(ben.name, ben.identity, crowd.room, message["id"], picture, crowd.away.name, phone)
    return await asyncio.to_thread(Account, crowd.board), victim
