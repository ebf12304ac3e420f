"""Resources of another Region, which a pattern of this one cannot use."""

import itertools
import typing
from collections.abc import Callable, Mapping
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

__all__ = ["elsewhere"]

_numbers = itertools.count()


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:eu-west-3:111122223333:{resource}"


_IMPORTED: Mapping[Any, Callable[[Construct, str], Any]] = {
    dynamodb.ITable: lambda scope, name: dynamodb.Table.from_table_arn(scope, name, _arn("dynamodb", "table/t")),
    kinesis.IStream: lambda scope, name: kinesis.Stream.from_stream_arn(scope, name, _arn("kinesis", "stream/s")),
    kms.IKey: lambda scope, name: kms.Key.from_key_arn(scope, name, _arn("kms", "key/k")),
    sns.ITopic: lambda scope, name: sns.Topic.from_topic_arn(scope, name, _arn("sns", "t")),
    sqs.IQueue: lambda scope, name: sqs.Queue.from_queue_arn(scope, name, _arn("sqs", "q")),
}


def elsewhere(instance: Any, given: Mapping[str, Any], hint: Any) -> list[Any]:
    """Return resources of another Region that an annotation allows."""
    scope = given.get("scope") if isinstance(given.get("scope"), Construct) else instance
    if not isinstance(scope, Construct):
        return []
    kinds = typing.get_args(hint) or (hint,)
    stack = Stack.of(scope)
    return [make(stack, f"Elsewhere{next(_numbers)}") for kind, make in _IMPORTED.items() if kind in kinds]
