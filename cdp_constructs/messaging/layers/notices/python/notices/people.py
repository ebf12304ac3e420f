"""Users' preferences and devices, in a table that may be replicated: each item is one user's own word.

Items: ``USER#<user>`` / ``NOTICES`` (preferences), ``DEVICE#<device>`` (a device), ``SEEN#<topic>`` (what was seen);
``DEVICE#<device>`` / ``OWNER`` (whose it is); ``ADDRESS#<address>`` / ``MAIL`` (an address that takes no more mail).
"""

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LANGUAGES = ("en", "ja")
QUIET_MINUTES = range(5, 24 * 60 + 1)
MOST_DEVICES = 20
LONGEST_TOKEN = 4096
_LONGEST_ADDRESS = 254
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+")
# Longer than the longest quiet period: what was seen matters for notices that still wait.
_SEEN_SECONDS = 3 * 24 * 3600

Reason = Literal["bounce", "complaint"]


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """What a user chose; the defaults are for a user who chose nothing."""

    mail: bool = False
    """Wants mail. Without an ``address`` there is none."""
    push: bool = True
    """Wants push on the devices that the user registered."""
    quiet_minutes: int = 15
    """After a notice of a topic, what comes next waits so long and goes out as one digest."""
    language: str | None = None
    """``en`` or ``ja``."""
    address: str | None = None
    """Where mail goes."""
    mail_off: str | None = None
    """``bounce`` or ``complaint``: why the address takes no more mail, whatever ``mail`` says."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A mobile device of a user."""

    device: str
    platform: str
    token: str
    endpoints: Mapping[str, str]
    """SNS endpoint by Region; made when a Region first pushes to the device."""


