"""Kinesis Data Streams: consumers and policies of streams."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

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
