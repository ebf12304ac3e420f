"""Acknowledgments of cdk-nag findings: narrow, reasoned, and kept in the audit trail."""

from typing import TYPE_CHECKING, Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept one finding on one construct.

    Args:
        construct: The narrowest construct that has the finding.
        rule: The rule as cdk-nag prints it, pack first, and for granular rules with the exact finding:
            ``AwsSolutions-SQS3`` or ``AwsSolutions-IAM5[Resource::*]``.
        reason: Why a security reviewer would accept it.
    """
    # Only an id with its pack in front reaches the audit trail of the validation report.
    pack = rule.partition("-")[0]
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{pack}::{rule}", reason=reason))


def acknowledge_resources(policy: "iam.Policy", resources: list[str], reason: str) -> None:
    """Accept the ``*`` at the end of ARNs that a policy names, such as the objects below a prefix of one bucket.

    Args:
        policy: The policy that names them.
        resources: The ARNs as given to its statements.
        reason: Why a security reviewer would accept them.
    """
    for resource in resources:
        arn = _flatten(Stack.of(policy).resolve(resource))
        acknowledge(policy, f"AwsSolutions-IAM5[Resource::{arn}]", reason)


def _flatten(reference: Any) -> str:
    """Write an intrinsic function as cdk-nag does in its granular ids: ``<Bucket.Arn>/incoming/*``."""
    if isinstance(reference, str):
        return reference
    ((function, value),) = reference.items()
    if function == "Fn::Join":
        return str(value[0]).join(map(_flatten, value[1]))
    return f"<{'.'.join(value)}>" if function == "Fn::GetAtt" else f"<{value}>"
