"""The page of board D9 in Chromium: two people, each with an identity of their own, and nothing of ours in between."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from playwright.sync_api import Browser, Page, expect

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture
from cdp_constructs.testing.waiting import eventually
from demo.chat.site import open_site
from demo.dojo.browsers import BrowserBoard, item_of, time_of
from demo.dojo.notified import subscribe_phone
from stacks.dojo import system

pytestmark = pytest.mark.browser

# `make test` validates the templates and runs the packs; here only browsers judge.
os.environ.setdefault("CDK_VALIDATION", "false")

PASSWORD = "Correct-horse-9-battery"
# Of one point.
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c626001000000ffff03000006000557bfabd4"
    "0000000049454e44ae426082"
)
# As the tests of the chat wait: the option is one for all that run together.
expect.set_options(timeout=60_000)


@architecture
def browser_only(app: App) -> None:
    system.add_to(app, {"boards": ["browser_only"]})


@pytest.fixture(scope="session")
def nag_packs() -> Callable[[App], list[Any]]:
    return lambda _app: []


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Deployment]) -> Deployment:
    return deployed(browser_only)


@pytest.fixture(scope="module")
def board(local_cloud: LocalCloud, deployment: Deployment) -> BrowserBoard:
    return BrowserBoard(local_cloud, deployment, "BrowserOnly")


@pytest.fixture
def visitor(local_cloud: LocalCloud, deployment: Deployment, chromium: Browser) -> Iterator[Callable[[], Page]]:
    """Open the page in a browser of one's own; consoles must stay silent."""
    site, problems = open_site(local_cloud, deployment), []

    def heard(text: str) -> None:
        # The browser notes each answer 4xx by itself: a picture that is not there has one.
        if "Failed to load resource" not in text:
            problems.append(text)

    with ExitStack() as leaving:

        def come() -> Page:
            page = leaving.enter_context(chromium.new_context()).new_page()
            page.on("console", lambda message: heard(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.goto(f"{site}/")
            return page

        yield come
    assert problems == []


def sign_in(page: Page, name: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("E-mail").fill(f"{name}@example.com")
    page.get_by_label("Password").fill(PASSWORD)


def enter(page: Page, board: BrowserBoard, name: str) -> None:
    """Sign up with the code that comes by mail, and sign in."""
    sign_in(page, name)
    page.get_by_role("button", name="Sign up").click()
    code = page.get_by_label("Code from the mail")
    expect(code).to_be_visible()
    mails = [mail for mail in board.cloud.sent_mails(board.region) if mail.to == [f"{name}@example.com"]]
    [found] = re.findall(r"\b\d{6}\b", mails[-1].text)[:1]
    code.fill(found)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Room lobby")).to_be_visible()


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()


def sees(page: Page, text: str) -> None:
    expect(page.get_by_role("log").get_by_text(text, exact=True)).to_have_count(1)


def test_two_people_talk_without_a_server(board: BrowserBoard, visitor: Callable[[], Page], tmp_path: Path) -> None:
    ann, ben = visitor(), visitor()
    enter(ann, board, "ann")
    enter(ben, board, "ben")

    # Somebody has written what no page writes; it costs itself only.
    poison = {
        "owner": "eve",
        "id": "1",
        "room": "lobby",
        "sent": f"{time_of()}?",
        "attachment": "files/eve/nowhere.png",
    }
    board.client("dynamodb").put_item(TableName=board.messages, Item=item_of(poison))
    say(ann, "hello")
    sees(ben, "hello")
    sees(ben, "The picture is not there")

    picture = tmp_path / "cat.png"
    picture.write_bytes(PICTURE)
    ben.get_by_label("Picture").set_input_files(picture)
    say(ben, "my cat")
    sees(ann, "my cat")
    # Loaded with the credentials of who reads, and shown.
    eventually(lambda: ann.evaluate("document.querySelector('#messages img')?.naturalWidth === 1"), within=30)

    mia = subscribe_phone(board, "mia")
    away = item_of({"owner": "mia's", "name": "mia", "seen": "0"})
    board.client("dynamodb").put_item(TableName=board.people, Item=away)
    say(ann, "@mia and @ben, have you seen it?")
    [notice] = eventually(mia.received, within=30)
    assert (notice["person"], notice["author"], notice["room"]) == ("mia", "ann", "lobby")

    ben.get_by_label("Messages by").fill("ann")
    ben.get_by_role("button", name="Search").click()
    expect(ben.get_by_role("list", name="Found").locator(".text")).to_have_count(2)

    # What is not sent yet comes back to its writer, and the conversation to everybody.
    ann.get_by_label("Message", exact=True).fill("not yet")
    ann.get_by_label("Messages by").focus()
    people = board.client("dynamodb")
    eventually(lambda: "not yet" in str(people.scan(TableName=board.people)["Items"]), within=30)
    ann.reload()
    sign_in(ann, "ann")
    ann.get_by_role("button", name="Sign in").click()
    expect(ann.get_by_label("Message", exact=True)).to_have_value("not yet")
    said = ann.get_by_role("log").locator(".author:text-is('ann') ~ .text, .author:text-is('ben') ~ .text")
    expect(said).to_have_text(["hello", "my cat", "@mia and @ben, have you seen it?"])
