"""``python -m benchmarks.chat``: what a message of the chat costs, beside a bare chat that keeps the same promises.

Both are deployed to one embedded cloud and get the same load in turn. CPU and calls are per accepted message: the
server's and the functions' count, the client's is printed. What the idle server uses is subtracted.
"""

import argparse
import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.chat_load import Load, Outcome
from benchmarks.chat_systems import SYSTEMS, System, throttle
from benchmarks.usage import Usage
from cdp_constructs.local import LocalCloud
from demo.chat.outcome import percentile
from demo.embedded import embedded_cloud

GOAL_RATIO, GOAL_RATE, GOAL_LIVE = 2.5, 100, 1000
_IDLE_SECONDS = 5.0
# The archives gather messages for ten seconds.
_ARCHIVED_WITHIN = 12.0


@dataclass(frozen=True)
class Run:
    """One load on one system."""

    outcome: Outcome
    used: Usage
    idle: float
    """CPU of server and functions in a second without load."""

    @property
    def server(self) -> float:
        """Milliseconds of the server's CPU per accepted message, without what it uses when idle."""
        return self._each(self.used.server - self.idle * self.used.at)

    @property
    def functions(self) -> float:
        """Milliseconds of the functions' CPU per accepted message."""
        return self._each(self.used.functions)

    @property
    def client(self) -> float:
        """Milliseconds of this process's CPU per accepted message."""
        return self._each(self.used.client)

    @property
    def calls(self) -> dict[str, float]:
        """Calls per accepted message by operation."""
        named: Counter[str] = Counter()
        for call, count in self.used.calls.items():
            named[f"{call.service} {call.operation}"] += count
        return {name: count / max(1, self.outcome.accepted) for name, count in named.most_common() if count}

    def _each(self, seconds: float) -> float:
        return 1000 * seconds / max(1, self.outcome.accepted)


async def run(cloud: LocalCloud, system: System, options: argparse.Namespace) -> Run:
    """Let everybody of a system talk, and measure it."""
    load = Load(system, cloud.endpoint)
    async with load.live():
        await asyncio.to_thread(system.stay)
        await load.talk(options.warm_up, rate=None, under_way=options.under_way)
        await asyncio.sleep(_ARCHIVED_WITHIN)
        await asyncio.to_thread(system.stay)
        if options.throttle:
            await asyncio.to_thread(throttle, cloud, system, options.throttle)
        before = Usage.read(cloud)
        await asyncio.sleep(_IDLE_SECONDS)
        started = Usage.read(cloud)
        idle = started.since(before)
        outcome = await load.talk(options.messages, rate=options.rate, under_way=options.under_way)
        await asyncio.sleep(_ARCHIVED_WITHIN)
        used = Usage.read(cloud).since(started)
    return Run(outcome, used, idle.server / idle.at)


def _main_table(runs: dict[str, list[Run]]) -> Table:
    table = Table(title="Medians of the runs")
    table.add_column("")
    for name in runs:
        table.add_column(name, justify="right")
    measures: list[tuple[str, str, Callable[[Run], float]]] = [
        ("accepted a second", ".0f", lambda one: one.outcome.accepted / one.outcome.seconds),
        ("refused (429, 503)", ".0f", lambda one: one.outcome.refused),
        ("failed", ".0f", lambda one: one.outcome.failed),
        ("accepted, not seen live", ".0f", lambda one: one.outcome.unseen),
        ("answered, p50 ms", ",.0f", lambda one: percentile(one.outcome.answered, 50)),
        ("answered, p99 ms", ",.0f", lambda one: percentile(one.outcome.answered, 99)),
        ("seen live, p50 ms", ",.0f", lambda one: percentile(one.outcome.live, 50)),
        ("seen live, p99 ms", ",.0f", lambda one: percentile(one.outcome.live, 99)),
        ("CPU of the server, ms a message", ".1f", lambda one: one.server),
        ("CPU of the functions", ".1f", lambda one: one.functions),
        ("both", ".1f", lambda one: one.server + one.functions),
        ("CPU of the clients (not counted)", ".1f", lambda one: one.client),
        ("AWS calls a message", ".1f", lambda one: sum(one.calls.values())),
    ]
    for title, form, measure in measures:
        table.add_row(title, *(f"{statistics.median(map(measure, measured)):{form}}" for measured in runs.values()))
    return table


def _calls_table(runs: dict[str, list[Run]]) -> Table:
    table = Table(title="AWS calls per accepted message")
    table.add_column("operation")
    for name in runs:
        table.add_column(name, justify="right")
    last = {name: measured[-1].calls for name, measured in runs.items()}
    for operation in sorted({operation for calls in last.values() for operation in calls}):
        table.add_row(operation, *(f"{calls.get(operation, 0):.2f}" for calls in last.values()))
    return table


def main() -> int:
    """Measure and print; 1 when a message that was accepted was not seen, or one was answered with an error."""
    parser = argparse.ArgumentParser(
        prog="make bench-chat", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=1000, help="of each run (default 1,000)")
    parser.add_argument("--warm-up", type=int, default=200, help="messages before, which start the functions")
    parser.add_argument("--runs", type=int, default=2, help="of each system, in turn (default 2)")
    parser.add_argument("--rooms", type=int, default=24)
    parser.add_argument("--people", type=int, default=2, help="in each room, in the Regions in turn (default 2)")
    parser.add_argument("--under-way", type=int, default=24, help="messages that wait for an answer at a time")
    parser.add_argument(
        "--rate", type=float, help="messages offered a second, whatever is taken; default as it is taken"
    )
    parser.add_argument(
        "--throttle", type=float, help="requests a second that the APIs accept; with a higher --rate the rest gets 429"
    )
    parser.add_argument("--systems", nargs="+", choices=sorted(SYSTEMS), default=sorted(SYSTEMS))
    options = parser.parse_args()
    console = Console()
    started = time.perf_counter()
    runs: dict[str, list[Run]] = {}
    with embedded_cloud(timeout=120) as (cloud, folder):
        systems = []
        for name in options.systems:
            system = SYSTEMS[name](cloud, folder / name, rooms=options.rooms, each=options.people)
            console.print(f"{system.name} deployed after {time.perf_counter() - started:.0f} s")
            systems.append(system)
        for turn in range(options.runs):
            for system in systems:
                measured = asyncio.run(run(cloud, system, options))
                runs.setdefault(system.name, []).append(measured)
                console.print(
                    f"{system.name}, run {turn + 1}: server {measured.server:.1f}, functions {measured.functions:.1f} "
                    f"ms of CPU a message; the idle server {1000 * measured.idle:.0f} ms a second"
                )
    console.print(_main_table(runs))
    console.print(_calls_table(runs))
    if len(runs) == len(SYSTEMS):
        ours, by_hand = (
            statistics.median(one.server + one.functions for one in runs[name]) for name in ("chat", "bare chat")
        )
        console.print(f"CPU of server and functions: {ours / by_hand:.2f} times the bare chat. Goal: {GOAL_RATIO}.")
    console.print(f"Goals on two idle cores: {GOAL_RATE} accepted/s with live p99 of at most {GOAL_LIVE:,} ms.")
    outcomes = [one.outcome for measured in runs.values() for one in measured]
    return 1 if any(one.failed or one.unseen for one in outcomes) else 0


if __name__ == "__main__":
    raise SystemExit(main())
