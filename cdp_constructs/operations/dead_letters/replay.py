"""Delivers failed messages again: each to where it was to go, and it leaves the dead-letter queue only then."""

import base64
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from cdp_constructs.operations.dead_letters.causes import body_of
from cdp_constructs.operations.dead_letters.messages import Message, MessageQueue
from cdp_constructs.operations.dead_letters.origins import Kind, Origin
from cdp_constructs.operations.dead_letters.queues import DeadLetterQueue
from cdp_constructs.operations.deployed.errors import OperatorError
from cdp_constructs.operations.deployed.stacks import Resource

__all__ = ["destination_of", "replay_all", "replay_some"]

_POLL_SECONDS = 1.0
_DONE = {"COMPLETED", "FAILED", "CANCELLED"}
_WHY_NOT = {
    Kind.STREAM: "its messages name parts of a stream; use cdp dead-letters records",
    Kind.MAIL: "its messages could not be mailed; read them with show, then drop them",
    Kind.EVENT: "its messages are reports; read them with show, then drop them",
    Kind.SCHEDULE: "the schedule calls again by itself; read them with show, then drop them",
    Kind.FUNCTION: "a function could not read its messages; its runbook says what to do with them",
}


def destination_of(queue: DeadLetterQueue) -> str | None:
    """Return where a replay delivers the messages of a queue to, None where there is nothing."""
    destinations = (_destination(origin) for origin in queue.origins if origin.kind not in _WHY_NOT)
    names = {name for name in destinations if name is not None}
    return ", ".join(sorted(names)) or None


def _destination(origin: Origin) -> str | None:
    if origin.kind is Kind.IOT_RULE:
        return f"the topic that each came from (rule {origin.source.name})"
    if origin.target is not None:
        return origin.target.name
    return f"the queue of {origin.source.name}" if origin.kind is Kind.SUBSCRIPTION else None


def replay_all(queue: DeadLetterQueue, *, rate: int | None, told: Callable[[int], None]) -> int:
    """Deliver every message that waits, and return how many.

    Args:
        queue: A queue with a destination.
        rate: Most messages a second, 1 to 500; as fast as AWS can by default.
        told: Hears how many were delivered so far.

    Raises:
        OperatorError: for a queue without a destination, and when AWS stops; what was not delivered is in the queue.
    """
    _check(queue)
    work = next((origin.target for origin in queue.origins if origin.kind is Kind.QUEUE), None)
    if work is not None:
        return _move(queue, work, rate, told)
    count = 0

    def use(message: Message) -> None:
        nonlocal count
        _deliver(queue, message)
        count += 1
        told(count)
        if rate is not None:
            time.sleep(1 / rate)

    # One that fails again at once comes back while this runs: it is not delivered a second time.
    return queue.messages.take_all(use, at_most=max(1, queue.messages.count()[0]))


def replay_some(queue: DeadLetterQueue, ids: Sequence[str]) -> set[str]:
    """Deliver some messages by their ids, and return which were found."""
    _check(queue)
    return queue.messages.take(ids, lambda message: _deliver(queue, message))


def _check(queue: DeadLetterQueue) -> None:
    if not queue.is_replayed:
        why = next((_WHY_NOT[origin.kind] for origin in queue.origins), "nothing in the stack sends to it")
        raise OperatorError(f"{queue.name} cannot be replayed: {why}")


def _move(queue: DeadLetterQueue, work: Resource, rate: int | None, told: Callable[[int], None]) -> int:
    """Let SQS move all messages to the queue where they failed."""
    sqs = queue.stack.client("sqs")
    target = sqs.get_queue_attributes(QueueUrl=work.physical_id, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    speed = {} if rate is None else {"MaxNumberOfMessagesPerSecond": rate}
    sqs.start_message_move_task(SourceArn=queue.arn, DestinationArn=target, **speed)
    while True:
        (task, *_) = sqs.list_message_move_tasks(SourceArn=queue.arn, MaxResults=1)["Results"]
        moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
        told(moved)
        if task["Status"] in _DONE:
            break
        time.sleep(_POLL_SECONDS)
    if task["Status"] != "COMPLETED":
        reason = task.get("FailureReason", "no reason given")
        raise OperatorError(f"{queue.name}: SQS stopped ({task['Status']}: {reason}) after {moved} messages")
    return moved


def _deliver(queue: DeadLetterQueue, message: Message) -> None:
    origin, body = _origin_of(queue, message), body_of(message)
    if origin.kind is Kind.IOT_RULE:
        _publish(queue, body)
        return
    if origin.target is None and origin.kind is Kind.SUBSCRIPTION:
        _queue_of_subscription(queue, origin).send(message)
        return
    if origin.target is None:
        raise OperatorError(f"{queue.name}: {message.id} was to go to a resource of another stack; it stays here")
    if origin.target.type == "AWS::SQS::Queue":
        # It is in both for a moment, and never in none: consumers take a message twice.
        MessageQueue(queue.stack.client("sqs"), origin.target.physical_id).send(message)
        return
    is_record = isinstance(body, dict) and "requestPayload" in body and "requestContext" in body
    payload = json.dumps(body["requestPayload"]) if is_record else origin.properties.get("Input") or message.body
    queue.stack.client("lambda").invoke(
        FunctionName=origin.target.physical_id, InvocationType="Event", Payload=str(payload).encode()
    )


def _queue_of_subscription(queue: DeadLetterQueue, origin: Origin) -> MessageQueue:
    """Return the queue of another stack, and maybe another Region, that a subscription delivers to."""
    arn = origin.source.physical_id
    pages = (
        queue.stack.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn.rpartition(":")[0])
    )
    subscriptions = (one for page in pages for one in page["Subscriptions"])
    endpoint = next((one["Endpoint"] for one in subscriptions if one["SubscriptionArn"] == arn), None)
    if endpoint is None:
        raise OperatorError(f"{queue.name}: the subscription {origin.source.name} is gone; its messages stay here")
    _, _, service, region, account, name = endpoint.split(":", 5)
    if service != "sqs":
        raise OperatorError(f"{queue.name}: its messages were to go to {endpoint}, which is no queue; they stay here")
    sqs = queue.stack.client("sqs", region)
    return MessageQueue(sqs, sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"])


def _origin_of(queue: DeadLetterQueue, message: Message) -> Origin:
    """Return the way by which one message came: a queue may keep the failures of a consumer and of a rule."""
    is_of_rule = message.text("RULE_ARN") is not None
    fitting = [origin for origin in queue.origins if (origin.kind is Kind.RULE) == is_of_rule]
    return (fitting or list(queue.origins))[0]


def _publish(queue: DeadLetterQueue, body: Any) -> None:
    """Publish what a rule's action failed on to its topic again."""
    if not isinstance(body, dict) or not {"topic", "base64OriginalPayload"} <= body.keys():
        raise OperatorError(f"{queue.name} has a message without topic and payload, which AWS IoT did not write")
    queue.stack.client("iot-data").publish(
        topic=body["topic"], qos=1, payload=base64.b64decode(body["base64OriginalPayload"])
    )
