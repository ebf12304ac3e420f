"""Changes of tickets, read from alerts and webhooks in one form for every tracker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic_core import from_json

Status = Literal["open", "closed"]
# https://docs.github.com/en/webhooks/webhook-events-and-payloads#issues; other trackers send the same words.
_STATUS: Mapping[str, Status] = {"opened": "open", "reopened": "open", "edited": "open", "closed": "closed"}


class UnreadableError(ValueError):
    """A message that is neither an alert nor an event of the tracker; it moves to the dead-letter queue."""


@dataclass(frozen=True)
class Change:
    """The new state of a ticket."""

    key: str
    """What the ticket is about; one ticket for each."""
    status: Status
    title: str
    text: str
    at: str
    """When it changed, UTC, ISO 8601 with milliseconds: a change that is older than the ticket has no effect."""
    event: str
    """Id of the event, the same when it is delivered again."""
    traceparent: str = ""
    """W3C Trace Context of what led to it: of a measurement, or of a delivery of the webhook."""


def read(body: str, *, from_webhook: bool, traceparent: str = "") -> Change:
    """Return the change in the body of a queue's message.

    Raises:
        UnreadableError: naming what is missing.
    """
    reader: Callable[[Any], Change] = of_delivery if from_webhook else of_alert
    try:
        change = reader(from_json(body, allow_inf_nan=False))
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from error
    return replace(change, traceparent=traceparent)


def of_alert(alert: Mapping[str, Any]) -> Change:
    """A thing's crossed threshold opens a ticket, and its recovery closes it."""
    crossed = {"crossed": True, "recovered": False}[alert["state"]]
    what = f"{alert['measure']} {alert['value']}, limit {alert['limit']}"
    return Change(
        key=f"alert/{alert['thing']}/{alert['threshold']}",
        status="open" if crossed else "closed",
        title=f"{alert['threshold']}: {alert['thing']} in {alert['context']}",
        text=f"{what} ({alert['state']})",
        at=_moment(alert["at"] / 1000),
        event=str(alert["alert_id"]),
    )


def of_delivery(delivery: Mapping[str, Any]) -> Change:
    """An issue of the tracker opens, changes and closes its ticket."""
    event = from_json(delivery["body"], allow_inf_nan=False)
    issue = event["issue"]
    return Change(
        key=f"issue/{issue['id']}",
        status=_STATUS[event["action"]],
        title=str(issue["title"]),
        text=str(issue.get("body") or ""),
        at=_moment(datetime.fromisoformat(delivery["received_at"]).timestamp()),
        # A replay repeats the event on purpose; it is not another one.
        event=str(delivery["id"]),
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
