"""``python -m demo.chat.drill``: lose a Region in the middle of a conversation, go on without it, and get it back."""

import argparse
import asyncio
import time

from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Table

from demo.chat.__main__ import bring_up
from demo.chat.crowd import Crowd
from demo.chat.live import LiveClient, until
from demo.chat.system import Chat
from demo.embedded import embedded_cloud
from demo.report import Report, expect
from demo.running import end_with
from stacks.chat import recovery

_PEOPLE, _ROOMS = 12, 4
_BEFORE, _DURING = 4.0, 8.0
_BETWEEN_MESSAGES = 0.4
_HEARTBEAT = 5.0
_BACK_WITHIN = 60.0
_UNAVAILABLE = 503


class Drill:
    """The conversation, the cut, and what is counted."""

    def __init__(self, chat: Chat, crowd: Crowd, *, lost: str) -> None:
        """Lose the Region ``lost`` of this system."""
        self.chat = chat
        self.crowd = crowd
        self.lost = lost
        self.other = next(region for region in chat.regions if region != lost)
        self.cut_at = 0.0
        self.back_after = 0.0
        self._talking = asyncio.Event()

    async def converse(self) -> None:
        """Let everybody post again and again, until the drill is over."""
        self._talking.set()
        await asyncio.gather(*(self._chatter(client, number) for number, client in enumerate(self.crowd.clients)))

    async def _chatter(self, client: LiveClient, person: int) -> None:
        number = 0
        while self._talking.is_set():
            await self.crowd.say(client, f"{person}.{number}")
            number += 1
            await asyncio.sleep(_BETWEEN_MESSAGES)

    def hush(self) -> None:
        """End the conversation when everybody has finished his sentence."""
        self._talking.clear()

    async def everybody_is_back(self) -> str:
        """Wait until everybody is live in the other Region, and has sent and received since the cut."""

        def received_since_the_cut(client: LiveClient) -> bool:
            return any(
                arrival.at > self.cut_at and arrival.live and arrival.message["author"] != client.person.user
                for arrival in client.arrivals.values()
            )

        def sent_since_the_cut(client: LiveClient) -> bool:
            return any(one.author is client and one.at > self.cut_at for one in self.crowd.sent[client.room])

        def back() -> bool:
            return all(
                client.region == self.other and sent_since_the_cut(client) and received_since_the_cut(client)
                for client in self.crowd.clients
            )

        await until(back, within=_BACK_WITHIN)
        self.back_after = time.monotonic() - self.cut_at
        moved = sum(client.regions[0] == self.lost for client in self.crowd.clients)
        return f"{moved} of {len(self.crowd.clients)} people had to move; everybody back after {self.back_after:.1f} s"

    async def sends_again(self) -> str:
        """Send messages again that the lost Region had accepted, as authors do whose answer was lost with it."""
        last = {
            room: one
            for room, sent in self.crowd.sent.items()
            for one in sorted(sent, key=lambda one: one.at)
            if one.taken_in == self.lost
        }
        expect(last, f"{self.lost} had accepted nothing")
        answers = [
            await asyncio.to_thread(
                one.author.person.post,
                self.other,
                room,
                one.message["text"],
                client_message_id=one.message["client_message_id"],
            )
            for room, one in last.items()
        ]
        same = [
            answer.is_success and answer.json()["id"] == one.message["id"]
            for answer, one in zip(answers, last.values(), strict=True)
        ]
        expect(all(same), f"answers {[answer.status_code for answer in answers]}, {sum(same)} under the same id")
        return f"{len(answers)} messages sent again in {self.other}, each the same message as before"

    async def nobody_signed_in_again(self) -> str:
        """Show that sessions outlast the cut, and what does not work while it lasts."""
        person = self.crowd.clients[0].person
        answer = person.call(self.other, "GET", "/rooms")
        expect(answer.status_code == 200, f"the token of before the cut is answered {answer.status_code}")
        if self.lost != self.chat.home:
            return "tokens of before the cut are accepted"
        refused = await asyncio.to_thread(self._sign_in)
        expect(refused == _UNAVAILABLE, f"the user pool of the lost Region answers {refused}")
        return "tokens of before the cut are accepted; new sign-ins wait for the home Region"

    def _sign_in(self) -> int:
        """Return how the user pool answers a sign-in."""
        _, client = self.chat.user_pool
        password = {"USERNAME": "somebody", "PASSWORD": "whatever"}
        try:
            self.chat.client("cognito-idp", self.chat.home).initiate_auth(
                ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=password
            )
        except ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        return 200

    async def goes_on(self) -> str:
        """Let the conversation go on without the Region."""
        before = self._count_since_the_cut()
        await asyncio.sleep(_DURING)
        accepted = self._count_since_the_cut() - before
        expect(accepted > 0, "nothing was accepted")
        since = {room: [one for one in sent if one.at > self.cut_at] for room, sent in self.crowd.sent.items()}
        taken_in = {one.taken_in for sent in since.values() for one in sent}
        expect(taken_in == {self.other}, f"accepted in {sorted(taken_in)}")
        rooms = sum(map(bool, since.values()))
        expect(rooms == len(self.crowd.rooms), f"{rooms} of {len(self.crowd.rooms)} rooms went on")
        return f"{accepted} messages in {rooms} rooms accepted in {self.other} alone"

    def _count_since_the_cut(self) -> int:
        return sum(one.at > self.cut_at for sent in self.crowd.sent.values() for one in sent)

    async def catches_up(self) -> str:
        """Compare what everybody has, and what both Regions answer, with what was accepted."""
        complete = await self.crowd.settle(within=_BACK_WITHIN)
        outcome = self.crowd.outcome()
        expect(complete and outcome.sound, outcome.figures())
        for room, members in self.crowd.rooms.items():
            person = members[0].person
            histories = [await asyncio.to_thread(person.history, region, room) for region in self.chat.regions]
            same = [[message["id"] for message in history] for history in histories]
            expect(all(one == members[0].shown() for one in same), f"the Regions answer {[len(one) for one in same]}")
        return f"{outcome.figures()}; both Regions answer the same"


