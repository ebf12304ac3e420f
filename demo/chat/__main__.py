"""``python -m demo.chat``: deploy the chat in two Regions, play the conversation, print what was seen."""

import argparse
import asyncio
import time
from pathlib import Path

from rich.console import Console

from cdp_constructs.local import LocalCloud
from demo.bring_up import bring_up as system_of
from demo.bring_up import not_executed
from demo.chat.changes import Changes
from demo.chat.conversation import EACH, WRITERS, Conversation
from demo.chat.live_scene import CROWD, CROWD_MESSAGES, CROWD_ROOMS, LiveScene
from demo.chat.operation import Operation
from demo.chat.pictures import Pictures
from demo.chat.protection import Protection
from demo.chat.scale import answers, recovery
from demo.chat.search import Search
from demo.chat.site import open_site
from demo.chat.system import Chat, synthesise, with_push
from demo.embedded import embedded_cloud
from demo.keep import say_how_to_use
from demo.logs import search_logs
from demo.report import Report
from demo.running import end_with
from stacks.chat.recovery import GOAL_SECONDS

SCENES = ("story", "crowd", "all")
"""What is played: everything but the crowd, the crowd, or both."""
# The story writes about three thousand, the crowd ten thousand more.
LOG_LINES = 1_000


def bring_up(report: Report, cloud: LocalCloud, directory: Path) -> Chat | None:
    """Synthesise, check and deploy; None when that failed."""
    deployment = system_of(report, lambda: synthesise(directory, with_push(cloud)), lambda: cloud.deploy(directory))
    return Chat(cloud, deployment) if deployment is not None else None


async def play_live(report: Report, live: LiveScene, scenes: str) -> None:
    """Play the steps of people who are connected."""
    async with live.playing():
        with report.chapter("Live"):
            opened = await report.step_async(
                "Three members open the room, and another user tries", "3 live; the other 404", live.open_the_room
            )
            if opened and scenes != "crowd":
                await _talk_live(report, live)
            if opened and scenes != "story":
                await report.step_async(
                    f"{CROWD_MESSAGES:,} messages of {CROWD} people in {CROWD_ROOMS} rooms",
                    "0 lost, doubled, renumbered or reordered",
                    live.many,
                )


async def _talk_live(report: Report, live: LiveScene) -> None:
    """Play what the members of one room see of each other."""
    await report.step_async("Messages from both sides", "seen live by everybody else", live.talk)
    await report.step_async("A member types, and goes", "seen in the other Region", live.presence_and_typing)
    await report.step_async("What waits unread", "counted, and 0 after reading", live.unread)
    await report.step_async(
        "A connection is lost and comes back", "nothing missed, nothing twice, one order", live.catch_up
    )
    await report.step_async("A thumbnail, and search", "a small picture; found by its name", live.picture)
    await report.step_async(
        "One member away has a PC, one a phone",
        "PC: mail and browser; phone: push; connected: none",
        live.notice,
    )
    await report.step_async("A member leaves", "no more events for who left", live.leave)


def meet(report: Report, scene: Conversation) -> bool:
    """Let people sign in and open a room; whether they did."""
    with report.chapter("People meet"):
        signed_in = report.step("Three members and another sign up and in", "tokens; 401 without", scene.sign_up_and_in)
        return signed_in and report.step("A room, joined from the other Region", "three members", scene.open_a_room)


def play(report: Report, scene: Conversation, protection: Protection) -> None:
    """Play every step that asks and answers."""
    with report.chapter("People talk"):
        report.step("Messages from both sides", "read in both Regions", scene.talk)
        report.step("The same message sent three times, in both Regions", "one message", scene.send_twice)
        report.step("History in both Regions", "equal", scene.same_history)
        report.step(
            "A message edited in one Region, another deleted in the other, answered, reacted to",
            "one state in both; what is sent three times is done once; the text of the deleted one is gone",
            Changes(scene).edit_delete_answer_and_react,
        )
        count = WRITERS * EACH
        report.step(
            "Both Regions write to one room at once",
            f"{count} sent, {count} kept, none lost, doubled or renumbered; one order",
            scene.write_at_once,
        )
    pictures, operation = Pictures(scene), Operation(scene)
    with report.chapter("Pictures"):
        report.step("A JPEG, fetched by a signed URL in the other Region", "the same bytes", pictures.send_a_picture)
        report.step("Search by words and by a file's name", "found in every Region", Search(scene).find)
        report.step("A file of 20 MB", "refused by the API and by S3", pictures.too_large)
        report.step("A .exe called .jpg", "in quarantine, no attachment", pictures.disguised)
        report.step("An expired form", "refused by S3", pictures.expired)
        report.step(
            "Another user reads, posts, uploads, downloads, guesses",
            "404 every time",
            pictures.refuse_the_stranger,
        )
    with report.chapter("Protection"):
        report.step("A caller over the limit", "429 with Retry-After, and others are served", protection.too_often)
        report.step("A known attack, and a message about one", "403 from AWS WAF; delivered", protection.blocked)
    with report.chapter("Operation"):
        report.step(
            "A poison message, and its replay",
            "in the dead-letter queue, what is behind it delivered, archived after the replay",
            operation.poison_and_replay,
        )
        report.step(
            "That message, followed by its id (cdp trace)",
            "through both Regions and its failure, to the archive",
            operation.follow_the_poison,
        )
        report.step("One name for all Regions", "each person is led to the nearest one", operation.one_name)
        report.step(
            "A Region's table fails", "its users are led to the other Region, and back", operation.lose_the_table
        )


def main() -> int:
    """Run the demonstration; 1 when a step failed."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the system up and print its addresses")
    parser.add_argument("--scene", choices=SCENES, default="story", help="what is played; the crowd takes a minute")
    options = parser.parse_args()
    console = Console(soft_wrap=False)
    report = Report(console)
    started = time.perf_counter()
    with embedded_cloud(keep=options.keep) as (cloud, folder):
        chat = bring_up(report, cloud, folder / "cdk.out")
        live: LiveScene | None = None
        if chat is not None:
            scene = Conversation(chat)
            protection = Protection(scene)
            met = meet(report, scene)
            if met and options.scene != "crowd":
                play(report, scene, protection)
            if met:
                live = LiveScene(scene)
                asyncio.run(play_live(report, live, options.scene))
            if met and options.scene != "crowd":
                with report.chapter("Protection, later"):
                    report.step("The refused message, after Retry-After", "taken", protection.after_waiting)
            with report.chapter("Logs"):
                report.step(
                    "Secrets in the logs of all Regions",
                    "no token, address, text, code, signed URL or key",
                    lambda: search_logs(cloud, chat.regions, chat.private_values(), least=LOG_LINES),
                )
        with report.chapter("A million people"):
            report.step("The loss of a Region, for all of them", f"within {GOAL_SECONDS:,.0f} s", recovery)
        console.print()
        console.print(report.table())
        for line in live.latencies() if live is not None else ():
            console.print(line)
        if chat is not None:
            console.print(not_executed(chat.deployment))
        console.print()
        for one in answers():
            console.print(f"[bold]{one.question}[/bold], {one.answer} [dim]({one.command})[/dim]", soft_wrap=True)
        if options.keep and chat is not None:
            addresses = {"web client": open_site(cloud, chat.deployment)}
            addresses |= {f"API in {region}": address for region, address in chat.apis.items()}
            say_how_to_use(console, cloud, chat.deployment, stack=chat.stacks[chat.home], addresses=addresses)
    return report.conclude(time.perf_counter() - started)


if __name__ == "__main__":
    end_with(main)
