"""``python -m demo.dojo``: deploy each board, let twelve people talk, and let servers, databases and zones fail."""

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
from demo.dojo.boards import BOARDS, Board
from demo.dojo.conversation import Conversation
from demo.dojo.faults import Faults
from demo.dojo.memory import PeakMemory
from demo.dojo.releases import Releases
from demo.dojo.stage import Stage
from demo.embedded import embedded_cloud
from demo.report import Report, expect
from demo.running import end_with

_MOST_MEMORY = 4_000_000_000


async def play(report: Report, board: Board, stage: Any, releases: Releases) -> None:
    """Let people talk, let things fail while they do, and count what is left."""
    crowd = board.crowd(stage)
    conversation = Conversation(stage, crowd, report)
    try:
        if not await conversation.hold(files=board.files, place=board.place):
            return
        faults = Faults(stage, crowd, releases)
        with report.chapter("What happens while they talk"):
            for drill in board.drills:
                await report.step_async(drill.title, drill.expected, lambda act=drill.action: act(faults))  # type: ignore[misc]
        with report.chapter("What is left"):
            expected = "nothing lost, doubled, out of order, or back in time for its reader"
            await report.step_async("All messages", expected, conversation.settle)
    finally:
        await crowd.leave()


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
        self._deploying = self._pool.submit(self.cloud.deploy, self.assembly, stacks=[f"{self.board.stack}*"])

    def deployed(self) -> Deployment:
        """Wait until it is deployed."""
        return self._deploying.result()


def run(report: Report, boards: Sequence[Board]) -> None:
    """Play boards one after the other; the next one is deployed meanwhile."""
    with ExitStack() as ending:
        ground = ending.enter_context(Ground(boards[0]))

        def synthesised() -> str:
            return told(synthesise(ground.assembly, "dojo", _settings(boards)))

        with report.chapter("The boards"):
            if not report.step("Synthesise and check", NO_FINDINGS, synthesised):
                return
        ground.deploy()
        for following in (*boards[1:], None):
            upcoming = None if following is None else ending.enter_context(Ground(following))
            if upcoming is not None:
                shutil.copytree(ground.assembly, upcoming.assembly)
                upcoming.deploy()
            with ground:
                play_on(report, ground)
            if upcoming is not None:
                ground = upcoming


def play_on(report: Report, ground: Ground) -> None:
    """Play a board as soon as it is deployed."""
    board = ground.board
    report.console.print(f"\n[bold]{escape(board.title)}[/bold]")
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
    if started:
        with board.around(made[0]):
            asyncio.run(play(report, board, made[0], Releases(ground.cloud, ground.assembly, board.stack)))


def _settings(boards: Sequence[Board]) -> dict[str, object]:
    # Browsers of the demonstration have the push service of the embedded cloud.
    return {"boards": [board.folder for board in boards], "push_services": ["localhost"]}


def main() -> int:
    """Run the demonstration; 1 when a step failed."""
    parser = argparse.ArgumentParser(prog="make demo-servers", description=__doc__)
    names = {**{key: key for key in BOARDS}, **{board.folder: key for key, board in BOARDS.items()}}
    parser.add_argument("--board", choices=sorted(names), help="only this one")
    options = parser.parse_args()
    boards = [BOARDS[names[options.board]]] if options.board else list(BOARDS.values())
    console = Console(soft_wrap=False)
    report = Report(console)
    started = time.perf_counter()

    def little_memory() -> str:
        seen = f"{peak.bytes / 1e9:.1f} GB in {peak.processes} processes"
        expect(0 < peak.bytes < _MOST_MEMORY, seen)
        return seen

    with PeakMemory() as peak:
        run(report, boards)
        report.step("Memory of all processes", "4 GB at most", little_memory)
    console.print()
    console.print(report.table())
    for board in boards:
        console.print(f"{board.title.partition(':')[0]} does not survive, by design: {board.cannot}.", soft_wrap=True)
    return report.conclude(time.perf_counter() - started)


if __name__ == "__main__":
    end_with(main)