async def play(report: Report, chat: Chat, lost: str) -> float:
    """Play the drill; return the seconds from the cut until everybody could send and receive again."""
    async with Crowd(chat, heartbeat=_HEARTBEAT) as crowd:
        drill = Drill(chat, crowd, lost=lost)

        async def open_rooms() -> str:
            await asyncio.to_thread(crowd.gather, people=_PEOPLE, rooms=_ROOMS)
            await crowd.open_rooms()
            there = sum(client.region == lost for client in crowd.clients)
            return f"{_PEOPLE} people live in {_ROOMS} rooms, {there} of them in {lost}"

        if not await report.step_async("People near both Regions open their rooms", "everybody live", open_rooms):
            return 0.0
        conversation = asyncio.create_task(drill.converse())
        await asyncio.sleep(_BEFORE)
        with chat.cloud.cut_off(lost):
            drill.cut_at = time.monotonic()
            report.console.print(f"  [yellow]{lost} is cut off[/yellow]")
            await report.step_async(
                "Everybody sends and receives again", f"all in {drill.other}", drill.everybody_is_back
            )
            await report.step_async("The conversation goes on", "in every room", drill.goes_on)
            await report.step_async(
                "Messages whose answer was lost are sent again", "the same messages", drill.sends_again
            )
            await report.step_async("Who was signed in stays signed in", "200", drill.nobody_signed_in_again)
        report.console.print(f"  [yellow]{lost} is back[/yellow]")
        await asyncio.sleep(_BEFORE)
        drill.hush()
        await conversation
        await report.step_async(
            "The Region catches up", "lost 0, doubled 0, renumbered 0, one order everywhere", drill.catches_up
        )
        return drill.back_after


def computed() -> Table:
    """Return AWS's part of the recovery, which no drill on one machine can measure."""
    table = Table(title=f"AWS's part for {recovery.PEOPLE:,} people, computed from its default quotas")
    table.add_column("Stage")
    table.add_column("Seconds", justify="right")
    table.add_column("Follows from")
    for stage in recovery.stages():
        table.add_row(stage.name, f"{stage.seconds:,.0f}", stage.source)
    goal = recovery.GOAL_SECONDS
    table.add_row("In all", f"{recovery.total_seconds():,.0f}", f"the goal is {goal:,.0f} s", style="bold")
    again = f"{recovery.seconds_to_sign_in_again():,.0f}"
    table.add_row("If everybody had to sign in again", again, f"{recovery.SIGN_INS:.0f} sign-ins/s: avoided")
    return table


def main() -> int:
    """Run the drill; 1 when something was lost or did not go on."""
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("--lose", choices=("home", "other"), default="home", help="which Region is lost")
    options = parser.parse_args()
    console = Console(soft_wrap=False)
    report = Report(console)
    back_after = 0.0
    with embedded_cloud() as (cloud, folder):
        chat = bring_up(report, cloud, folder / "cdk.out")
        if chat is not None:
            lost = next(region for region in chat.regions if (region == chat.home) is (options.lose == "home"))
            with report.chapter(f"{lost} is lost"):
                back_after = asyncio.run(play(report, chat, lost))
    console.print()
    console.print(report.table())
    console.print(computed())
    console.print(f"The chat's own part, measured here: {back_after:.1f} s from the cut until everybody was back.")
    return 0 if report.passed else 1


if __name__ == "__main__":
    end_with(main)
