"""Queues, as tests ask for them."""

from typing import Any


def messages_in(sqs: Any, url: str) -> int:
    """Count the messages that wait in a queue or are being worked on; delayed ones are not counted."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)
