"""A stack as it is deployed: its resources by name, from its template, without the CDK application."""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cdp_constructs.operations.deployed.errors import OperatorError

if TYPE_CHECKING:
    import boto3

__all__ = ["DeployedStack", "Resource", "open_session", "referred"]

# The CDK ends a logical id with eight hexadecimal digits.
_HASH = 8


def open_session(region: str | None = None, profile: str | None = None) -> "boto3.Session":
    """Return a session that reads ``AWS_REGION`` too: version 2 of the AWS CLI does, and boto3 does not.

    Args:
        region: By default ``AWS_REGION``, then ``AWS_DEFAULT_REGION``, then the profile's.
        profile: By default ``AWS_PROFILE``, then the credentials of the environment.
    """
    import boto3

    return boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None, profile_name=profile)


@dataclass(frozen=True)
class Resource:
    """A resource of a stack.

    Attributes:
        logical_id: Its id in the template.
        type: Such as ``AWS::SQS::Queue``.
        physical_id: What AWS calls it: a queue's URL, a function's name.
        properties: What the template says about it.
    """

    logical_id: str
    type: str
    physical_id: str
    properties: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The logical id without the hash that the CDK adds, as runbooks write it."""
        ending = self.logical_id[-_HASH:]
        has_hash = len(self.logical_id) > _HASH and all(digit in "0123456789ABCDEF" for digit in ending)
        return self.logical_id[:-_HASH] if has_hash else self.logical_id


class DeployedStack:
    """One stack in the Region of a session.

    Args:
        name: The stack's name.
        session: Whose credentials and Region are used.
        endpoint_url: Another cloud than AWS; by default ``AWS_ENDPOINT_URL``.
    """

    def __init__(self, name: str, session: "boto3.Session", *, endpoint_url: str | None = None) -> None:
        self.name = name
        self.session = session
        self._endpoint_url = endpoint_url
        self._clients: dict[tuple[str, str | None], Any] = {}

    def client(self, service: str, region: str | None = None) -> Any:
        """Return the stack's one client of a service.

        Args:
            service: As boto3 names it.
            region: By default the stack's.
        """
        key = (service, region or self.session.region_name)
        if key not in self._clients:
            self._clients[key] = self.session.client(  # type: ignore[call-overload]  # any service
                service, region_name=key[1], endpoint_url=self._endpoint_url
            )
        return self._clients[key]

    @property
    def region(self) -> str:
        """The Region."""
        return str(self.session.region_name)

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """The resources by logical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.name)
        physical = {
            item["LogicalResourceId"]: item.get("PhysicalResourceId", "")
            for page in pages
            for item in page["StackResourceSummaries"]
        }
        return {
            logical_id: Resource(logical_id, item["Type"], physical[logical_id], item.get("Properties", {}))
            for logical_id, item in self._template["Resources"].items()
            if logical_id in physical
        }

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """The stack's outputs."""
        (found,) = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", [])}

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Return the resources of some types, by their logical ids."""
        return (item for _, item in sorted(self.resources.items()) if item.type in types)

    def named(self, name: str, *types: str, among: Collection[str] | None = None) -> Resource:
        """Return the one resource that a name fits: a logical id, with or without its hash, or a part of it.

        Args:
            name: ``MessagesPublisher``, or the path of its construct, ``Messages/Publisher``.
            types: Only these; by default all.
            among: Only these logical ids; by default all.

        Raises:
            OperatorError: when it fits none, or several.
        """
        part = name.replace("/", "")
        of_types = self.of_type(*types) if types else self.resources.values()
        known = [item for item in of_types if among is None or item.logical_id in among]
        for fitting in (
            [item for item in known if item.logical_id == part],
            [item for item in known if item.name == part],
            [item for item in known if part in item.logical_id],
        ):
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                break
        kind = f"resources ({types[0]})" if len(types) == 1 else "resources"
        names = ", ".join(sorted(item.name for item in (fitting or known)))
        raise OperatorError(f"{name!r} fits {len(fitting)} {kind} of {self.name}; use one of: {names}")

    def log_group(self, function: Resource) -> str:
        """Return the name of a function's log group."""
        group = function.properties.get("LoggingConfig", {}).get("LogGroup")
        known = [self.resources[one] for one in referred(group) if one in self.resources]
        if known:
            return known[0].physical_id
        return group if isinstance(group, str) else f"/aws/lambda/{function.physical_id}"

    @cached_property
    def _template(self) -> Mapping[str, Any]:
        body: Any = self.client("cloudformation").get_template(StackName=self.name)["TemplateBody"]
        if isinstance(body, str):
            try:
                body = json.loads(body)
            except json.JSONDecodeError:
                raise OperatorError(f"{self.name} has a template in YAML; the CDK deploys JSON") from None
        template: Mapping[str, Any] = body
        return template


def referred(value: Any) -> Iterator[str]:
    """Return the logical ids that a value of a template refers to."""
    if isinstance(value, Mapping):
        if isinstance(reference := value.get("Ref"), str):
            yield reference
        if attribute := value.get("Fn::GetAtt"):
            yield attribute.partition(".")[0] if isinstance(attribute, str) else attribute[0]
        for part in value.values():
            yield from referred(part)
    elif isinstance(value, list):
        for part in value:
            yield from referred(part)
