"""Acknowledgments of cdk-nag findings: narrow, reasoned, and kept in the audit trail."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct, IValidation

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam


def acknowledge(construct: IConstruct, rules: str | Sequence[str], reason: str) -> None:
    """Accept findings on one construct.

    Args:
        construct: The narrowest construct that has the findings.
        rules: The rule as cdk-nag prints it, pack first, and for granular rules with the exact finding:
            ``AwsSolutions-SQS3`` or ``AwsSolutions-IAM5[Resource::*]``; or several with one reason.
        reason: Why a security reviewer would accept it.
    """
    names = [rules] if isinstance(rules, str) else rules
    # Only an id with its pack in front reaches the audit trail of the validation report.
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=f"{name.partition('-')[0]}::{name}", reason=reason) for name in names)
    )


def acknowledge_resources(policy: "iam.Policy", resources: list[str], reason: str) -> None:
    """Accept the ``*`` at the end of ARNs that a policy names, such as the objects below a prefix of one bucket.

    Args:
        policy: The policy that names them.
        resources: The ARNs as given to its statements.
        reason: Why a security reviewer would accept them.
    """
    policy.node.add_validation(_Acknowledging(policy, resources, reason))


@jsii.implements(IValidation)
class _Acknowledging:
    """Acknowledges when the app is validated: only then is it known how a resource of another stack is written."""

    def __init__(self, policy: "iam.Policy", resources: list[str], reason: str) -> None:
        self._policy = policy
        self._resources = resources
        self._reason = reason

    def validate(self) -> list[str]:
        """Report nothing; see the class."""
        resolved = Stack.of(self._policy).resolve(self._resources)
        rules = [f"AwsSolutions-IAM5[Resource::{_flatten(resource)}]" for resource in resolved]
        acknowledge(self._policy, rules, self._reason)
        return []


def _flatten(reference: Any) -> str:
    """Write an intrinsic function as cdk-nag does in its granular ids: ``<Bucket.Arn>/incoming/*``."""
    if isinstance(reference, str):
        return reference
    ((function, value),) = reference.items()
    if function == "Fn::Join":
        return str(value[0]).join(map(_flatten, value[1]))
    if function == "Fn::GetAtt":
        return f"<{'.'.join(value)}>"
    if function == "Fn::ImportValue":
        return _flatten(value)
    return f"<{value}>" if function == "Ref" else json.dumps(reference, separators=(",", ":"))
