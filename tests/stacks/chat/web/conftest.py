"""The chat with its web client on the embedded cloud, and people with browsers of their own in front of it."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, waiting
from demo.chat.people import Person, sign_up
from demo.chat.site import DOMAIN, open_site
from demo.chat.system import Chat
from stacks.chat import system

# `make test` validates the templates and runs the packs; here only browsers judge.
os.environ.setdefault("CDK_VALIDATION", "false")

ROOT = Path(__file__).parents[4]
AXE = ROOT / "stacks/chat/web/node_modules/axe-core/axe.min.js"
HOME, AWAY = "ap-northeast-1", "us-west-2"
PASSWORD = "Correct-horse-9-battery"
# A busy machine is slow, and functions that make thumbnails start cold; nothing waits longer than it must.
PATIENCE = 60
expect.set_options(timeout=PATIENCE * 1000)
eventually = partial(waiting.eventually, within=PATIENCE)


# As it comes, but that browsers have the push service of the embedded cloud.
NOTICES = {"identity": DOMAIN, "sender": f"Chat <notices@{DOMAIN}>", "push_services": ["localhost"]}


@architecture
def chat_with_a_name(app: App) -> None:
    system.add_to(app, {**app.node.try_get_context("chat"), "notices": NOTICES})


@pytest.fixture(scope="session")
def nag_packs() -> Callable[[App], list[Any]]:
    return lambda _app: []


@dataclass
class Someone:
    """A person at a browser."""

    account: Person
    email: str
    region: str
    site: str
    page: Page
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.account.name

    def url(self, path: str) -> str:
        address, _, fragment = path.partition("#")
        return f"{self.site}{address}?region={self.region}{f'#{fragment}' if fragment else ''}"

    def go(self, path: str = "/") -> None:
        self.page.goto(self.url(path))

    def open(self, room: str) -> None:
        self.go(f"/rooms/{room}")
        expect(self.page.get_by_role("textbox")).to_be_visible()
        # From here on what others say arrives by itself.
        eventually(lambda: self.page.evaluate("document.querySelector('.profile-region') !== null"))

    def say(self, text: str) -> None:
        self.page.get_by_role("textbox").fill(text)
        self.page.keyboard.press("Enter")

    def sees(self, text: str) -> None:
        expect(self.page.locator(".message", has_text=text)).to_have_count(1)

    def texts(self) -> list[str]:
        """What the conversation says, from top to bottom."""
        return self.page.locator(".message-text").all_inner_texts()

    def settled(self) -> bool:
        """Whether nothing waits to be sent any more."""
        return self.page.locator(".outgoing").count() == 0


class Visitors:
    """Opens browsers and looks at what their consoles said."""

    def __init__(self, browser: Browser, chat: Chat, site: str) -> None:
        self.browser = browser
        self.chat = chat
        self.site = site
        self.everyone: list[Someone] = []
        self._contexts: list[BrowserContext] = []

    def account(self, name: str, email: str = "") -> tuple[Person, str]:
        """Make an account by Cognito's API."""
        pool, client = self.chat.user_pool
        number = len(self.everyone)
        email = email or f"{name.lower()}-{number}-{id(self)}@example.com"
        person = sign_up(
            self.chat.cloud,
            self.chat.home,
            client_id=client,
            user_pool_id=pool,
            apis=self.chat.apis,
            name=name,
            email=email,
            password=PASSWORD,
        )
        person.call(HOME, "POST", "/session", json={"name": name}).raise_for_status()
        return person, email

    def code_for(self, address: str) -> str:
        """Return the code that was mailed to an address last."""
        mail = [mail for mail in self.chat.cloud.sent_mails(HOME) if mail.to == [address]][-1]
        code: str = re.findall(r"\d{6}", mail.text + mail.html)[-1]
        return code

    def browser_of(
        self, account: Person, email: str, region: str, *, signed_in: bool = True, **options: Any
    ) -> Someone:
        """Open a browser with a profile of its own, in which the person has signed in before or not."""
        # Only tests about it have a service worker: it hides requests from those who watch the page.
        options = {"service_workers": "block", **options}
        options = {"locale": "en-US", "color_scheme": "light", "viewport": {"width": 1200, "height": 800}, **options}
        context = self.browser.new_context(permissions=["clipboard-read", "clipboard-write"], **options)
        self._contexts.append(context)
        if signed_in:
            kept = json.dumps(self.session(email))
            context.add_init_script(
                f"localStorage.getItem('chat.account') ?? localStorage.setItem('chat.account', {kept!r})"
            )
        page = context.new_page()
        someone = Someone(account, email, region, self.site, page)
        page.on("console", lambda message: self._heard(someone, message))
        page.on("pageerror", lambda error: someone.problems.append(str(error)))
        self.everyone.append(someone)
        return someone

    def person(self, name: str, region: str, **options: Any) -> Someone:
        """Make an account and open a browser in which it is signed in."""
        return self.browser_of(*self.account(name), region, **options)

    def session(self, email: str) -> dict[str, Any]:
        """Sign in, and return what the page would keep."""
        cognito = self.chat.cloud.client("cognito-idp", region=self.chat.home)
        answer = cognito.initiate_auth(
            ClientId=self.chat.user_pool[1],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": PASSWORD},
        )["AuthenticationResult"]
        user = cognito.get_user(AccessToken=answer["AccessToken"])
        attributes = {one["Name"]: one["Value"] for one in user["UserAttributes"]}
        # Its time is over, so the page begins with a refresh.
        return {
            "email": email,
            "user": attributes["sub"],
            "accessToken": answer["AccessToken"],
            "refreshToken": answer["RefreshToken"],
            "expiresAt": 0,
        }

    def room(self, owner: Person, *others: Person, name: str = "Hanami") -> tuple[str, str]:
        """Make a room that everybody is in, in both Regions; return it and its invite code."""
        made = owner.call(HOME, "POST", "/rooms", json={"name": name}).raise_for_status().json()
        room, code = made["room"], made["invite_code"]
        for other in others:
            other.call(HOME, "POST", f"/rooms/{room}/members", json={"invite_code": code}).raise_for_status()
        for person in (owner, *others):
            eventually(lambda person=person: person.call(AWAY, "GET", f"/rooms/{room}").is_success)
        return room, code

    def close(self) -> list[str]:
        """Close everybody's browser; return what a console said that it should not have."""
        for context in self._contexts:
            context.close()
        return [f"{someone.name}: {problem}" for someone in self.everyone for problem in someone.problems]

    @staticmethod
    def _heard(someone: Someone, message: ConsoleMessage) -> None:
        # The browser notes each answer 4xx by itself; they belong to a conversation with an API.
        if message.type == "error" and "Failed to load resource" not in message.text:
            someone.problems.append(message.text)


