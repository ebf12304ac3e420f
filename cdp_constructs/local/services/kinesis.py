"""Kinesis Data Streams: consumers and policies of streams, and an expiry that costs nothing while nothing expires."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

_HOUR = 3600

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
