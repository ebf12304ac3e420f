"""``python -m demo.dojo``: deploy board after board, let twelve people talk, and let servers and Regions fail."""

import argparse
import asyncio
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Self

from rich.console import Console
from rich.markup import escape

from cdp_constructs.local import Deployment
from demo.bring_up import NO_FINDINGS, synthesise, told
from demo.dojo.boards import BOARDS, SERVERS, Board
from demo.dojo.conversation import Conversation
from demo.dojo.faults import REGION_LOST, Drill, Faults
from demo.dojo.memory import PeakMemory
from demo.dojo.releases import Releases
from demo.dojo.results import Result, as_table, measurement, write
from demo.dojo.stage import Stage
from demo.embedded import embedded_cloud
from demo.report import Report, expect
from demo.running import end_with

_MOST_MEMORY = 4_000_000_000


async def play(report: Report, board: Board, stage: Any, releases: Releases, *, for_servers: bool = False) -> Result:
    """Let people talk, let things fail while they do, and count what is left."""
    crowd = board.crowd(stage)
    conversation, result = Conversation(stage, crowd, report), Result()
    try:
        if not await conversation.hold(files=board.files, place=board.place):
            return result
        faults = Faults(stage, crowd, releases)
        with report.chapter("What happens while they talk"):
            for drill in drills_of(board, for_servers=for_servers):
                await report.step_async(
                    drill.title,
                    drill.expected,
                    lambda drill=drill: _measured(drill, faults, result),  # type: ignore[misc]
                )
        with report.chapter("What is left"):
            expected = "nothing lost, doubled, out of order, or back in time for its reader"
            await report.step_async("All messages", expected, conversation.settle)
        result.counted = conversation.counted
    finally:
        await crowd.leave()
    return result


def drills_of(board: Board, *, for_servers: bool) -> list[Drill]:
    """Return what is done to a board: for the servers everything of its own, otherwise what loses something."""
    if for_servers:
        return list(board.drills)
    drills = [drill for drill in board.drills if not drill.servers_only]
    return drills if any(drill.lost == "Region" for drill in drills) else [*drills, REGION_LOST]


async def _measured(drill: Drill, faults: Faults, result: Result) -> str:
    """Do something to a board, and measure it if something was lost."""
    faults.watch = None
    seen = str(await drill.action(faults))
    if not drill.lost:
        return seen
    measured = measurement(drill, faults)
    result.measured.append(measured)
    after = " after it was back" if drill.until_repaired else ""
    return f"{seen}; everybody had sent and received again {measured.drill.seconds:.1f} s later{after}"


def start_servers(stage: Stage, servers: int) -> str:
    """Wait until a board has its servers: a service begins with one, and scaling adds what it lacks after minutes."""
    for _ in range(10):
        if stage.service()["desiredCount"] >= servers:
            break
        stage.cloud.metrics.advance(minutes=1)
    deadline = time.monotonic() + 90
    while not stage.whole():
        expect(time.monotonic() < deadline, f"{len(stage.tasks())} tasks, {stage.healthy()} healthy")
        time.sleep(0.2)
    zones = sorted(task.zone for task in stage.tasks())
    expect(len(zones) == servers, f"{len(zones)} tasks")
    return f"{len(zones)} in {', '.join(zones)}"


class Ground:
    """An embedded cloud for a board; a context manager.

    Args:
        board: The board.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self._ending = ExitStack()
        self.cloud, folder = self._ending.enter_context(embedded_cloud(timeout=120))
        self.assembly = folder / "cdk.out"
        """The boards as they are deployed."""
        self._pool = self._ending.enter_context(ThreadPoolExecutor(1))
        self._ending.callback(self.cloud.stop)  # what is still being deployed ends with it

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove everything, unless that was done."""
        self._ending.close()

    def deploy(self) -> None:
        """Begin to deploy the board."""
        self._deploying = self._pool.submit(self._deploy)

    def deployed(self) -> Deployment:
        """Wait until it is deployed."""
        return self._deploying.result()

    def _deploy(self) -> Deployment:
        if self.board.synthesise is not None:
            told(self.board.synthesise(self.cloud, self.assembly))
        return self.cloud.deploy(self.assembly, stacks=self.board.deployed or [f"{self.board.stack}*"])


