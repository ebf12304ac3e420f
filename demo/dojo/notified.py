"""Where somebody who is away gets a notice: a browser, a phone, or a mailbox."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from cdp_constructs.testing import Browser
from demo.dojo.people import Person
from demo.dojo.stage import Deployed
from demo.report import expect

__all__ = ["Place", "PlaceOf", "browser_of", "mailbox_of", "phone_of", "subscribe_phone"]


class Place(Protocol):
    """Where a person is notified."""

    def received(self) -> list[dict[str, Any]]:
        """Return the notices that came."""


PlaceOf = Callable[[Deployed, Person], Awaitable[Place]]
"""Makes the place of a person."""


class _Browser:
    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    def received(self) -> list[dict[str, Any]]:
        """Return the notices that came."""
        return [json.loads(text) for text in self._browser.received()]


class _Phone:
    def __init__(self, stage: Deployed, token: str) -> None:
        self._stage, self._token = stage, token

    def received(self) -> list[dict[str, Any]]:
        """Return the notices that came."""
        pushes = self._stage.cloud.pushes(self._stage.region)
        return [json.loads(push.message) for push in pushes if push.token == self._token]


class _Mailbox:
    def __init__(self, stage: Deployed, person: Person, address: str) -> None:
        self._stage, self._person, self._address = stage, person, address

    def mails(self, subject: str) -> list[str]:
        """Return the texts of mails that came, by what their subject has."""
        every = self._stage.cloud.sent_mails(self._stage.region)
        return [one.text for one in every if one.to == [self._address] and subject in one.subject]

    def received(self) -> list[dict[str, Any]]:
        """Return the notices that came; a mail has the author first, and the address of the room last."""
        return [
            {"person": self._person.name, "author": text.split()[0], "url": text.split()[-1]}
            for text in self.mails("mentioned")
        ]


async def mailbox_of(stage: Deployed, person: Person) -> Place:
    """Let a person be on a PC, with an address that is proven by the code that comes there."""
    address = f"{person.name}@example.com"
    mailbox = _Mailbox(stage, person, address)
    answer = await person.ask("PUT", "/device", json={"kind": "pc", "mail": address})
    # A code that was sent by an attempt whose answer was lost is as good.
    expect(answer.status_code in {202, 429}, f"PUT /device: {answer.status_code} {answer.text}")
    [text, *_] = await asyncio.to_thread(mailbox.mails, "code")
    confirmed = await person.ask("PUT", "/device/code", json={"code": text.split()[-1]})
    expect(confirmed.status_code == 204, f"PUT /device/code: {confirmed.status_code} {confirmed.text}")
    return mailbox


async def browser_of(stage: Deployed, person: Person) -> Place:
    """Let a person's browser subscribe: the board's servers send to its push service themselves."""
    browser = Browser(stage.cloud, stage.outputs["PushKey"])
    keys = {"p256dh": browser.p256dh, "auth": browser.auth}
    answer = await person.ask("PUT", "/push", json={"endpoint": browser.endpoint, "keys": keys})
    expect(answer.status_code == 204, f"PUT /push: {answer.status_code} {answer.text}")
    return _Browser(browser)


async def phone_of(stage: Deployed, person: Person) -> Place:
    """Subscribe a person's phone to the board's topic."""
    return await asyncio.to_thread(subscribe_phone, stage, person.name)


def subscribe_phone(stage: Deployed, person: str) -> Place:
    """Subscribe the phone of somebody of this name to the board's topic."""
    sns, token = stage.client("sns"), secrets.token_hex(16)
    application = sns.create_platform_application(
        Name="dojo", Platform="GCM", Attributes={"PlatformCredential": "made-up"}
    )["PlatformApplicationArn"]
    endpoint = sns.create_platform_endpoint(PlatformApplicationArn=application, Token=token)["EndpointArn"]
    sns.subscribe(
        TopicArn=stage.outputs["TopicArn"],
        Protocol="application",
        Endpoint=endpoint,
        Attributes={"FilterPolicy": json.dumps({"person": [person]})},
    )
    return _Phone(stage, token)
