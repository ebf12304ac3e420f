"""Where tickets are stored: one method, so that another tracker is another class."""

import json
import os
from dataclasses import asdict
from functools import cache
from typing import Any, Protocol
from urllib.parse import quote

import boto3
import urllib3
from aws_lambda_powertools.utilities import parameters
from botocore.exceptions import ClientError

from correlation import TRACEPARENT

from .changes import Change

_TIMEOUT_SECONDS = 5
_TOKEN_SECONDS = 300


class Tracker(Protocol):
    """Stores tickets."""

    def take(self, change: Change) -> bool:
        """Open, update or close a ticket; return whether that changed it.

        A change that is older than the ticket, or was applied before, has no effect: queues deliver in any order, and
        at least once.

        Raises:
            Exception: when the change cannot be applied now; it is delivered again.
        """
        ...


class TableTracker:
    """Stores tickets in a table of DynamoDB, with the partition key ``ticket``."""

    def __init__(self, table: Any) -> None:
        """Use a table (of boto3's resource)."""
        self._table = table

    def take(self, change: Change) -> bool:
        """Write the ticket, unless the table has a newer one."""
        try:
            self._table.update_item(
                Key={"ticket": change.key},
                UpdateExpression="SET #status = :status, title = :title, #text = :text, changed_at = :at, #event = "
                ":event, traceparent = :traceparent, opened_at = if_not_exists(opened_at, :at) ADD changes :one",
                ConditionExpression="attribute_not_exists(changed_at) OR changed_at < :at",
                ExpressionAttributeNames={"#status": "status", "#text": "text", "#event": "event"},
                ExpressionAttributeValues={
                    ":status": change.status,
                    ":title": change.title,
                    ":text": change.text,
                    ":at": change.at,
                    ":event": change.event,
                    ":traceparent": change.traceparent,
                    ":one": 1,
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True


class HttpTracker:
    """Stores tickets in a tracker with an API: ``PUT <url>/tickets/<key>`` with the change as JSON.

    The tracker answers 2xx, or 409 when its ticket is newer (``at``), and recognises a repetition by the header
    ``Idempotency-Key``.
    """

    def __init__(self, url: str, token: str) -> None:
        """Use an API.

        Args:
            url: Where it is, ``https://…``.
            token: Sent as bearer token.
        """
        self._url = url.rstrip("/")
        self._token = token
        self._http = urllib3.PoolManager(timeout=_TIMEOUT_SECONDS, retries=False)

    def take(self, change: Change) -> bool:
        """Send the change to the tracker."""
        answer = self._http.request(
            "PUT",
            f"{self._url}/tickets/{quote(change.key, safe='')}",
            body=json.dumps(asdict(change)),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "Idempotency-Key": change.event,
                **({TRACEPARENT: change.traceparent} if change.traceparent else {}),
            },
        )
        if answer.status == 409:  # noqa: PLR2004 - Conflict
            return False
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - success
            raise RuntimeError(f"the tracker answered {answer.status} for {change.key}")
        return True


def connect() -> Tracker:
    """Return the tracker that the function's variables name."""
    url = os.environ.get("TRACKER_URL")
    if url:
        token = parameters.get_secret(os.environ["TRACKER_TOKEN"], max_age=_TOKEN_SECONDS)
        return HttpTracker(url, str(token))
    return _table_tracker(os.environ["TICKETS"])


@cache
def _table_tracker(name: str) -> TableTracker:
    # Kept from call to call: making the resource takes ten times as long as a call of it.
    return TableTracker(boto3.resource("dynamodb").Table(name))
