"""Which functions come after a function: the consumers of the topics, queues and streams that its variables name."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdp_constructs.operations.deployed.stacks import DeployedStack
from cdp_constructs.operations.trace.log_search import Place

__all__ = ["Hop", "hops_after"]

_TOPIC = re.compile(r"arn:aws[\w-]*:sns:[^\s\"]+")
_QUEUE = re.compile(r"https?://[^\s\"]+/\d{12}/[\w.-]+")


@dataclass(frozen=True)
class Hop:
    """A function that works on what another one sent.

    Attributes:
        place: The function.
        through: Where it gets it from.
        queue: The address of the queue in between; None for a stream.
        is_certain: Whether every item of the sender goes there; a filter may leave it out otherwise.
    """

    place: Place
    through: str
    queue: str | None
    is_certain: bool


def hops_after(
    place: Place, said: Sequence[Mapping[str, Any]], functions: Mapping[tuple[str, str], Place]
) -> list[Hop]:
    """Return what comes after a function.

    Args:
        place: The function.
        said: The fields of its lines about the item: filters decide by them.
        functions: All functions, by their keys.
    """
    if place.resource.type != "AWS::Lambda::Function":
        return []
    stack = place.stack
    configuration = stack.client("lambda").get_function_configuration(FunctionName=place.resource.physical_id)
    variables: Mapping[str, str] = configuration.get("Environment", {}).get("Variables", {})
    hops: dict[tuple[str, str], Hop] = {}
    for name, value in variables.items():
        for hop in _through(stack, name, value, said, functions):
            if hop.place.key != place.key:
                hops.setdefault(hop.place.key, hop)
    return list(hops.values())


def _through(
    stack: DeployedStack,
    name: str,
    value: str,
    said: Sequence[Mapping[str, Any]],
    functions: Mapping[tuple[str, str], Place],
) -> Iterator[Hop]:
    if _TOPIC.fullmatch(value):
        yield from _through_topic(stack, value, said, functions)
    elif _QUEUE.fullmatch(value):
        attributes = stack.client("sqs").get_queue_attributes(QueueUrl=value, AttributeNames=["QueueArn"])
        for place in _consumers(stack, attributes["Attributes"]["QueueArn"], functions):
            # What for is not known of a queue that is named: a time-out, or a failure, is no next hop.
            yield Hop(place, value.rpartition("/")[2], value, is_certain=False)
    elif name.endswith(("TABLE_NAME", "TABLE")):
        yield from _through_table(stack, value, functions)


def _through_topic(
    stack: DeployedStack, topic: str, said: Sequence[Mapping[str, Any]], functions: Mapping[tuple[str, str], Place]
) -> Iterator[Hop]:
    sns, sqs = stack.client("sns"), stack.client("sqs")
    for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic):
        for subscription in page["Subscriptions"]:
            if subscription["Protocol"] != "sqs" or subscription["Endpoint"].split(":")[3] != stack.region:
                continue
            settings = sns.get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])["Attributes"]
            passes = _passes(settings, said)
            if passes is False:
                continue
            queue = subscription["Endpoint"].rpartition(":")[2]
            for place in _consumers(stack, subscription["Endpoint"], functions):
                url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
                yield Hop(place, topic.rpartition(":")[2], url, is_certain=passes is True)


def _through_table(stack: DeployedStack, table: str, functions: Mapping[tuple[str, str], Place]) -> Iterator[Hop]:
    dynamodb = stack.client("dynamodb")
    try:
        stream = dynamodb.describe_table(TableName=table)["Table"].get("LatestStreamArn")
    except dynamodb.exceptions.ResourceNotFoundException:
        return  # a table that another Region has
    if stream:
        for place in _consumers(stack, stream, functions):
            yield Hop(place, f"stream of {table}", None, is_certain=False)


def _consumers(stack: DeployedStack, source: str, functions: Mapping[tuple[str, str], Place]) -> Iterator[Place]:
    pages = stack.client("lambda").get_paginator("list_event_source_mappings").paginate(EventSourceArn=source)
    for page in pages:
        for mapping in page["EventSourceMappings"]:
            name = mapping["FunctionArn"].split(":")[6]
            if place := functions.get((stack.region, name)):
                yield place


def _passes(settings: Mapping[str, str], said: Sequence[Mapping[str, Any]]) -> bool | None:
    """Return whether a subscription gets the item; None when that cannot be told from the lines."""
    if not settings.get("FilterPolicy"):
        return True
    policy = json.loads(settings["FilterPolicy"])
    # What was published is in the last line that has all that is filtered by.
    for fields in reversed(said):
        attributes = fields.get("attributes", fields)
        if isinstance(attributes, dict) and all(name in attributes for name in policy):
            found = [_allows(conditions, str(attributes[name])) for name, conditions in policy.items()]
            return False if False in found else (None if None in found else True)
    return None


def _allows(conditions: Any, value: str) -> bool | None:
    if not isinstance(conditions, list):
        return None
    if value in conditions:
        return True
    found: list[bool | None] = [None if isinstance(one, dict) else False for one in conditions]
    return None if None in found else False
