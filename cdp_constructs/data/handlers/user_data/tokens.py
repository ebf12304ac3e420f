"""Sync tokens: up to which change a client knows everything, and since when."""

import base64
import binascii
import re
from dataclasses import dataclass

KEPT_DAYS = 90
"""How long a deletion is remembered, and how old a token may be: as long as a session of ``SignInUserPool``."""

_FORM = re.compile(rb"1:([0-9]{1,12}):([0-9]{1,12})")
_LONGEST = 64


class MalformedTokenError(Exception):
    """No token that this API has given."""


class ExpiredTokenError(Exception):
    """Deletions that the client has not seen may be forgotten, or the table was restored: begin anew."""


@dataclass(frozen=True)
class Token:
    """What a client knows: everything up to a change, as it was read since a time."""

    change: int
    since: int
    """Epoch seconds, when the client began to read: deletions before it have been read."""

    def __str__(self) -> str:
        """Write it for a client, to whom it means nothing."""
        return base64.urlsafe_b64encode(f"1:{self.change}:{self.since}".encode()).decode().rstrip("=")

    def check(self, last_change: int, now: float) -> None:
        """Refuse a token after which something may be missing.

        Raises:
            ExpiredTokenError: it is too old, or newer than the user's last change.
        """
        if self.change > last_change or self.since + KEPT_DAYS * 86_400 <= now:
            raise ExpiredTokenError


def read_token(text: str) -> Token:
    """Return the token that a client sent.

    Raises:
        MalformedTokenError: it is none.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True) if _fits(text) else b""
    except (binascii.Error, ValueError) as error:
        raise MalformedTokenError from error
    found = _FORM.fullmatch(raw)
    if found is None:
        raise MalformedTokenError
    return Token(int(found[1]), int(found[2]))


def _fits(text: str) -> bool:
    return len(text) <= _LONGEST and text.isascii()
