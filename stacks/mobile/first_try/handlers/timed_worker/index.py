"""Started by a timer: works on what is in the queue, and ends when it is empty or its time is nearly over."""

import json
import os
from typing import Any

import boto3

from ..shrinking import shrink

sqs = boto3.client("sqs")
QUEUE = os.environ["QUEUE_URL"]
_LEFT_MS = 10_000


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Empty the queue; a message whose picture fails stays in it."""
    made = failed = 0
    while context.get_remaining_time_in_millis() > _LEFT_MS:
        messages = sqs.receive_message(QueueUrl=QUEUE, MaxNumberOfMessages=10).get("Messages", [])
        if not messages:
            break
        for message in messages:
            try:
                for record in json.loads(message["Body"]).get("Records", []):
                    shrink(record["s3"]["bucket"]["name"], record["s3"]["object"]["key"])
            except Exception as error:  # noqa: BLE001 - one picture must not hold up the others
                print(f"{message['MessageId']}: {error}")  # noqa: T201 - its log
                failed += 1
                continue
            sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle=message["ReceiptHandle"])
            made += 1
    return {"made": made, "failed": failed}