@pytest.fixture(scope="session")
def chat(local_cloud: LocalCloud, deployed: Callable[..., Deployment]) -> Chat:
    return Chat(local_cloud, deployed(chat_with_a_name))


@pytest.fixture(scope="session")
def site(local_cloud: LocalCloud, chat: Chat) -> str:
    return open_site(local_cloud, chat.deployment)


@pytest.fixture
def visitors(chromium: Browser, chat: Chat, site: str) -> Iterator[Visitors]:
    visitors = Visitors(chromium, chat, site)
    yield visitors
    assert visitors.close() == []


@pytest.fixture
def two(visitors: Visitors) -> tuple[Someone, Someone, str]:
    """Two people in one room, each in a Region of their own."""
    hanako, liam = visitors.person("Hanako", HOME), visitors.person("Liam", AWAY)
    room, _ = visitors.room(hanako.account, liam.account)
    hanako.open(room)
    liam.open(room)
    return hanako, liam, room


@pytest.fixture(scope="session")
def violations() -> Callable[[Page], list[str]]:
    """Return a function that says what axe finds on a page, contrast included."""
    source = AXE.read_text()

    def find(page: Page) -> list[str]:
        # Not a script element: the content security policy would refuse it.
        page.evaluate(source)
        found: list[Mapping[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    return find
