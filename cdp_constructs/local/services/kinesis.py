"""Kinesis Data Streams: consumers and policies of streams, permission to read, hash keys, expiry at little cost."""

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.resources import Request, resource_of
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

_kinesis: Any = ministack.module("services.kinesis", "_shard_iterators")
_responses: Any = ministack.module("core.responses")

_HOUR = 3600
_SHARD = re.compile(r"(?:shardId-)?(\d+)")

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Kinesis::StreamConsumer",
        Api(
            service="kinesis",
            create="register_stream_consumer",
            delete="deregister_stream_consumer",
            ref="Response.Consumer.ConsumerARN",
            key={"ConsumerARN": "Id"},
            attributes={
                "ConsumerARN": "Id",
                "ConsumerName": "Properties.ConsumerName",
                "ConsumerStatus": "`ACTIVE`",
                "StreamARN": "Properties.StreamARN",
            },
        ),
    ),
    resource_type(
        "AWS::Kinesis::ResourcePolicy",
        Api(
            service="kinesis",
            create="put_resource_policy",
            update="put_resource_policy",
            delete="delete_resource_policy",
            ref="Properties.ResourceArn",
            key={"ResourceARN": "Id"},
            renamed={"ResourcePolicy": "Policy"},
            replacing=("ResourceArn",),
        ),
    ),
)


@patch("ministack.services.kinesis:_expire_records")
def _expire(original: Callable[[Mapping[str, Any]], None], stream: Mapping[str, Any]) -> None:
    """Look at the oldest record of each shard only; MiniStack copies all of them, at every request."""
    cutoff = time.time() - stream["RetentionPeriodHours"] * _HOUR
    oldest = (shard["records"][0] for shard in stream["shards"].values() if shard["records"])
    if any(record["ApproximateArrivalTimestamp"] < cutoff for record in oldest):
        original(stream)


@patch("ministack.services.kinesis:_get_shard_iterator")
def _iterate(original: Callable[[Mapping[str, Any]], Any], request: Mapping[str, Any]) -> Any:
    """Take a shard by its number, however many zeros are before it, as Kinesis does."""
    if found := _SHARD.fullmatch(str(request.get("ShardId", ""))):
        request = {**request, "ShardId": f"shardId-{int(found[1]):012}"}
    return original(request)


@resource_of("kinesis")
def _stream_of_iterator(known: Callable[[bytes], str], request: Request) -> str:
    """Name the stream that an iterator is of, which is all that many readers send."""
    resource = known(request.body)
    if resource != "*":
        return resource
    try:
        iterator = json.loads(request.body).get("ShardIterator")
    except (AttributeError, ValueError):  # refused by the service
        return resource
    state = _kinesis._shard_iterators.get_scoped(request.account, request.region, iterator, None)
    return f"arn:aws:kinesis:{request.region}:{request.account}:stream/{state['stream']}" if state else resource


_HASH_KEY = re.compile(r"0|[1-9]\d{0,38}", re.ASCII)


def _wrong_hash_key(records: Iterable[Mapping[str, Any]]) -> Any:
    for record in records:
        key = record.get("ExplicitHashKey")
        if key and (_HASH_KEY.fullmatch(str(key)) is None or int(key) >= 2**128):
            message = (
                "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
                f"Specified value was {key}"
            )
            return _responses.error_response_json("InvalidArgumentException", message, 400)
    return None


@patch("ministack.services.kinesis:_put_record")
def _put_record(original: Callable[..., Any], data: Mapping[str, Any]) -> Any:
    return _wrong_hash_key([data]) or original(data)


@patch("ministack.services.kinesis:_put_records")
def _put_records(original: Callable[..., Any], data: Mapping[str, Any]) -> Any:
    return _wrong_hash_key(data.get("Records") or ()) or original(data)
