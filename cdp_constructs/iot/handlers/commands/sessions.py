"""Sessions of commands: an item each, and a delayed message that ends a session no device responds to."""

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from .documents import document

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sqs import SQSClient

KEPT_SECONDS = 30 * 86_400
SHOWN = ("session", "thing", "command", "status", "reason")


class Sessions:
    """The sessions of a fleet."""

    def __init__(self, table: "Table", sqs: "SQSClient", queue_url: str) -> None:
        """Use the table of sessions, and the queue of their outcomes."""
        self._table = table
        self._sqs = sqs
        self._queue_url = queue_url

    def begin(self, thing: str, command: str, timeout_seconds: int) -> str:
        """Record a session and schedule its time-out, before the command is published: each session ends."""
        session = str(uuid.uuid4())
        now = int(time.time())
        self._table.put_item(
            Item={
                "session": session,
                "thing": thing,
                "command": command,
                "status": "pending",
                "sent_at": now,
                "expires_at": now + KEPT_SECONDS,
            }
        )
        self._sqs.send_message(
            QueueUrl=self._queue_url,
            MessageBody=json.dumps({"session": session, "thing": thing, "status": "timed_out"}),
            DelaySeconds=timeout_seconds,
        )
        return session

    def get(self, session: str) -> dict[str, Any] | None:
        """Return what is known of a session, None for one that does not exist."""
        item = self._table.get_item(Key={"session": session}, ConsistentRead=True).get("Item")
        if item is None:
            return None
        known: dict[str, Any] = {name: item[name] for name in SHOWN if name in item}
        return known | ({"result": _shown(str(item["result"]))} if "result" in item else {})


def _shown(result: str) -> Any:
    """Return what a device responded; as it is stored where that is no JSON, as an earlier version may have left it."""
    try:
        return document(result)
    except ValueError:
        return result
