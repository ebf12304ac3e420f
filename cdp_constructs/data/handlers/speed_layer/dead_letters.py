"""Where records go that can neither be read nor recorded."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

__all__ = ["DeadLetters"]

logger = Logger(child=True)

# In base64 this fits into a message of 1 MiB; the stream has the rest for as long as it keeps records.
MOST_DATA = 700_000
LONGEST_REASON = 1_000


class DeadLetters:
    """The dead-letter queue of records."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        """Send to a queue."""
        self._client = client
        self._queue_url = queue_url

    def send(self, record: Mapping[str, Any], reason: str) -> bool:
        """Send a record with the reason; return whether it is there."""
        kinesis = record["kinesis"]
        message = {
            "reason": reason[:LONGEST_REASON],
            "event_id": record["eventID"],
            "stream": record["eventSourceARN"],
            "partition_key": kinesis["partitionKey"],
            "arrived": kinesis["approximateArrivalTimestamp"],
            "data": kinesis["data"][:MOST_DATA],
            "complete": len(kinesis["data"]) <= MOST_DATA,
        }
        try:
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(message))
        except (BotoCoreError, ClientError):
            logger.exception("The dead-letter queue takes nothing", event_id=record["eventID"])
            return False
        # Contributor Insights counts the senders by this message.
        logger.warning(
            "Sent to the dead-letter queue",
            reason=reason[:LONGEST_REASON],
            event_id=record["eventID"],
            sender=kinesis["partitionKey"],
        )
        return True
