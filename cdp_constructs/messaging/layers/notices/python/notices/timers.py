"""Timers as delayed messages."""

import json
import math
import time
from typing import TYPE_CHECKING

from pydantic_core import from_json

from notices.state import Timer
from notices.waiting import Waiting

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
LONGEST_DELAY = 900
# Twice the longest quiet period.
LONGEST_WAIT = 2 * 24 * 3600


def arm(sqs: "SQSClient", queue_url: str, waiting: Waiting, timer: Timer) -> None:
    """Send the message of a timer, and note that it was sent."""
    send(sqs, queue_url, timer)
    waiting.armed(timer)


def send(sqs: "SQSClient", queue_url: str, timer: Timer) -> None:
    """Send the message of a timer; one that is due later than SQS can delay comes early and is sent again then."""
    delay = math.ceil(timer.due_ms / 1000 - time.time())
    body = {"user": timer.user, "topic": timer.topic, "timer": timer.name, "due_ms": timer.due_ms}
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(body), DelaySeconds=min(max(delay, 0), LONGEST_DELAY))


def is_early(timer: Timer) -> bool:
    """Whether the message came before the timer is due."""
    return timer.due_ms > time.time() * 1000


def read(body: str) -> Timer:
    """Return the timer of a message.

    Raises:
        KeyError, TypeError, ValueError: for another message.
    """
    content = from_json(body, allow_inf_nan=False)
    timer = Timer(str(content["user"]), str(content["topic"]), str(content["timer"]), int(content["due_ms"]))
    if timer.due_ms > (time.time() + LONGEST_WAIT) * 1000:
        # It would be sent again and again without end.
        raise ValueError("the timer is due later than any timer of this library")
    return timer
