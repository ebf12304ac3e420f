"""What is done to a board whose messages are in a DynamoDB table."""

import asyncio
import time

from demo.dojo.faults import Faults
from demo.dojo.ledger import Watch
from demo.report import eventually_async, expect

__all__ = ["let_the_table_fail"]


async def let_the_table_fail(on: Faults, *, seconds: float, within: float) -> str:
    """Let DynamoDB answer nothing but errors for a while; the servers wait, and try again.

    Args:
        on: The board.
        seconds: For how long.
        within: Seconds until people have been served for a moment, once it answers again.
    """
    stage, crowd = on.stage, on.crowd
    async with crowd.talking():
        await asyncio.sleep(1)
        watch = Watch(crowd.ledger)
        with stage.cloud.inject_fault("dynamodb", stage.region):
            await asyncio.sleep(seconds)
            stopped = [answer for answer in watch.answers if answer.at - answer.seconds > watch.began + 1]
            expect(not stopped, f"{len(stopped)} requests were answered without the table")
        back = time.monotonic()
        await eventually_async(lambda: watch.calm, within=within, what="twenty answers without a failure")
        calm = time.monotonic() - back
    expect(not watch.failed, watch.told())
    return f"{watch.told()}; twenty answers in a row {calm:.1f} s after the table was back"
