"""Lines of a log group: those of a time, and the error that a consumer logged about one message."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["LogLine", "error_about", "fields_of", "log_lines"]

# The last line of a traceback, where a function's log is text.
_EXCEPTION = re.compile(r"^(?:\[ERROR\] )?(?:[\w.]+\.)?(\w+(?:Error|Exception)): (.+)$", re.MULTILINE)
# CloudWatch Logs reads a part of the group for each page; who wants more asks Logs Insights.
_PAGES = 50
_PAGES_FOR_ONE_MESSAGE = 5
# A message is received some time after it was sent, and its log line is written after that.
_MARGIN_SECONDS = 60


def fields_of(line: str) -> dict[str, Any]:
    """Return what a line in JSON has; nothing for any other line."""
    try:
        read = json.loads(line)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


@dataclass(frozen=True)
class LogLine:
    """A line of a log.

    Attributes:
        time: In seconds since 1970.
        text: As it was written.
    """

    time: float
    text: str

    @property
    def fields(self) -> dict[str, Any]:
        """What a line in JSON has; nothing for any other line."""
        return fields_of(self.text)

    @property
    def error(self) -> str | None:
        """The error that the line tells, in one line; None where it tells none."""
        fields = self.fields
        if exception := str(fields.get("exception") or "").strip():
            said = exception.splitlines()[-1]
            return said if ": " in said else f"{fields.get('exception_name', 'error')}: {said}"
        if fields.get("level") in {"ERROR", "CRITICAL"}:
            # What Lambda writes about an exception that left the handler has its type beside the message.
            kind = f"{fields['errorType']}: " if "errorType" in fields else ""
            return f"{kind}{fields.get('message') or fields.get('errorMessage')}"
        plain = _EXCEPTION.findall(self.text) if not fields else []
        return ": ".join(plain[-1]) if plain else None


def log_lines(logs: Any, group: str, *, since: float, pattern: str = "", pages: int = _PAGES) -> Iterator[LogLine]:
    """Return the lines of a log group, the oldest first within a page of the answer.

    Args:
        logs: A client of CloudWatch Logs.
        group: The log group's name.
        since: The earliest time, in seconds since 1970.
        pattern: A filter pattern of CloudWatch Logs, such as ``"text"`` or ``{ $.level = "ERROR" }``.
        pages: The most answers that are asked for.
    """
    wanted = {"logGroupName": group, "startTime": int(max(0, since) * 1000)}
    if pattern:
        wanted["filterPattern"] = pattern
    for _ in range(pages):
        answer = logs.filter_log_events(**wanted)
        for event in answer.get("events", []):
            yield LogLine(event["timestamp"] / 1000, event["message"].rstrip("\n"))
        if not answer.get("nextToken"):
            return
        wanted["nextToken"] = answer["nextToken"]


def error_about(logs: Any, group: str, message_id: str, *, sent: float) -> str | None:
    """Return the last error that a log group has about a message, None where it has none."""
    since = min(sent, time.time()) - _MARGIN_SECONDS
    lines = log_lines(logs, group, since=since, pattern=f'"{message_id}"', pages=_PAGES_FOR_ONE_MESSAGE)
    errors = [line.error for line in lines]
    return next((error for error in reversed(errors) if error), None)
