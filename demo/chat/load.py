"""``python -m demo.chat.load``: many people in many rooms at once, and a consumer that is killed half way through.

Everything is bounded and stays on this machine: the embedded cloud listens on the loopback address.
"""

import argparse
import asyncio
import sys
import time

from rich.console import Console

from demo.chat.__main__ import bring_up
from demo.chat.crowd import Crowd
from demo.chat.outcome import Outcome, percentiles
from demo.chat.system import Chat
from demo.embedded import embedded_cloud
from demo.report import Report, expect

# What the live channel did not deliver is noticed with a heartbeat, which is due every minute.
_SETTLE_WITHIN = 150.0
_CRASHES = 5


async def play(report: Report, chat: Chat, *, people: int, rooms: int, messages: int) -> Outcome | None:
    """Run the load; None when it did not come to an end."""
    async with Crowd(chat) as crowd:

        async def steps() -> Outcome | None:
            outcome: Outcome | None = None

            async def gather() -> str:
                await asyncio.to_thread(crowd.gather, people=people, rooms=rooms)
                return f"{len(crowd.clients)} people, {len(crowd.rooms)} rooms"

            async def connect() -> str:
                await crowd.open_rooms(within=300)
                return f"{len(crowd.clients)} live connections in {len(chat.regions)} Regions"

            async def talk() -> str:
                killed: list[int] = []

                async def kill() -> None:
                    region = chat.regions[-1]
                    name = chat.in_region(region, "LiveChannelsPublisher")
                    for _ in range(_CRASHES):
                        killed.append(await asyncio.to_thread(chat.cloud.crash_function, name, region))
                        await asyncio.sleep(0.2)

                seconds = await crowd.talk(messages, at_half=kill)
                expect(sum(killed), "the live publisher did not run, so it could not be killed")
                return f"{messages / seconds:,.0f} messages/s accepted; the live publisher killed {sum(killed)} times"

            async def settle() -> str:
                nonlocal outcome
                complete = await crowd.settle(within=_SETTLE_WITHIN)
                outcome = crowd.outcome()
                expect(complete and outcome.sound, outcome.figures())
                return outcome.figures()

            for title, expected, action in (
                ("Sign up, make rooms, join", f"{people} people in {rooms} rooms", gather),
                ("Open the rooms", "everybody live", connect),
                ("Talk, and kill the live publisher half way through", f"{messages:,} messages accepted", talk),
                ("Count", "lost 0, doubled 0, one order for everybody", settle),
            ):
                if not await report.step_async(title, expected, action):
                    break
            return outcome

        return await steps()


def main() -> int:
    """Run the load; 1 when something was lost, doubled, renumbered or reordered."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    people = "at most 480: the user pool answers one address 1,000 times in five minutes"
    parser.add_argument("--people", type=int, default=200, help=people)
    parser.add_argument("--rooms", type=int, default=50)
    parser.add_argument("--messages", type=int, default=5000)
    options = parser.parse_args()
    console = Console(soft_wrap=False)
    report = Report(console)
    started = time.perf_counter()
    outcome: Outcome | None = None
    with embedded_cloud() as (cloud, folder):
        chat = bring_up(report, cloud, folder / "cdk.out")
        if chat is not None:
            with report.chapter("The load"):
                outcome = asyncio.run(
                    play(report, chat, people=options.people, rooms=options.rooms, messages=options.messages)
                )
    console.print()
    console.print(report.table())
    if outcome is not None:
        console.print(f"Live, inside a Region: {percentiles(outcome.inside)}")
        console.print(f"Live, across Regions: {percentiles(outcome.across)}")
    console.print(f"{time.perf_counter() - started:.0f} s")
    return 0 if report.passed and outcome is not None and outcome.sound else 1


if __name__ == "__main__":
    sys.exit(main())
