"""What a message says about the end of a command. Nothing here does I/O.

Messages are ``{"session", "thing", "status", "result"?, "reason"?, "traceparent"?}``. The rule adds ``thing`` and
``context`` to those of devices, from the topic, so that a device can only end its own sessions, and encodes them as
base64. ``timed_out`` comes from the function that started the session; it has no context and is plain JSON.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any, Self

from pydantic_core import from_json

from correlation import TRACEPARENT, valid

STATUSES = {"succeeded", "failed", "rejected", "expired"}
LONGEST_SESSION = 128
LONGEST_REASON = 1024


class MalformedResponseError(ValueError):
    """A device responded with something that no session can be ended with; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended."""

    session: str
    thing: str
    status: str
    timed_out: bool
    result: str | None
    """As JSON."""
    reason: str | None
    traceparent: str | None
    """The command's, which the device returns; None where it is the session."""

    @classmethod
    def read(cls, body: str) -> Self:
        """Return what a message says.

        Raises:
            MalformedResponseError: for a device's message without session and status, and for text that is no JSON.
            KeyError: for a message of this library's function without them.
        """
        message = _document(body)
        by_device = "context" in message
        if by_device:
            _check(message)
        session, thing, status = message["session"], message["thing"], message["status"]
        timed_out = status == "timed_out" and not by_device
        return cls(
            session=session,
            thing=thing,
            status=status if timed_out or status in STATUSES else "failed",
            timed_out=timed_out,
            result=json.dumps(message["result"]) if "result" in message else None,
            reason=str(message["reason"])[:LONGEST_REASON] if "reason" in message else None,
            traceparent=valid(message.get(TRACEPARENT)),
        )


def _document(body: str) -> dict[str, Any]:
    try:
        # Rules of an earlier version send plain JSON, which base64 never looks like.
        text = body.encode() if body.startswith("{") else base64.b64decode(body, validate=True)
        document = from_json(text, allow_inf_nan=False)
        json.dumps(document, allow_nan=False)  # 1e999 is read as infinity, which JSON cannot hold
    except ValueError as error:
        raise MalformedResponseError(f"it is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise MalformedResponseError(f"it is a JSON {type(document).__name__} and no object")
    return document


def _check(message: dict[str, Any]) -> None:
    session, status, thing = message.get("session"), message.get("status"), message.get("thing")
    if not isinstance(session, str) or not 0 < len(session) <= LONGEST_SESSION:
        raise MalformedResponseError(f"session of {thing} is no text of 1 to {LONGEST_SESSION} characters")
    if not isinstance(status, str):
        raise MalformedResponseError(f"status of {thing} is no text")
