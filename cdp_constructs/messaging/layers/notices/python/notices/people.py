"""Users' preferences and devices, in a table that may be replicated: each item is what one user decided.

Items: ``USER#<user>`` / ``NOTICES`` (preferences), ``DEVICE#<device>`` (a device), ``SEEN#<topic>`` (what was seen);
``DEVICE#<device>`` / ``OWNER`` (whose it is); ``ADDRESS#<address>`` / ``MAIL`` (an address that takes no more mail).
"""

import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from notices.devices import Devices, user_key
from notices.values import Preferences, Reason, check_choice

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

# Longer than the longest quiet period: what was seen matters for notices that still wait.
_SEEN_SECONDS = 3 * 24 * 3600


class Notices(Devices):
    """Preferences and devices of users."""

    def __init__(
        self,
        table: "Table",
        *,
        platforms: Mapping[str, str] | None = None,
        web_push: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Use a table.

        Args:
            table: Keys ``pk`` and ``sk``, time to live by ``expires_at``.
            platforms: ARN of the platform application by platform, such as ``{"fcm": "arn:…"}``.
            web_push: ``public_key`` and ``services`` of Web Push; without it browsers cannot subscribe.
            clock: Epoch seconds.
        """
        super().__init__(table, platforms or {}, web_push)
        self._clock = clock

    @classmethod
    def from_environment(cls, variable: str = "NOTICES") -> "Notices":
        """Use what ``Notifications.share_with`` wrote into a variable of the environment."""
        config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "max_attempts": 3})
        settings = json.loads(os.environ[variable])
        table = boto3.resource("dynamodb", config=config).Table(settings["table"])
        return cls(table, platforms=settings["platforms"], web_push=settings.get("web_push"))

    def preferences(self, user: str) -> Preferences:
        """Return what the user chose."""
        item: dict[str, Any] = self._get(user_key(user), "NOTICES")
        address = item.get("address")
        off = self._get(_address(address), "MAIL") if address else {}
        return Preferences(
            mail=bool(item.get("mail", False)),
            push=bool(item.get("push", True)),
            quiet_minutes=int(item.get("quiet_minutes", 15)),
            language=item.get("language"),
            address=address,
            mail_off=off.get("reason"),
        )

    def choose(
        self, user: str, *, mail: bool, push: bool, quiet_minutes: int, language: str, address: str | None = None
    ) -> Preferences:
        """Keep what the user chose, and return it.

        Args:
            user: The user.
            mail: Whether mail is wanted.
            push: Whether push is wanted.
            quiet_minutes: 5 to 1,440.
            language: ``en`` or ``ja``.
            address: Where mail goes. Give only an address that is proven to be the user's, or strangers can be sent
                mail. None keeps the one that is there.

        Raises:
            ValueError: for a value that is not allowed; the message says which and what is.
        """
        check_choice(mail=mail, push=push, quiet_minutes=quiet_minutes, language=language, address=address)
        values = {":mail": mail, ":push": push, ":quiet": quiet_minutes, ":language": language}
        update = "SET mail = :mail, push = :push, quiet_minutes = :quiet, #language = :language"
        # Its holder can switch mail off, and nothing else.
        values[":token"] = secrets.token_urlsafe(24)
        update += ", unsubscribe_token = if_not_exists(unsubscribe_token, :token)"
        if address is not None:
            values[":address"] = address
            update += ", address = :address"
        self._table.update_item(
            Key={"pk": user_key(user), "sk": "NOTICES"},
            UpdateExpression=update,
            ExpressionAttributeNames={"#language": "language"},
            ExpressionAttributeValues=values,
        )
        return self.preferences(user)

    def forget(self, user: str) -> None:
        """Forget a user: choice, address, devices and what was seen. Nothing is sent from then on.

        That an address takes no mail is kept: it is about the address.
        """
        # The address first, so that a call that breaks off has ended the mails.
        self._table.delete_item(Key={"pk": user_key(user), "sk": "NOTICES"})
        for item in self._items(user, "DEVICE#"):
            self.remove_device(user, str(item["sk"]).removeprefix("DEVICE#"))
        for item in self._items(user, "SEEN#"):
            self._table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})

    def follow(self, user: str, preferences: Preferences, address: str) -> Preferences:
        """Return what the user chose, after taking over the address that the user's account has now."""
        if address == preferences.address:
            return preferences
        self._table.update_item(
            Key={"pk": user_key(user), "sk": "NOTICES"},
            UpdateExpression="SET address = :address",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":address": address},
        )
        return self.preferences(user)

    def seen(self, user: str, topic: str) -> None:
        """Say that the user has seen the topic: what waits for a digest from before now is not sent any more."""
        now = self._clock()
        self._table.put_item(
            Item={
                "pk": user_key(user),
                "sk": f"SEEN#{topic}",
                "seen_ms": int(now * 1000),
                "expires_at": int(now) + _SEEN_SECONDS,
            }
        )

    def seen_ms(self, user: str, topic: str) -> int:
        """Return when the user last saw the topic, in epoch milliseconds; 0 for long ago or never."""
        return int(self._get(user_key(user), f"SEEN#{topic}").get("seen_ms", 0))

    def unsubscribe_token(self, user: str) -> str:
        """Return the token with which a reader of the user's mail switches it off."""
        return str(self._get(user_key(user), "NOTICES")["unsubscribe_token"])

    def unsubscribe(self, user: str, token: str) -> bool:
        """Switch mail off for the holder of a mail's token; False for a wrong one."""
        try:
            self._table.update_item(
                Key={"pk": user_key(user), "sk": "NOTICES"},
                UpdateExpression="SET mail = :off",
                ConditionExpression="unsubscribe_token = :token",
                ExpressionAttributeValues={":off": False, ":token": token},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def switch_mail_off(self, address: str, reason: Reason) -> None:
        """Send no more mail to an address, whichever user chose it."""
        item = {"pk": _address(address), "sk": "MAIL", "reason": reason, "since_ms": int(self._clock() * 1000)}
        self._table.put_item(Item=item)


def _address(address: str) -> str:
    return f"ADDRESS#{address.lower()}"
