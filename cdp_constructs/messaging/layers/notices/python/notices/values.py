"""What users choose, and what values they may choose."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from notices.push_services import check_keys, is_push_service

WEB_PUSH = "web_push"
"""The platform of browsers."""
LANGUAGES = ("en", "ja")
QUIET_MINUTES = range(5, 24 * 60 + 1)
MOST_DEVICES = 20
LONGEST_TOKEN = 4096
_LONGEST_ADDRESS = 254
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+")

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
    """A mobile device or a browser of a user."""

    device: str
    platform: str
    """Of a platform application, or ``web_push`` for a browser."""
    token: str
    """What the platform calls the device; the endpoint of a browser."""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """SNS endpoint by Region; created when a Region first pushes to the device."""
    p256dh: str = ""
    """The public key of a browser."""
    auth: str = ""
    """The secret of a browser."""


def check_choice(*, mail: object, push: object, quiet_minutes: int, language: str, address: str | None) -> None:
    """Refuse what a user cannot choose.

    Raises:
        ValueError: for a value that is not allowed; the message says which and what is.
    """
    if not isinstance(mail, bool) or not isinstance(push, bool):
        raise ValueError("mail and push are yes or no, as booleans")  # noqa: TRY004 - a wrong value of a client
    if quiet_minutes not in QUIET_MINUTES:
        raise ValueError(f"quiet_minutes is {quiet_minutes}; use {QUIET_MINUTES[0]} to {QUIET_MINUTES[-1]}")
    if language not in LANGUAGES:
        raise ValueError(f"language is {language!r}; use one of {', '.join(LANGUAGES)}")
    if address is not None and not is_address(address):
        raise ValueError("address is not a plain mail address in ASCII")


def is_address(text: str) -> bool:
    """Return whether this is a plain mail address in ASCII, which every mail server takes."""
    return len(text) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


def check_device(platform: str, token: str, platforms: Collection[str]) -> str:
    """Return the id of a device: the same one for the same token.

    Raises:
        ValueError: for an unknown platform, an empty or too long token.
    """
    if platform not in platforms:
        known = ", ".join(sorted(platforms)) or "none"
        raise ValueError(f"platform is {platform!r}; there are {known}")
    if not token or len(token) > LONGEST_TOKEN or not token.isprintable():
        raise ValueError(f"token must be printable, with 1 to {LONGEST_TOKEN} characters")
    return device_id(platform, token)


def check_subscription(endpoint: str, p256dh: str, auth: str, services: Collection[str] | None) -> str:
    """Return the id of a browser that subscribed to Web Push: the same one for the same endpoint.

    Raises:
        ValueError: without Web Push, for an endpoint that is at none of the push services, or for other keys than a
            browser's.
    """
    if services is None:
        raise ValueError("there is no Web Push")
    if len(endpoint) > LONGEST_TOKEN or not is_push_service(endpoint, services):
        raise ValueError("endpoint is at no push service that is known here")
    check_keys(p256dh, auth)
    return device_id(WEB_PUSH, endpoint)


def device_id(platform: str, token: str) -> str:
    """Return the id of a device."""
    return hashlib.sha256(f"{platform}#{token}".encode()).hexdigest()[:32]
