"""What the title of an issue asks for."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

HOW_TO = (
    "Write one of these as the title of an issue:\n"
    "state <device>\n"
    "send <device> <command>\n"
    'send <device> <command> {"argument": 1}'
)
_REQUEST = re.compile(
    r"(?:state\s+(?P<state>\S+)|send\s+(?P<send>\S+)\s+(?P<command>\S+)(?:\s+(?P<arguments>\{.*\}))?)"
)


class NotUnderstoodError(ValueError):
    """A title that asks for nothing; the message is for who wrote it."""


@dataclass(frozen=True)
class Request:
    """An operation of the function of commands, ready to be invoked."""

    operation: str
    thing: str
    command: str = ""
    arguments: Mapping[str, Any] | None = None

    @property
    def event(self) -> dict[str, Any]:
        """What the function gets."""
        event: dict[str, Any] = {"operation": self.operation, "thing": self.thing}
        if self.operation == "send":
            event["command"] = self.command
            if self.arguments is not None:
                event["arguments"] = self.arguments
        return event


def read(title: str) -> Request:
    """Return what a title asks for.

    Raises:
        NotUnderstoodError: with how to write it.
    """
    found = _REQUEST.fullmatch(title.strip())
    if found is None:
        raise NotUnderstoodError(HOW_TO)
    if found["state"]:
        return Request("state", found["state"])
    try:
        arguments = from_json(found["arguments"], allow_inf_nan=False) if found["arguments"] else None
        json.dumps(arguments, allow_nan=False)  # 1e999 is read as infinity, which JSON cannot hold
    except (TypeError, ValueError) as error:
        raise NotUnderstoodError(f"The arguments are no JSON object: {error}\n{HOW_TO}") from error
    return Request("send", found["send"], found["command"], arguments)
