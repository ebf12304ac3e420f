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
    "AWS::StepFunctions::StateMachine": (
        "states.amazonaws.com",
        ("RoleArn",),
        "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume it.",
    ),
}
"""By type of resource: the service, where the role stands, and what AWS says."""


def trusts(
    role: Mapping[str, Any], service: str, *, actions: frozenset[str] = frozenset(), regional: bool = True
) -> bool:
    """Whether a role lets a service assume it, under whatever condition.

    Args:
        role: As MiniStack keeps it.
        service: The principal, for example `states.amazonaws.com`.
        actions: The role must allow one of them; whatever it allows is enough when there are none.
        regional: Whether the name of the service in a Region is enough, too.
    """
    document = role.get("AssumeRolePolicyDocument") or {}
    statements = (json.loads(document) if isinstance(document, str) else document).get("Statement", [])
    return any(
        statement.get("Effect") == "Allow"
        and (not actions or bool(actions & set(_listed(statement.get("Action")))))
        and _named(statement.get("Principal"), service, regional=regional)
        for statement in (statements if isinstance(statements, list) else [statements])
    )


def _named(principal: Any, service: str, *, regional: bool) -> bool:
    if not regional:
        services = principal.get("Service") if isinstance(principal, dict) else principal
        return bool({service, "*"} & set(_listed(services)))
    # States of a Region: https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
    names = _listed(principal.get("Service")) if isinstance(principal, dict) else []
    return principal == "*" or service.partition(".")[0] in {name.partition(".")[0] for name in names}


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _found(properties: Any, path: str) -> Iterator[str]:
    name, _, rest = path.partition(".")
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
