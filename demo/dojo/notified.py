"""Where somebody who is away gets a notice: a browser, or a phone."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from cdp_constructs.testing import Browser
from demo.dojo.people import Person
from demo.dojo.stage import Deployed
from demo.report import expect

__all__ = ["Place", "PlaceOf", "browser_of", "phone_of", "subscribe_phone"]


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
