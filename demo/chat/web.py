"""``python -m demo.chat.web``: the chat's web client on the embedded cloud, for a browser on this machine."""

import re
import time

from rich.console import Console

from demo.chat.people import Person, new_id, sign_up
from demo.chat.site import open_site
from demo.chat.system import Chat, synthesise
from demo.embedded import embedded_cloud
from demo.report import eventually
from demo.running import end_with

PASSWORD = "Hanami-2026-demo"  # noqa: S105  # of two made-up people in a cloud that ends with this process
_CODE = re.compile(r"\bcode\b.*\b\d{6}\b")
TALK = (("Hanako", "桜が咲きました"), ("Liam", "On my way. Which gate?"), ("Hanako", "南口で待っています"))


def furnish(chat: Chat) -> tuple[str, dict[str, Person]]:
    """Make two people and a room in which they talk, one through each Region; return the room and the people."""
    pool, client = chat.user_pool
    people = {
        name: sign_up(
            chat.cloud,
            chat.home,
            client_id=client,
            user_pool_id=pool,
            apis=chat.apis,
            name=name,
            email=f"{name.lower()}@example.com",
            password=PASSWORD,
        )
        for name in ("Hanako", "Liam")
    }
    hanako, liam = people.values()
    here, there = chat.regions[0], chat.regions[-1]
    where = {"Hanako": here, "Liam": there}
    for name, person in people.items():
        person.call(where[name], "POST", "/session", json={"name": name}).raise_for_status()
    room = hanako.call(here, "POST", "/rooms", json={"name": "花見 / Hanami"}).raise_for_status().json()
    invitation = {"invite_code": room["invite_code"]}
    # The room reaches the other Region in a moment.
    join = f"/rooms/{room['room']}/members"
    eventually(
        lambda: liam.call(there, "POST", join, json=invitation).is_success or None,
        within=15,
        what="the room in the other Region",
    )
    for name, text in TALK:
        people[name].post(where[name], room["room"], text, client_message_id=new_id()).raise_for_status()
    return str(room["room"]), people


def print_addresses(console: Console, site: str, chat: Chat, room: str) -> None:
    """Say who signs in where."""
    console.print("\n[bold]The chat is open[/bold]")
    for name, region in zip(("Hanako", "Liam"), (chat.regions[0], chat.regions[-1]), strict=True):
        sign_in = f"{name.lower()}@example.com  {PASSWORD}"
        console.print(f"\n{name} in {region}: sign in with  {sign_in}", highlight=False)
        # On a line of its own, never wrapped, so that it can be copied.
        console.print(f"  {site}/rooms/{room}?region={region}", soft_wrap=True, highlight=False)


def print_codes(console: Console, chat: Chat) -> None:
    """Print the codes that the pool mails to new accounts and to those who forgot their password, until Ctrl-C."""
    seen = len(chat.cloud.sent_mails(chat.home))
    while True:
        mails = chat.cloud.sent_mails(chat.home)
        for mail in mails[seen:]:
            if _CODE.search(mail.text):
                console.print(f"Mail to {', '.join(mail.to)}: {mail.text}", highlight=False)
        seen = len(mails)
        time.sleep(1)


def main() -> int:
    """Deploy the chat and keep it running until Ctrl-C."""
    console = Console()
    started = time.perf_counter()
    with embedded_cloud() as (cloud, folder):
        directory = folder / "cdk.out"
        with console.status("Synthesise"):
            synthesise(directory)
        with console.status("Deploy two Regions and the site"):
            deployment = cloud.deploy(directory)
        chat = Chat(cloud, deployment)
        with console.status("Two people and a room"):
            site = open_site(cloud, deployment)
            room, _ = furnish(chat)
        print_addresses(console, site, chat, room)
        console.print(
            "\nUse Chromium, Chrome, Edge or Firefox: they resolve names under localhost by themselves. "
            "Two people need two profiles, or a private window.\n"
            "Codes for new accounts and forgotten passwords are printed here, since no mail leaves this machine.\n"
            f"Ready after {time.perf_counter() - started:.0f} s. Ctrl-C ends it."
        )
        try:
            print_codes(console, chat)
        except KeyboardInterrupt:
            console.print("Closing.")
    return 0


if __name__ == "__main__":
    end_with(main)
