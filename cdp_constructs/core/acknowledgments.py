"""Acknowledgments of cdk-nag findings: narrow, reasoned, and kept in the audit trail."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import Stack
from constructs import IConstruct, IValidation

from cdp_constructs.core.once import once
from cdp_constructs.core.paths import node_of, stack_of

# Earlier releases refuse the id of a granular finding. There all findings stay open: whoever runs cdk-nag sees them.
_FIRST_RELEASE = (2, 269)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_CAN_ACKNOWLEDGE = tuple(map(int, metadata.version("aws-cdk-lib").split(".")[:2])) >= _FIRST_RELEASE


def acknowledge(construct: IConstruct, rules: str | Sequence[str], reason: str) -> None:
    """Accept findings on one construct.

    Args:
        construct: The narrowest construct that has the findings.
        rules: The rule as cdk-nag prints it, pack first, and for granular rules with the exact finding:
            ``AwsSolutions-SQS3`` or ``AwsSolutions-IAM5[Resource::*]``; or several with one reason.
        reason: Why a security reviewer would accept it.
    """
    acknowledge_each(construct, dict.fromkeys([rules] if isinstance(rules, str) else rules, reason))


def acknowledge_each(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings on one construct, each with a reason of its own; below aws-cdk-lib 2.269 nothing is accepted.

    Args:
        construct: The narrowest construct that has the findings.
        reasons: By rule; see ``acknowledge``.
    """
    if not _CAN_ACKNOWLEDGE:
        return
    # Only an id with its pack in front reaches the audit trail of the validation report.
    cdk.Validations.of(construct).acknowledge(
        *(cdk.Acknowledgment(id=f"{rule.partition('-')[0]}::{rule}", reason=reason) for rule, reason in reasons.items())
    )


def acknowledge_resources(policy: IConstruct, resources: list[str], reason: str) -> None:
    """Accept the ``*`` at the end of ARNs that a policy names, such as the objects below a prefix of one bucket.

    Args:
        policy: The policy that names them, or the role that it belongs to.
        resources: The ARNs as given to its statements.
        reason: Why a security reviewer would accept them.
    """
    _acknowledging(stack_of(policy)).accepted.append((policy, resources, reason))


@once
def _acknowledging(stack: Stack) -> "_AcknowledgingResources":
    acknowledging = _AcknowledgingResources(stack)
    node_of(stack).add_validation(acknowledging)
    return acknowledging


@jsii.implements(IValidation)
class _AcknowledgingResources:
    """Acknowledges when the app is validated: only then is it known how a resource of another stack is written.

    One for all policies of a stack, which are then written with one question to Node.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.accepted: list[tuple[IConstruct, list[str], str]] = []

    def validate(self) -> list[str]:
        """Report nothing; see the class."""
        written = self._stack.resolve([resources for _, resources, _ in self.accepted])
        for (policy, _, reason), resources in zip(self.accepted, written, strict=True):
            rules = [f"AwsSolutions-IAM5[Resource::{_flatten(resource)}]" for resource in resources]
            acknowledge(policy, rules, reason)
        return []


def _flatten(reference: Any) -> str:
    """Write an intrinsic function, or a policy variable, as cdk-nag does in its ids: ``<Bucket.Arn>/incoming/*``."""
    if isinstance(reference, str):
        return _VARIABLE.sub(r"<\1>", reference)
    ((function, value),) = reference.items()
    if function == "Fn::Join":
        return str(value[0]).join(map(_flatten, value[1]))
    if function == "Fn::GetAtt":
        return f"<{'.'.join(value)}>"
    if function == "Fn::ImportValue":
        return _flatten(value)
    return f"<{value}>" if function == "Ref" else json.dumps(reference, separators=(",", ":"))
