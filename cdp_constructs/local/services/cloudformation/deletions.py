"""CloudFormation: what AWS neither deletes nor makes again.

A bucket with objects stays, and fails the deletion of its stack; a log group that was kept stands in the way of another
one with its name.
"""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refine import handler
from cdp_constructs.local.kit.types import Attributes, Properties

_s3: Any = ministack.module("services.s3", "_bucket_has_versions", "_buckets")
_logs: Any = ministack.module("services.cloudwatch_logs", "_log_groups")


@patch(handler("AWS::S3::Bucket", "delete"))
def _delete_bucket(original: Callable[..., None], name: str, properties: Properties, *names: str) -> None:
    bucket = _s3._buckets.get(name)
    if bucket is not None and (bucket["objects"] or _s3._bucket_has_versions(name)):
        raise ValueError(
            f"The bucket you tried to delete is not empty: {name} (Service: S3, Status Code: 409). Empty it, with its "
            "versions, or make it with auto_delete_objects."
        )
    original(name, properties, *names)


@patch(handler("AWS::Logs::LogGroup", "create"))
def _create_log_group(
    original: Callable[..., tuple[str, Attributes]], logical_id: str, properties: Properties, stack_name: str
) -> tuple[str, Attributes]:
    name = properties.get("LogGroupName")
    if name in _logs._log_groups:
        identifier = f'{{"/properties/LogGroupName":"{name}"}}'
        raise ValueError(f"Resource of type 'AWS::Logs::LogGroup' with identifier '{identifier}' already exists.")
    return original(logical_id, properties, stack_name)
