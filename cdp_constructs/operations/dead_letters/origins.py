"""Where the messages of a dead-letter queue come from: read from the stack's template."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from cdp_constructs.operations.deployed.stacks import DeployedStack, Resource, referred

__all__ = ["Kind", "Origin", "origins_of"]


class Kind(StrEnum):
    """What could not hand a message on."""

    QUEUE = "a queue's consumer failed"
    SUBSCRIPTION = "SNS could not deliver"
    MAIL = "SNS could not mail"
    INVOCATION = "an asynchronous call of a function failed"
    RULE = "EventBridge could not deliver"
    EVENT = "EventBridge reports here"
    SCHEDULE = "EventBridge Scheduler could not call"
    STREAM = "a part of a stream was given up"
    IOT_RULE = "an action of an IoT rule failed"
    FUNCTION = "a function put aside what it could not read"


@dataclass(frozen=True)
class Origin:
    """One way into a dead-letter queue.

    Attributes:
        kind: What could not hand a message on.
        source: The resource that could not.
        target: The queue or function that was to receive it, where this stack has it.
        consumer: The function that works on it, where there is one.
        properties: Of the source, what delivery says: `RedrivePolicy`, a rule's target, an event source mapping.
    """

    kind: Kind
    source: Resource
    target: Resource | None
    consumer: Resource | None
    properties: Mapping[str, Any]

    @property
    def deliveries(self) -> int | None:
        """Deliveries before a message counts as failed; None where no queue counts them."""
        return int(self.properties["maxReceiveCount"]) if self.kind is Kind.QUEUE else None

    @property
    def seconds_until_failed(self) -> int | None:
        """How long a message that fails at once is delivered again and again before it gets here."""
        if self.deliveries is None:
            return None
        # SQS's default is 30 seconds.
        return self.deliveries * int(self.source.properties.get("VisibilityTimeout", 30))


def origins_of(stack: DeployedStack, queue: Resource) -> tuple[Origin, ...]:
    """Return the ways into a queue, the consumer's failures first."""
    found = [
        origin
        for resource in stack.resources.values()
        if resource.type in _READERS
        for origin in _READERS[resource.type](stack, resource, queue.logical_id)
    ]
    # A function that names the queue may only be the one that a mapping reads for.
    certain = [origin for origin in found if origin.kind is not Kind.FUNCTION]
    return tuple(sorted(certain or found, key=lambda origin: list(Kind).index(origin.kind)))


def _names(value: Any, logical_id: str) -> bool:
    return logical_id in referred(value)


def _one(stack: DeployedStack, value: Any) -> Resource | None:
    return next((stack.resources[one] for one in referred(value) if one in stack.resources), None)


def _reader_of(stack: DeployedStack, queue: Resource | None) -> Resource | None:
    """Return the function that a queue's event source mapping calls."""
    if queue is None or queue.type == "AWS::Lambda::Function":
        return queue
    for mapping in stack.of_type("AWS::Lambda::EventSourceMapping"):
        if _names(mapping.properties.get("EventSourceArn"), queue.logical_id):
            return _one(stack, mapping.properties["FunctionName"])
    return None


def _of_queue(stack: DeployedStack, source: Resource, logical_id: str) -> Iterator[Origin]:
    policy = source.properties.get("RedrivePolicy", {})
    if _names(policy, logical_id):
        yield Origin(Kind.QUEUE, source, source, _reader_of(stack, source), policy)


def _of_subscription(stack: DeployedStack, source: Resource, logical_id: str) -> Iterator[Origin]:
    if _names(source.properties.get("RedrivePolicy"), logical_id):
        is_mail = source.properties["Protocol"] not in {"sqs", "lambda"}
        target = None if is_mail else _one(stack, source.properties.get("Endpoint"))
        kind = Kind.MAIL if is_mail else Kind.SUBSCRIPTION
        yield Origin(kind, source, target, _reader_of(stack, target), source.properties)


def _of_invocation(stack: DeployedStack, source: Resource, logical_id: str) -> Iterator[Origin]:
    if _names(source.properties.get("DestinationConfig", {}).get("OnFailure"), logical_id):
        function = _one(stack, source.properties["FunctionName"])
        yield Origin(Kind.INVOCATION, source, function, function, source.properties)


def _of_mapping(stack: DeployedStack, source: Resource, logical_id: str) -> Iterator[Origin]:
    if _names(source.properties.get("DestinationConfig", {}).get("OnFailure"), logical_id):
        function = _one(stack, source.properties["FunctionName"])
        yield Origin(Kind.STREAM, source, function, function, source.properties)


def _of_function(_stack: DeployedStack, source: Resource, logical_id: str) -> Iterator[Origin]:
    if _names(source.properties.get("DeadLetterConfig"), logical_id):
        yield Origin(Kind.INVOCATION, source, source, source, source.properties)
    if _names(source.properties.get("Environment"), logical_id):
        yield Origin(Kind.FUNCTION, source, None, source, source.properties)


def _of_rule(stack: DeployedStack, source: Resource, logical_id: str) -> Iterator[Origin]:
    for target in source.properties.get("Targets", []):
        reached = _one(stack, target["Arn"])
        if _names(target["Arn"], logical_id):
            yield Origin(Kind.EVENT, source, None, None, target)
        elif _names(target.get("DeadLetterConfig"), logical_id):
            yield Origin(Kind.RULE, source, reached, _reader_of(stack, reached), target)


def _of_schedule(_stack: DeployedStack, source: Resource, logical_id: str) -> Iterator[Origin]:
    target = source.properties.get("Target", {})
    if _names(target.get("DeadLetterConfig"), logical_id):
        yield Origin(Kind.SCHEDULE, source, None, None, target)


def _of_iot_rule(_stack: DeployedStack, source: Resource, logical_id: str) -> Iterator[Origin]:
    payload = source.properties["TopicRulePayload"]
    if _names(payload.get("ErrorAction"), logical_id):
        yield Origin(Kind.IOT_RULE, source, None, None, payload)


_Reader = Callable[[DeployedStack, Resource, str], Iterator[Origin]]
_READERS: Mapping[str, _Reader] = MappingProxyType(
    {
        "AWS::SQS::Queue": _of_queue,
        "AWS::SNS::Subscription": _of_subscription,
        "AWS::Lambda::EventInvokeConfig": _of_invocation,
        "AWS::Lambda::EventSourceMapping": _of_mapping,
        "AWS::Lambda::Function": _of_function,
        "AWS::Events::Rule": _of_rule,
        "AWS::Scheduler::Schedule": _of_schedule,
        "AWS::IoT::TopicRule": _of_iot_rule,
    }
)
