"""``python -m demo.iot``: deploy the IoT system, run 50 devices for half a minute, print what was seen."""

import argparse
import asyncio
import time
from pathlib import Path

from rich.console import Console

from demo.bring_up import bring_up, not_executed, synthesise
from demo.embedded import embedded_cloud
from demo.iot.following import follow_the_alert
from demo.iot.joining import Joining
from demo.iot.layers import Layers
from demo.iot.messaging import Messaging
from demo.iot.needs import Needs
from demo.iot.operator import Operator
from demo.iot.reactions import Reactions
from demo.iot.refusals import Refusals
from demo.iot.stage import DEVICES, LIVE_SECONDS, Stage
from demo.iot.tracker import Tracker
from demo.keep import say_how_to_use
from demo.logs import search_logs
from demo.report import Report
from demo.running import end_with

# A run writes about three thousand.
LOG_LINES = 500


async def play(report: Report, operator: Operator, folder: Path) -> Needs | None:
    """Run every step; None when the devices did not get as far as measuring."""
    async with Stage(operator, folder) as stage:
        refusals = Refusals(stage)
        needs = Needs(stage, refusals, report)
        layers = Layers(stage)
        if await enter(report, stage, refusals) and await work(report, stage, layers):
            await look_back(report, stage, layers, needs)
            return needs
    return None


async def enter(report: Report, stage: Stage, refusals: Refusals) -> bool:
    """Let devices claim identities, and strangers be refused; return whether there are devices."""
    joining, step = Joining(stage), report.step_async
    with report.chapter("Devices claim identities"):
        expected = "an identity each, recorded on the allow-list"
        if not await step(f"{DEVICES} devices claim over MQTT, each with its key", expected, joining.join):
            return False
        await step("A serial number that is not on the list", "refused, no thing", joining.join_unlisted)
    with report.chapter("Who is refused, in every Region that has the system"):
        await step("A device's own certificate", "CONNACK, SUBACK, PUBACK", refusals.control)
        await step("No certificate", "no TLS session, no CONNACK", refusals.without_certificate)
        await step("An unknown certificate", "no CONNACK", refusals.with_unknown_certificate)
        await step("A revoked certificate", "CONNACK before, none after", refusals.with_revoked_certificate)
        await step("TLS 1.1", "CONNACK by TLS 1.2, no session by 1.1", refusals.with_old_tls)
        await step("Somebody else's client id", "no CONNACK", refusals.with_foreign_client_id)
        await step("Subscribe to #", "CONNACK, subscription refused", refusals.subscribe_to_everything)
        await step("Publish on another's topic", "CONNACK, no PUBACK", refusals.publish_as_another)
        await step("A server of another CA", "the device refuses it", refusals.of_another_authority)
        await step("What came through", "nothing", refusals.nothing_came_through)
    return True


async def work(report: Report, stage: Stage, layers: Layers) -> bool:
    """Let devices, operators and the cloud work; return whether the devices measured."""
    messaging, reactions, step = Messaging(stage), Reactions(stage), report.step_async
    with report.chapter("The four messaging patterns"):
        if not await step("All connect and measure", "all identities in use, one is off", messaging.start):
            return False
        layers.begin()
        await step("PointToPoint: a command", "answered by the device", messaging.command)
        await step("PointToPoint: a dead device", "accepted, and pending", messaging.command_the_dead)
        await step("PointToPoint: desired state of a sleeping device", "waits", messaging.desire)
        await step("Broadcast: to the factory", "all of it, nobody at home", messaging.broadcast)
        await step("FanoutNotification: a sensor fails at each site", "its operators only", messaging.fan_out)
        await step("Aggregation: all devices, one stream", "a message of each", messaging.aggregate)
    with report.chapter("The cloud reacts"):
        await step("Somebody sits down", "the lamp goes on, nobody is notified", reactions.sit_down)
        await step("It grows dark", "a ticket, until somebody sits down", reactions.grow_dark)
        await step("The air gets too dry", "the humidifier goes on, and off again", reactions.dry_out)
        await step("A room gets too hot", "operator, ticket and archive receive the alert", reactions.heat)
        await step("It cools down", "the ticket is closed; each alert received once", reactions.cool)
        expected = "rejected with the reason; later ones are processed"
        await step("Malformed measurements", expected, reactions.send_malformed)
        await step("The sleeping device wakes", "it does what is desired", messaging.wake)
        await step("The command to the dead device", "timed out", messaging.command_timed_out)
    return True


async def look_back(report: Report, stage: Stage, layers: Layers, needs: Needs) -> None:
    """Count and compare both layers, let the tracker speak, and say what the four needs come to."""
    tracker, step = Tracker(stage), report.step_async
    with report.chapter("Both layers, and why there are two"):
        await step(f"{LIVE_SECONDS} s are over", "everything measured has been sent", layers.rest)
        await step("Measurements in both layers", "equal for each device, none lost", layers.count)
        expected = "speed layer, alert, archive, ticket; its row in the batch layer"
        await step("The hot one, by its id (cdp trace)", expected, lambda: follow_the_alert(stage))
        await step("A device returns after three days", "speed knows what is now", layers.know_at_once)
        await step("What it measured three days ago", "batch has it, speed has not", layers.know_exactly)
        await step("Its history", "one answer from both layers", layers.merge)
    with report.chapter("The issue tracker"):
        await step("A webhook delivered twice", "one ticket; closed by the next event", tracker.deliver_twice)
    with report.chapter("The four needs"):
        await step("Speed of getting started", "a new device measures", needs.getting_started)
        await step("Scalability", "the first quota for a million devices", needs.scalability)
        await step("Cost", "dollars a device and month", needs.cost)
        await step("Security", "every kind of stranger refused", needs.security)


def main() -> int:
    """Run the demonstration; 1 when a step failed."""
    parser = argparse.ArgumentParser(prog="make demo-iot", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the system up and print its address")
    options = parser.parse_args()
    console = Console(soft_wrap=False)
    report = Report(console)
    needs: Needs | None = None
    started = time.perf_counter()
    with embedded_cloud(keep=options.keep) as (cloud, folder):
        assembly = folder / "cdk.out"
        deployment = bring_up(report, lambda: synthesise(assembly, "iot", {}), lambda: cloud.deploy(assembly))
        if deployment is not None:
            operator = Operator(cloud, deployment)
            needs = asyncio.run(play(report, operator, folder))
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
            stack = next(iter(deployment.regions))
            say_how_to_use(console, cloud, deployment, stack=stack, addresses={})
    if needs is not None:
        console.print()
        for need in needs.found:
            console.print(f"[bold]{need.name}[/bold], {need.seen} [dim]({need.command})[/dim]", soft_wrap=True)
    return report.conclude(time.perf_counter() - started)


if __name__ == "__main__":
    end_with(main)
