"""Mails to people who are on a PC, and the proof that an address is theirs."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import jwt

__all__ = ["Addresses", "Mails", "Pace"]

_AUDIENCE = "mail"
_VALID_SECONDS = 3600


@dataclass(frozen=True)
class Mails:
    """Sends mails by SES."""

    ses: Any
    """Client of version 2."""
    sender: str
    configuration_set: str | None

    async def send(self, address: str, subject: str, text: str) -> None:
        """Send a mail.

        Raises:
            botocore.exceptions.ClientError: SES did not take it.
        """
        body = {"Text": {"Data": text, "Charset": "UTF-8"}}
        mail: dict[str, Any] = {
            "FromEmailAddress": self.sender,
            "Destination": {"ToAddresses": [address]},
            "Content": {"Simple": {"Subject": {"Data": subject, "Charset": "UTF-8"}, "Body": body}},
        }
        if self.configuration_set is not None:
            mail["ConfigurationSetName"] = self.configuration_set
        await asyncio.to_thread(self.ses.send_email, **mail)


@dataclass(frozen=True)
class Addresses:
    """Knows an address as a person's when a code that was sent there comes back from the person."""

    key: bytes

    def code(self, person: str, address: str) -> str:
        """Return what is sent to an address; it is good for an hour."""
        claims = {"sub": person, "mail": address, "aud": _AUDIENCE, "exp": int(time.time()) + _VALID_SECONDS}
        return jwt.encode(claims, self.key, algorithm="HS256")

    def proven(self, person: str, code: str) -> str | None:
        """Return the address that a code was sent to; None when it is none of the person's."""
        try:
            claims = jwt.decode(
                code, self.key, algorithms=["HS256"], audience=_AUDIENCE, options={"require": ["exp", "sub"]}
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None
        return str(claims["mail"]) if claims["sub"] == person else None


@dataclass
class Pace:
    """Lets something happen once in a while, on each server apart: nobody is sent mail after mail.

    Args:
        seconds: From one time to the next.
    """

    seconds: float
    _last: dict[str, float] = field(default_factory=dict)

    def allows(self, *names: str) -> bool:
        """Return whether it did not happen a moment ago to any of these; it happens now."""
        now = time.monotonic()
        self._last = {name: at for name, at in self._last.items() if now - at < self.seconds}
        if any(name in self._last for name in names):
            return False
        self._last.update(dict.fromkeys(names, now))
        return True

    def forget(self, *names: str) -> None:
        """Take back that it happens now."""
        for name in names:
            self._last.pop(name, None)
