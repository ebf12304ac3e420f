"""Notices to people who were mentioned while they were away."""

import asyncio
import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, StringConstraints

from stacks.dojo.app.ports import Notice, Notices, Store, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

    from stacks.dojo.app.mails import Mails

__all__ = ["DeviceNotices", "PushNotices", "Subscription", "TopicNotices", "deliver"]

_LOG = logging.getLogger(__name__)
_PAUSE = 1.0
_LOCAL = "localhost"
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


# One form that every parser of URLs reads alike, and PostgreSQL stores: no user, no port but 443, no backslash.
_Address = Annotated[
    str,
    StringConstraints(
        max_length=2000,
        pattern=r"^(https://[a-z0-9-]+(\.[a-z0-9-]+)+(:443)?|http://localhost:[0-9]{1,5})/[A-Za-z0-9_.~:/?=&%+-]*$",
    ),
]
_Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_=-]{1,200}$")]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="ignore")
    p256dh: _Key
    auth: _Key


class Subscription(BaseModel):
    """What a browser says of where it receives notices (PushSubscription.toJSON())."""

    model_config = ConfigDict(extra="ignore")
    endpoint: _Address
    keys: _Keys

    def check(self, hosts: tuple[str, ...]) -> None:
        """Refuse an endpoint that is no push service: the chat would send requests wherever a person wants.

        Raises:
            ValueError: it is none of the hosts, or not HTTPS.
        """
        found = urlsplit(self.endpoint)
        host = found.hostname or ""
        if found.scheme == "http" and host == _LOCAL in hosts:
            # The push service of the embedded cloud, which has no HTTPS.
            return
        if found.scheme != "https" or not any(host == name or host.endswith(f".{name}") for name in hosts):
            raise ValueError("the endpoint is none of the push services that this chat sends to")


@dataclass(frozen=True)
class TopicNotices:
    """By an SNS topic. Subscriptions choose a person by the attribute ``person``."""

    sns: "SNSClient"
    topic: str
    base_url: str

    async def send(self, notice: Notice) -> bool:
        """Publish a notice."""
        await asyncio.to_thread(
            self.sns.publish,
            TopicArn=self.topic,
            Message=json.dumps(_content(notice, self.base_url)),
            MessageAttributes={"person": {"DataType": "String", "StringValue": notice.person}},
        )
        return True


@dataclass(frozen=True)
class DeviceNotices:
    """By mail to who is on a PC, and by the topic to who has a phone."""

    mails: "Mails"
    phones: TopicNotices

    async def send(self, notice: Notice) -> bool:
        """Send a mail, or publish the notice: never both."""
        address = (notice.push or {}).get("mail")
        if address is None:
            return await self.phones.send(notice)
        content = _content(notice, self.phones.base_url)
        text = f"{notice.author} has mentioned you, {notice.person}, in {notice.room}:\n\n{content['url']}\n"
        await self.mails.send(address, f"{notice.author} has mentioned you in {notice.room}", text)
        return True


@dataclass(frozen=True)
class PushNotices:
    """By Web Push, to the browser of the person."""

    key: str
    contact: str
    base_url: str

    async def send(self, notice: Notice) -> bool:
        """Send a notice; a person without a subscription gets none."""
        from py_vapid import Vapid02  # type: ignore[import-untyped]
        from pywebpush import WebPushException, webpush  # type: ignore[import-untyped]

        if notice.push is None:
            return True
        try:
            await asyncio.to_thread(
                webpush,
                subscription_info=notice.push,
                data=json.dumps(_content(notice, self.base_url)),
                # Of a text pywebpush takes DER only.
                vapid_private_key=Vapid02.from_pem(self.key.encode()),
                vapid_claims={"sub": self.contact},
                ttl=3600,
                timeout=10,
            )
        except WebPushException as error:
            if error.response is not None and error.response.status_code in _GONE:
                return False
            raise
        return True


def _content(notice: Notice, base_url: str) -> dict[str, Any]:
    return {
        "person": notice.person,
        "room": notice.room,
        "number": notice.number,
        "author": notice.author,
        "url": f"{base_url}/rooms/{notice.room}/page",
    }


async def deliver(store: Store, notices: Notices) -> None:
    """Send what is due, without end."""
    while True:
        try:
            if await store.deliver(notices.send):
                continue
        except UnavailableError as error:
            _LOG.warning("notices wait: %s", error)
        await asyncio.sleep(_PAUSE)
