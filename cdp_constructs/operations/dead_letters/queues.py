"""The dead-letter queues of a stack: what waits in them, where it came from, and who works on it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from cdp_constructs.operations.dead_letters.causes import said_cause
from cdp_constructs.operations.dead_letters.messages import Message, MessageQueue
from cdp_constructs.operations.dead_letters.origins import Kind, Origin, origins_of
from cdp_constructs.operations.deployed.log_lines import error_about
from cdp_constructs.operations.deployed.stacks import DeployedStack, Resource

__all__ = ["DeadLetterQueue", "dead_letter_queue", "dead_letter_queues"]

_REPLAYED = {Kind.QUEUE, Kind.SUBSCRIPTION, Kind.INVOCATION, Kind.RULE, Kind.IOT_RULE}
_MOST_LOOKED_AT = 10


@dataclass(frozen=True)
class DeadLetterQueue:
    """A queue of a stack that keeps failed messages.

    Attributes:
        stack: Its stack.
        resource: What the template says.
        origins: The ways into it, the consumer's failures first.
    """

    stack: DeployedStack
    resource: Resource
    origins: tuple[Origin, ...]

    @property
    def name(self) -> str:
        """Its logical id without the CDK's hash."""
        return self.resource.name

    @cached_property
    def messages(self) -> MessageQueue:
        """What is in it."""
        return MessageQueue(self.stack.client("sqs"), self.resource.physical_id)

    @cached_property
    def arn(self) -> str:
        """Its ARN."""
        answer = self.stack.client("sqs").get_queue_attributes(
            QueueUrl=self.resource.physical_id, AttributeNames=["QueueArn"]
        )
        return str(answer["Attributes"]["QueueArn"])

    @property
    def consumer(self) -> Resource | None:
        """The function whose log tells why messages failed."""
        return next((origin.consumer for origin in self.origins if origin.consumer is not None), None)

    @property
    def log_group(self) -> str | None:
        """The consumer's log group."""
        return None if self.consumer is None else self.stack.log_group(self.consumer)

    @property
    def is_of_stream(self) -> bool:
        """Whether its messages name parts of a stream, so that records are read from there."""
        return any(origin.kind is Kind.STREAM for origin in self.origins)

    @property
    def is_replayed(self) -> bool:
        """Whether its messages can be delivered again to where they were to go."""
        return any(origin.kind in _REPLAYED for origin in self.origins)

    @property
    def seconds_until_failed(self) -> int | None:
        """How long after it was sent a message gets here, and gets here again after a replay."""
        return max((origin.seconds_until_failed or 0 for origin in self.origins), default=0) or None

    def cause_of(self, message: Message) -> str | None:
        """Return why a message failed: what it says itself, or else the consumer's last error about it."""
        said = said_cause(message)
        if said is not None or self.log_group is None:
            return said
        logs = self.stack.client("logs")
        try:
            return error_about(logs, self.log_group, message.id, sent=message.sent)
        except logs.exceptions.ResourceNotFoundException:
            return None  # the consumer has never run

    def oldest(self, visible: int) -> tuple[float, Message] | None:
        """Return the age in seconds of the oldest message of some that are read, and that message."""
        found = self.messages.peek(min(_MOST_LOOKED_AT, visible)) if visible else []
        return (max(0.0, time.time() - found[0].sent), found[0]) if found else None


def dead_letter_queues(stack: DeployedStack) -> Iterator[DeadLetterQueue]:
    """Return the queues that keep failed messages: those that send their own failures nowhere."""
    for queue in stack.of_type("AWS::SQS::Queue"):
        if "RedrivePolicy" not in queue.properties:
            yield DeadLetterQueue(stack, queue, origins_of(stack, queue))


def dead_letter_queue(stack: DeployedStack, name: str) -> DeadLetterQueue:
    """Return the dead-letter queue that a name fits.

    Args:
        stack: Its stack.
        name: Its logical id, the path of its construct, the path of the construct that it belongs to, or a part of
            the logical id that only one has.

    Raises:
        OperatorError: when it fits none, or several.
    """
    for ending in ("DeadLetterQueue", ""):
        known = [queue for queue in dead_letter_queues(stack) if queue.name == name.replace("/", "") + ending]
        if len(known) == 1:
            return known[0]
    sources = {queue.resource.logical_id for queue in dead_letter_queues(stack)}
    found = stack.named(name, "AWS::SQS::Queue", among=sources)
    return DeadLetterQueue(stack, found, origins_of(stack, found))
