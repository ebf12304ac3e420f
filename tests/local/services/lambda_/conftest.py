"""Reads the queues that functions write to."""

from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

REGION = "us-west-2"


@pytest.fixture
def taken(cloud: LocalCloud, eventually: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """Return a function that waits for messages of a queue and deletes them."""
    sqs = cloud.client("sqs", region=REGION)

    def take(url: str, count: int = 1) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []

        def enough() -> bool:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
            for message in answer.get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                messages.append(message)
            return len(messages) >= count

        eventually(enough, within=20)
        return messages

    return take
