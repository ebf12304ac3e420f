"""``python -m demo.dojo``: deploy each board, let twelve people talk, and let servers, databases and zones fail."""

import argparse
import asyncio
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from cdp_constructs.local import Deployment, LocalCloud
from demo.bring_up import bring_up, synthesise
from demo.dojo.boards import BOARDS, Board
from demo.dojo.conversation import Conversation
from demo.dojo.faults import Faults
from demo.dojo.memory import PeakMemory
from demo.dojo.people import Crowd
from demo.dojo.releases import Releases
from demo.dojo.stage import Stage
from demo.embedded import embedded_cloud
from demo.report import Report, expect
from demo.running import end_with

_MOST_MEMORY = 4_000_000_000


async def play(report: Report, board: Board, stage: Stage, releases: Releases) -> None:
    """Let people talk, let things fail while they do, and count what is left."""
    crowd = Crowd(stage.url, stage.live_url, stage.tls, patience=180)
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
        stage.cloud.check_targets(2)
        time.sleep(0.2)
    zones = sorted(task.zone for task in stage.tasks())
    expect(len(zones) == servers, f"{len(zones)} tasks")
    return f"{len(zones)} in {', '.join(zones)}"


def run(report: Report, board: Board) -> None:
    """Play one board on an embedded cloud of its own."""
    report.console.print(f"\n[bold]{escape(board.title)}[/bold]")
    with embedded_cloud(timeout=120) as (cloud, folder):
        stage, assembly = None, folder / "cdk.out"
        deployment = bring_up(
            report, lambda: synthesise(assembly, "dojo", _settings(board)), lambda: _deploy(cloud, assembly)
        )
        if deployment is None:
            return
        stage = Stage(cloud, deployment, board.stack)
        started = report.step("Servers", f"{board.servers} healthy", lambda: start_servers(stage, board.servers))
        if started:
            asyncio.run(play(report, board, stage, Releases(cloud, assembly, board.stack)))


def _settings(board: Board) -> dict[str, object]:
    # Browsers of the demonstration have the push service of the embedded cloud.
    return {"boards": [board.folder], "push_services": ["localhost"]}


def _deploy(cloud: LocalCloud, assembly: Path) -> Deployment:
    return cloud.deploy(assembly)


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
        for board in boards:
            run(report, board)
        report.step("Memory of all processes", "4 GB at most", little_memory)
    console.print()
    console.print(report.table())
    for board in boards:
        console.print(f"{board.title.partition(':')[0]} does not survive, by design: {board.cannot}.", soft_wrap=True)
    return report.conclude(time.perf_counter() - started)


if __name__ == "__main__":
    end_with(main)