def run(report: Report, boards: Sequence[Board], *, for_servers: bool = False) -> dict[str, Result]:
    """Play boards one after the other; the next one is deployed meanwhile.

    Args:
        report: Where steps are shown.
        boards: Which ones.
        for_servers: Whether to play them for ``make demo-servers``.

    Returns:
        What was measured, by the boards' names in the gallery.
    """
    # One synthesis serves all boards of the dojo; the others come last.
    of_dojo = [board for board in boards if board.synthesise is None]
    order = [*of_dojo, *(board for board in boards if board.synthesise is not None)]
    results: dict[str, Result] = {}
    with ExitStack() as ending:
        ground = ending.enter_context(Ground(order[0]))

        def synthesised() -> str:
            return told(synthesise(ground.assembly, "dojo", _settings(of_dojo)))

        if of_dojo:
            with report.chapter("The boards"):
                if not report.step("Synthesise and check", NO_FINDINGS, synthesised):
                    return results
        ground.deploy()
        for number, following in enumerate((*order[1:], None), 1):
            upcoming = None if following is None else ending.enter_context(Ground(following))
            if upcoming is not None:
                if upcoming.board.synthesise is None:
                    shutil.copytree(ground.assembly, upcoming.assembly)
                upcoming.deploy()
            began, board, steps = time.monotonic(), ground.board, len(report.results)
            report.console.print(f"\n[bold]{escape(board.title)}[/bold] [dim]({number} of {len(order)})[/dim]")
            with ground:
                result = play_on(report, ground, for_servers=for_servers)
            result.passed = all(step.passed for step in report.results[steps:])
            results[_name(board)] = result
            report.console.print(f"  [dim]{_name(board)} took {time.monotonic() - began:.0f} s[/dim]")
            if upcoming is not None:
                ground = upcoming
    return results


def play_on(report: Report, ground: Ground, *, for_servers: bool) -> Result:
    """Play a board as soon as it is deployed."""
    board = ground.board
    made: list[Any] = []

    def deployed() -> str:
        deployment = ground.deployed()
        made.append(board.made(ground.cloud, deployment, board.stack))
        resources = sum(len(one) for one in deployment.resources.values())
        return f"{len(deployment.resources)} stacks, {resources} resources"

    with report.chapter("The system"):
        started = report.step("Deploy", "every stack complete in its Region", deployed)
        if started and board.servers:
            healthy = f"{board.servers} healthy"
            started = report.step("Servers", healthy, lambda: start_servers(made[0], board.servers))
    if not started:
        return Result()
    releases = Releases(ground.cloud, ground.assembly, board.stack)
    with board.around(made[0]):
        return asyncio.run(play(report, board, made[0], releases, for_servers=for_servers))


def _name(board: Board) -> str:
    """Return a board's name in the gallery."""
    return next(key for key, one in BOARDS.items() if one is board).upper()


def _settings(boards: Sequence[Board]) -> dict[str, object]:
    # Browsers of the demonstration have the push service of the embedded cloud.
    return {"boards": [board.folder for board in boards], "push_services": ["localhost"]}


def main() -> int:
    """Run the demonstration; 1 when a step failed."""
    parser = argparse.ArgumentParser(prog="make dojo", description=__doc__)
    names = {**{key: key for key in BOARDS}, **{board.folder: key for key, board in BOARDS.items() if board.folder}}
    parser.add_argument("--board", nargs="+", choices=sorted(names), help="only these")
    servers = f"only {', '.join(SERVERS)}, with releases and load, and without the loss of a Region"
    parser.add_argument("--servers", action="store_true", help=servers)
    parser.add_argument("--write", action="store_true", help="write what was measured for the gallery")
    options = parser.parse_args()
    if options.servers and options.write:
        parser.error("--servers does not lose everything that the gallery compares; use --write without it")
    every = SERVERS if options.servers else tuple(BOARDS)
    boards = [BOARDS[key] for key in dict.fromkeys(names[name] for name in options.board or every)]
    console = Console(soft_wrap=False)
    report = Report(console)
    started = time.perf_counter()

    def little_memory() -> str:
        seen = f"{peak.bytes / 1e9:.1f} GB in {peak.processes} processes"
        expect(0 < peak.bytes < _MOST_MEMORY, seen)
        return seen

    with PeakMemory() as peak:
        results = run(report, boards, for_servers=options.servers)
        report.step("Memory of all processes", "4 GB at most", little_memory)
    console.print()
    console.print(report.table())
    for board in boards:
        console.print(f"{board.title.partition(':')[0]} does not survive, by design: {board.cannot}.", soft_wrap=True)
    if not options.servers:
        console.print(as_table(results))
    if options.write:
        write(results)
    return report.conclude(time.perf_counter() - started)


if __name__ == "__main__":
    end_with(main)
