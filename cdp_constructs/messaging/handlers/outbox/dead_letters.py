"""Where events go that no topic takes."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

__all__ = ["DeadLetters"]

logger = Logger(child=True)

_LONGEST_REASON = 1_000


class DeadLetters:
    """The dead-letter queue of events."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        """Send to a queue."""
        self.client = client
        self._queue_url = queue_url

    def send(self, record: Mapping[str, Any], reason: str) -> bool:
        """Send the key of an item with the reason; return whether it is there. The item itself stays in the table."""
        about = {
            "reason": reason[:_LONGEST_REASON],
            "key": record["dynamodb"].get("Keys"),
            "sequence_number": record["dynamodb"]["SequenceNumber"],
        }
        try:
            self.client.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(about))
        except (BotoCoreError, ClientError):
            logger.exception("The dead-letter queue takes nothing", **about)
            return False
        logger.warning("Sent to the dead-letter queue", **about)
        return True
