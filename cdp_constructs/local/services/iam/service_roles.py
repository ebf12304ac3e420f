"""IAM: services take only roles that trust them, and say so when the resource is made, not when the role is used.

A role that does not exist here, because it was imported, is not checked.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import Change, Group
from cdp_constructs.local.kit.refine import before
from cdp_constructs.local.kit.types import Properties

__all__ = ["trusts"]

_iam: Any = ministack.module("services.iam", "_roles")

_USERS: Mapping[str, tuple[str, Sequence[str], str]] = {
    "AWS::Lambda::Function": (
        "lambda.amazonaws.com",
        ("Role",),
        "The role defined for the function cannot be assumed by Lambda.",
    ),
    "AWS::KinesisFirehose::DeliveryStream": (
        "firehose.amazonaws.com",
        ("*DestinationConfiguration.RoleARN", "KinesisStreamSourceConfiguration.RoleARN"),
        "Firehose is unable to assume role {role}. Please check the role provided.",
    ),
    "AWS::Scheduler::Schedule": (
        "scheduler.amazonaws.com",
        ("Target.RoleArn",),
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
    ),
    "AWS::Events::Rule": (
        "events.amazonaws.com",
        ("RoleArn", "Targets.RoleArn"),
        "Provided role '{role}' cannot be assumed by principal 'events.amazonaws.com'.",
    ),
    "AWS::Pipes::Pipe": (
        "pipes.amazonaws.com",
        ("RoleArn",),
        "The provided role {role} cannot be assumed by principal 'pipes.amazonaws.com'.",
    ),
    "AWS::StepFunctions::StateMachine": (
        "states.amazonaws.com",
        ("RoleArn",),
        "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume it.",
    ),
}
"""By type of resource: the service, where the role stands, and what AWS says."""


def trusts(role: Mapping[str, Any], service: str) -> bool:
    """Whether a role lets a service assume it, under whatever condition."""
    document = role.get("AssumeRolePolicyDocument") or {}
    statements = (json.loads(document) if isinstance(document, str) else document).get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        # States of a Region: https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
        names = [name.split(".")[0] for name in ([services] if isinstance(services, str) else services)]
        if statement.get("Effect") == "Allow" and (principal == "*" or service.split(".", maxsplit=1)[0] in names):
            return True
    return False


def _found(properties: Any, path: str) -> Iterator[str]:
    name, _, rest = path.partition(".")
    if isinstance(properties, list):
        for entry in properties:
            yield from _found(entry, path)
    if not isinstance(properties, dict):
        return
    for key, value in properties.items():
        if key == name or (name.startswith("*") and key.endswith(name[1:])):
            if rest:
                yield from _found(value, rest)
            elif isinstance(value, str):
                yield value


def _checking(resource_type: str) -> Change:
    service, paths, message = _USERS[resource_type]

    @before(resource_type)
    def check(properties: Properties) -> None:
        for arn in (arn for path in paths for arn in _found(properties, path)):
            role = _iam._roles.get(arn.rpartition("/")[2])
            if role is not None and not trusts(role, service):
                raise ValueError(message.format(role=arn))

    return check


_CHECKS = Group([_checking(resource_type) for resource_type in _USERS])