class Notices:
    """Preferences and devices of users."""

    def __init__(
        self, table: "Table", *, platforms: Mapping[str, str] | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """Use a table.

        Args:
            table: Keys ``pk`` and ``sk``, time to live by ``expires_at``.
            platforms: ARN of the platform application by platform, such as ``{"fcm": "arn:…"}``.
            clock: Epoch seconds.
        """
        self._table = table
        self._platforms = dict(platforms or {})
        self._clock = clock

    @classmethod
    def from_environment(cls) -> "Notices":
        """Use what ``Notifications.share_with`` wrote into the environment."""
        config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "max_attempts": 3})
        table = boto3.resource("dynamodb", config=config).Table(os.environ["NOTICES_TABLE"])
        return cls(table, platforms=json.loads(os.environ["NOTICES_PLATFORMS"]))

    def preferences(self, user: str) -> Preferences:
        """Return what the user chose."""
        item: dict[str, Any] = self._get(_user(user), "NOTICES")
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
        if not isinstance(mail, bool) or not isinstance(push, bool):
            raise ValueError("mail and push are yes or no, as booleans")  # noqa: TRY004 - a wrong value of a client
        if quiet_minutes not in QUIET_MINUTES:
            raise ValueError(f"quiet_minutes is {quiet_minutes}; use {QUIET_MINUTES[0]} to {QUIET_MINUTES[-1]}")
        if language not in LANGUAGES:
            raise ValueError(f"language is {language!r}; use one of {', '.join(LANGUAGES)}")
        if address is not None and not (len(address) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(address)):
            raise ValueError("address is not a plain mail address in ASCII")
        values = {":mail": mail, ":push": push, ":quiet": quiet_minutes, ":language": language}
        update = "SET mail = :mail, push = :push, quiet_minutes = :quiet, #language = :language"
        # Whoever has it can switch mail off, and nothing else.
        values[":token"] = secrets.token_urlsafe(24)
        update += ", unsubscribe_token = if_not_exists(unsubscribe_token, :token)"
        if address is not None:
            values[":address"] = address
            update += ", address = :address"
        self._table.update_item(
            Key={"pk": _user(user), "sk": "NOTICES"},
            UpdateExpression=update,
            ExpressionAttributeNames={"#language": "language"},
            ExpressionAttributeValues=values,
        )
        return self.preferences(user)

    def add_device(self, user: str, platform: str, token: str) -> str:
        """Register a device for push, and return its id: the same one for the same token.

        A token that another user registered moves to this one: the device has changed hands, or its user has signed in
        as somebody else.

        Raises:
            ValueError: for an unknown platform, an empty or too long token, or too many devices.
        """
        if platform not in self._platforms:
            known = ", ".join(sorted(self._platforms)) or "none"
            raise ValueError(f"platform is {platform!r}; there are {known}")
        if not token or len(token) > LONGEST_TOKEN or not token.isprintable():
            raise ValueError(f"token must be printable, with 1 to {LONGEST_TOKEN} characters")
        device = hashlib.sha256(f"{platform}#{token}".encode()).hexdigest()[:32]
        mine = {entry.device for entry in self.devices(user)}
        if device not in mine and len(mine) >= MOST_DEVICES:
            raise ValueError(f"{MOST_DEVICES} devices are registered; remove one")
        # In this order a call that breaks off can be repeated: the former owner is forgotten last.
        before = self._get(_device(device), "OWNER").get("user")
        if before not in {None, user}:
            self._table.delete_item(Key={"pk": _user(str(before)), "sk": _device(device)})
        self._table.put_item(Item={"pk": _device(device), "sk": "OWNER", "user": user})
        self._table.update_item(
            Key={"pk": _user(user), "sk": _device(device)},
            UpdateExpression="SET platform = :platform, #token = :token",
            ExpressionAttributeNames={"#token": "token"},
            ExpressionAttributeValues={":platform": platform, ":token": token},
        )
        return device

    def remove_device(self, user: str, device: str) -> bool:
        """Forget a device of the user; False when the user has no such device."""
        answer = self._table.delete_item(Key={"pk": _user(user), "sk": _device(device)}, ReturnValues="ALL_OLD")
        try:
            self._table.delete_item(
                Key={"pk": _device(device), "sk": "OWNER"},
                ConditionExpression="#user = :user",
                ExpressionAttributeNames={"#user": "user"},
                ExpressionAttributeValues={":user": user},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
        return "Attributes" in answer

    def seen(self, user: str, topic: str) -> None:
        """Say that the user has seen the topic: what waits for a digest from before now is not sent any more."""
        now = self._clock()
        self._table.put_item(
            Item={
                "pk": _user(user),
                "sk": f"SEEN#{topic}",
                "seen_ms": int(now * 1000),
                "expires_at": int(now) + _SEEN_SECONDS,
            }
        )

    def devices(self, user: str) -> list[Device]:
        """List the user's devices."""
        answer = self._table.query(
            KeyConditionExpression="pk = :user AND begins_with(sk, :device)",
            ExpressionAttributeValues={":user": _user(user), ":device": "DEVICE#"},
            ConsistentRead=True,
        )
        return [
            Device(
                device=str(item["sk"]).removeprefix("DEVICE#"),
                platform=str(item["platform"]),
                token=str(item["token"]),
                endpoints={
                    name.removeprefix("endpoint#"): str(value)
                    for name, value in item.items()
                    if name.startswith("endpoint#")
                },
            )
            for item in answer["Items"]
        ]

    def owns(self, user: str, device: str) -> bool:
        """Whether the device is still this user's; between Regions its item can outlive the move for a moment."""
        return self._get(_device(device), "OWNER").get("user") == user

    def keep_endpoint(self, user: str, device: str, region: str, endpoint: str) -> None:
        """Remember the SNS endpoint of a device in a Region; nothing when the device was removed meanwhile."""
        try:
            self._table.update_item(
                Key={"pk": _user(user), "sk": _device(device)},
                UpdateExpression="SET #endpoint = :endpoint",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#endpoint": f"endpoint#{region}"},
                ExpressionAttributeValues={":endpoint": endpoint},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def seen_ms(self, user: str, topic: str) -> int:
        """Return when the user last saw the topic, in epoch milliseconds; 0 for long ago or never."""
        return int(self._get(_user(user), f"SEEN#{topic}").get("seen_ms", 0))

    def unsubscribe_token(self, user: str) -> str:
        """Return what lets whoever reads the user's mail switch it off."""
        return str(self._get(_user(user), "NOTICES")["unsubscribe_token"])

    def unsubscribe(self, user: str, token: str) -> bool:
        """Switch mail off for whoever has the token of a mail; False for a wrong one."""
        try:
            self._table.update_item(
                Key={"pk": _user(user), "sk": "NOTICES"},
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
        """Send no more mail to an address, whoever chose it."""
        item = {"pk": _address(address), "sk": "MAIL", "reason": reason, "since_ms": int(self._clock() * 1000)}
        self._table.put_item(Item=item)

    def _get(self, pk: str, sk: str) -> dict[str, Any]:
        return self._table.get_item(Key={"pk": pk, "sk": sk}, ConsistentRead=True).get("Item", {})


def _user(user: str) -> str:
    return f"USER#{user}"


def _device(device: str) -> str:
    return f"DEVICE#{device}"


def _address(address: str) -> str:
    return f"ADDRESS#{address.lower()}"
