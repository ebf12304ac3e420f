"""``python -m demo.iot``: deploy the IoT system, run 50 devices for half a minute, print what was seen."""

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.process.kept import find_or_start
from demo.bring_up import bring_up, not_executed, synthesise
from demo.iot.operator import Operator
from demo.iot.scene import DEVICES, LIVE_SECONDS, Scene
from demo.keep import say_how_to_use
from demo.logs import search_logs
from demo.report import Report

# A run writes about three thousand.
LOG_LINES = 500


async def play(report: Report, operator: Operator, folder: Path) -> None:
    """Run every step."""
    async with Scene(operator, folder) as scene:
        with report.chapter("Devices claim identities"):
            expected = "an identity each, recorded on the allow-list"
            if not await report.step_async(
                f"{DEVICES} devices claim over MQTT, each with its key", expected, scene.join
            ):
                return
            await report.step_async("A serial number that is not on the list", "refused", scene.join_unlisted)
            await report.step_async(
                "A device publishes on another's topic", "disconnected, nothing received", scene.impersonate
            )
        with report.chapter("Devices at work"):
            if not await report.step_async("All connect and measure", "all connected, one sleeps", scene.start):
                return
            await report.step_async("A command", "answered by the device", scene.command)
            await report.step_async("A command to a dead device", "accepted, and pending", scene.command_the_dead)
            await report.step_async("A broadcast to the factory", "all of it, nobody at home", scene.broadcast)
            await report.step_async("Desired state for a device that sleeps", "waits", scene.desire)
            await report.step_async(
                "A room gets too hot", "operator, ticket and archive receive the alert, once each", scene.heat
            )
            await report.step_async("It cools down", "the ticket is closed", scene.cool)
            await report.step_async(
                "Malformed measurements", "rejected with the reason; later ones are processed", scene.send_malformed
            )
            await report.step_async("The sleeping device wakes", "it has the desired state", scene.wake)
            await report.step_async("The command to the dead device", "timed out", scene.command_timed_out)
            await report.step_async(f"{LIVE_SECONDS} s are over", "everything measured has been sent", scene.rest)
        with report.chapter("Both layers"):
            await report.step_async("Measurements in both layers", "equal for each device, none lost", scene.count)
            await report.step_async("The history of a device", "one answer from both layers", scene.history)
        with report.chapter("The issue tracker"):
            await report.step_async(
                "A webhook delivered twice", "one ticket; closed by the next event", scene.webhook_twice
            )


def main() -> int:
    """Run the demonstration; 1 when a step failed."""
    parser = argparse.ArgumentParser(prog="make demo-iot", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the system up and print its address")
    options = parser.parse_args()
    console = Console(soft_wrap=False)
    report = Report(console)
    started = time.perf_counter()
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="cdp-iot-")))
        kept = LocalCloud.attach(find_or_start().endpoint) if options.keep else None
        cloud = kept or ending.enter_context(LocalCloud.start())
        assembly = folder / "cdk.out"
        deployment = bring_up(report, lambda: synthesise(assembly, "iot", {}), lambda: cloud.deploy(assembly))
        if deployment is not None:
            operator = Operator(cloud, deployment)
            asyncio.run(play(report, operator, folder))
            with report.chapter("Logs"):
                report.step(
                    "Secrets in the logs",
                    "no key, certificate's key, token or signature",
                    lambda: search_logs(cloud, [operator.region], {}, least=LOG_LINES),
                )
        console.print()
        console.print(report.table())
        if deployment is not None:
            console.print(not_executed(deployment))
        if options.keep and deployment is not None:
            (stack,) = deployment.regions
            say_how_to_use(console, cloud, deployment, stack=stack, addresses={})
    return report.conclude(time.perf_counter() - started)


if __name__ == "__main__":
    sys.exit(main())
