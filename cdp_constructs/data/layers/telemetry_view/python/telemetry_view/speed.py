"""The latest state and the windows that SpeedLayer keeps."""

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import boto3

from .calls import CALLS
from .times import MINUTE, full_window, moment
from .windows import Latest, Total, Value, Window

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

__all__ = ["NoWindowsError", "SpeedView"]

_TIME = "%Y-%m-%dT%H:%MZ"


class NoWindowsError(RuntimeError):
    """The speed layer keeps the latest state only: minutes are answered by the batch layer."""


class SpeedView:
    """The latest state and the windows of SpeedLayer, seconds after the records."""

    has_windows: bool
    """Whether the layer keeps windows beside the latest state."""
    window_length: timedelta
    """How long a window is."""

    def __init__(self, table: "Table", *, has_windows: bool = True, window_length: timedelta = MINUTE) -> None:
        """Read a table of SpeedLayer, which may have been made without windows, or with longer ones."""
        self._table = table
        self.has_windows = has_windows
        self.window_length = window_length

    @classmethod
    def connect(cls, variable: str = "SPEED_TABLE") -> Self:
        """Use the table that ``SpeedLayer.share_with`` named in the environment."""
        table = boto3.resource("dynamodb", config=CALLS).Table(os.environ[variable])
        length = timedelta(seconds=int(os.environ.get(f"{variable}_WINDOW_S", "60")))
        return cls(table, has_windows=f"{variable}_HAS_NO_WINDOWS" not in os.environ, window_length=length)

    def latest(self, thing: str, *, consistent: bool = False) -> Latest | None:
        """Return a thing's state, None when there was no record of it yet.

        Args:
            thing: Its name.
            consistent: Whether what caused an alert that was received must be in it, at twice the price.
        """
        key = {"pk": f"THING#{thing}", "sk": "LATEST"}
        item = self._table.get_item(Key=key, ConsistentRead=consistent).get("Item")
        if item is None:
            return None
        state = json.loads(str(item["state"]))
        return Latest(
            thing=thing,
            context=state["context"],
            type=state["type"],
            at=moment(state["at_ms"]),
            fields={
                name: Value(value=field["value"], at=moment(field["at_ms"])) for name, field in state["fields"].items()
            },
            crossed={name: moment(since) for name, since in state.get("crossed", {}).items()},
        )

    def windows(self, thing: str, start: datetime, end: datetime) -> list[Window]:
        """Return the windows that begin from ``start`` on and before ``end``, as far back as they are kept.

        Raises:
            NoWindowsError: the layer was made without windows.
        """
        if not self.has_windows:
            raise NoWindowsError("The speed layer was made with windows=False; ask BatchView or ServingView")
        last = end.astimezone(UTC) - timedelta(microseconds=1)
        # Windows of another length, from before a change of the layer, are other items.
        prefix = "WINDOW#" if self.window_length == MINUTE else f"WINDOW{self.window_length // MINUTE}#"
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": f"THING#{thing}",
                ":first": f"{prefix}{full_window(start, self.window_length):{_TIME}}",
                ":last": f"{prefix}{last:{_TIME}}",
                ":now": int(time.time()),
            },
            # DynamoDB deletes what expired up to days later; a record that is worked on after that starts a new window.
            "FilterExpression": "expires_at > :now",
            # The ids in it are the larger part of a window, and readers do not need them.
            "ProjectionExpression": "sk, #state",
            "ExpressionAttributeNames": {"#state": "state"},
        }
        found: list[Window] = []
        while start < end:
            answer = self._table.query(**request)
            found += [_window(thing, item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return found


def _window(thing: str, item: Mapping[str, Any]) -> Window:
    state = json.loads(item["state"])
    start = datetime.strptime(item["sk"].partition("#")[2], _TIME).replace(tzinfo=UTC)
    return Window(
        thing=thing,
        start=start,
        messages=state["messages"],
        measures={name: Total(**total) for name, total in state["measures"].items()},
        layer="speed",
        arrived=moment(state["arrived_ms"]),
    )
