"""Acknowledgments of cdk-nag findings: narrow, reasoned, and kept in the audit trail."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


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
