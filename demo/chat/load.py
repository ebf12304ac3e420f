"""``python -m demo.chat.load``: many people in many rooms at once, and a consumer that is killed half way through.

Then more is offered than the machine has just worked: the chat refuses, and what it accepts is live in time.
Everything is bounded and stays on this machine: the embedded cloud listens on the loopback address.
"""

import argparse
import asyncio
import time

from rich.console import Console

from demo.chat.__main__ import bring_up
from demo.chat.crowd import Crowd
from demo.chat.outcome import Outcome, percentile, percentiles
from demo.chat.overload import accepted_again, offer
from demo.chat.system import Chat
from demo.embedded import embedded_cloud
from demo.report import Report, expect
from demo.running import end_with
from stacks.chat.config import ChatConfiguration

# What the live channel did not deliver is noticed with a heartbeat, which is due every minute.
_SETTLE_WITHIN = 150.0
_CRASHES = 5
_OVERLOAD_SECONDS = 20.0
_BOUND: int = ChatConfiguration.model_fields["max_delivery_lag"].default


class Load:
    """The steps of the load.

    Attributes:
        outcome: What became of everything that was accepted so far; None until it was counted.
    """

    def __init__(self, chat: Chat, crowd: Crowd, options: argparse.Namespace) -> None:
        """Use these people on this system."""
        self.outcome: Outcome | None = None
        self._chat = chat
        self._crowd = crowd
        self._options = options
        self._accepted_a_second = 0.0

    async def play(self, report: Report) -> Outcome | None:
        """Take the steps until one fails; None when nothing was counted."""
        people, rooms, messages = (getattr(self._options, name) for name in ("people", "rooms", "messages"))
        steps = [
            ("Sign up, make rooms, join", f"{people} people in {rooms} rooms", self._gather),
            ("Open the rooms", "everybody live", self._connect),
            ("Talk, and kill the live publisher half way through", f"{messages:,} messages accepted", self._talk),
            ("Count", "lost 0, doubled 0, one order for everybody", self._settle),
        ]
        if self._options.overload:
            title = f"Offer {self._options.overload:g} times as many a second"
            expected = f"the rest refused, accepted ones live within {_BOUND} s (p99), lost 0, doubled 0"
            steps.append((title, expected, self._refuse))
        for title, expected, action in steps:
            if not await report.step_async(title, expected, action):
                break
        return self.outcome

    async def _gather(self) -> str:
        options, crowd = self._options, self._crowd
        await asyncio.to_thread(crowd.gather, people=options.people, rooms=options.rooms)
        return f"{len(crowd.clients)} people, {len(crowd.rooms)} rooms"

    async def _connect(self) -> str:
        await self._crowd.open_rooms(within=300)
        return f"{len(self._crowd.clients)} live connections in {len(self._chat.regions)} Regions"

    async def _talk(self) -> str:
        killed: list[int] = []

        async def kill() -> None:
            region = self._chat.regions[-1]
            name = self._chat.in_region(region, "LiveChannelsPublisher")
            for _ in range(_CRASHES):
                killed.append(await asyncio.to_thread(self._chat.cloud.crash_function, name, region))
                await asyncio.sleep(0.2)

        messages = self._options.messages
        self._accepted_a_second = messages / await self._crowd.talk(messages, at_half=kill)
        expect(sum(killed), "the live publisher did not run, so it could not be killed")
        return f"{self._accepted_a_second:,.0f} messages/s accepted; the live publisher killed {sum(killed)} times"

    async def _settle(self) -> str:
        complete = await self._crowd.settle(within=_SETTLE_WITHIN)
        self.outcome = self._crowd.outcome()
        expect(complete and self.outcome.sound, self.outcome.figures())
        return self.outcome.figures()

    async def _refuse(self) -> str:
        rate = self._options.overload * self._accepted_a_second
        offered = await offer(self._crowd, rate=rate, seconds=_OVERLOAD_SECONDS, settle_within=_SETTLE_WITHIN)
        again = await accepted_again(self._crowd, within=3 * _BOUND)
        # Counted with what was accepted before: refusing must neither lose nor double anything.
        self.outcome = self._crowd.outcome()
        expect(self.outcome.sound, self.outcome.figures())
        expect(not offered.failed, offered.figures())
        expect(percentile(offered.lags, 99) <= 1000 * _BOUND, offered.figures())
        return f"{offered.figures()}; accepted and live again after {again:.1f} s"


async def play(report: Report, chat: Chat, options: argparse.Namespace) -> Outcome | None:
    """Run the load; None when it did not come to an end."""
    async with Crowd(chat) as crowd:
        return await Load(chat, crowd, options).play(report)


def main() -> int:
    """Run the load; 1 when something was lost, doubled, renumbered or reordered, or accepted and late."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    people = "at most 480: the user pool answers one address 1,000 times in five minutes"
    parser.add_argument("--people", type=int, default=200, help=people)
    parser.add_argument("--rooms", type=int, default=50)
    parser.add_argument("--messages", type=int, default=5000)
    overload = "then offer so many times what was accepted a second (default 3), 0 for not"
    parser.add_argument("--overload", type=float, default=3.0, help=overload)
    options = parser.parse_args()
    console = Console(soft_wrap=False)
    report = Report(console)
    started = time.perf_counter()
    outcome: Outcome | None = None
    with embedded_cloud() as (cloud, folder):
        chat = bring_up(report, cloud, folder / "cdk.out")
        if chat is not None:
            with report.chapter("The load"):
                outcome = asyncio.run(play(report, chat, options))
    console.print()
    console.print(report.table())
    if outcome is not None:
        console.print(f"Live, inside a Region: {percentiles(outcome.inside)}")
        console.print(f"Live, across Regions: {percentiles(outcome.across)}")
    console.print(f"{time.perf_counter() - started:.0f} s")
    return 0 if report.passed and outcome is not None and outcome.sound else 1


if __name__ == "__main__":
    end_with(main)
