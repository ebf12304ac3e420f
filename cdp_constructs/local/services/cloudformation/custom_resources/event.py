"""The event that a native handler of a custom resource gets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import boto3
from botocore.config import Config

from cdp_constructs.local.kit.sdk import endpoint

__all__ = ["Event", "Handler", "is_true"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """A request of CloudFormation to a custom resource.

    Attributes:
        request_type: `Create`, `Update` or `Delete`.
        logical_id: Logical id of the resource.
        physical_id: Physical id, None for a creation.
        properties: Properties with scalars as strings, as CloudFormation sends them.
        old_properties: Properties before an update.
        region: Region of the stack.
        credentials: Session of the role of the function that would have handled it, so that IAM is evaluated.
    """

    request_type: str
    logical_id: str
    physical_id: str | None
    properties: Mapping[str, Any]
    old_properties: Mapping[str, Any]
    region: str
    credentials: Mapping[str, str]

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a boto3 client of this server that acts under the function's role."""
        client: Callable[..., Any] = boto3.client  # its overloads name each service
        return client(
            service,
            region_name=region or self.region,
            endpoint_url=endpoint(),
            aws_access_key_id=self.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=self.credentials["AWS_SESSION_TOKEN"],
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )


Handler: TypeAlias = Callable[[Event], tuple[str, dict[str, Any]]]
"""Handles an event; returns the physical id and the attributes for Fn::GetAtt. An exception fails the resource."""


def is_true(value: Any) -> bool:
    """Tell whether a property that CloudFormation made a string means true."""
    return str(value).lower() == "true"
