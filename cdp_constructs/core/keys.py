"""One way to make a customer-managed key: rotated every year, kept when the stack is deleted."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Annotations, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct, IConstruct

from cdp_constructs.core.paths import region_of, stack_of

USE_KEY = ("kms:Decrypt", "kms:GenerateDataKey")
"""What it takes to put something into an encrypted topic, queue or bucket and to take it out again."""
USE_TABLE_KEY = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
"""What it takes to write items of an encrypted DynamoDB table."""
_USE_LOG_KEY = ("kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*")


def add_key(
    scope: Construct,
    construct_id: str,
    *,
    description: str,
    removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
) -> kms.Key:
    """Add a symmetric key. It costs $1 a month and $0.03 per 10,000 requests (KMS price list, us-east-1).

    Args:
        scope: The pattern whose data it encrypts.
        construct_id: Id of the key inside ``scope``.
        description: What it encrypts, as shown in the console.
        removal_policy: What happens to the key when the stack is deleted; without the key its data is lost.
    """
    return kms.Key(
        scope, construct_id, description=description, enable_key_rotation=True, removal_policy=removal_policy
    )


def let_service_use_key(
    construct: IConstruct,
    key: kms.IKey,
    service: str,
    *,
    actions: Sequence[str] = USE_KEY,
    conditions: Mapping[str, Any] | None = None,
) -> None:
    """Let an AWS service use a key on behalf of this account, by the key's policy.

    The policy of an imported key cannot be changed: a warning then says what it must allow.

    Args:
        construct: The pattern that the service works for.
        key: The key.
        service: Such as ``events.amazonaws.com``.
        actions: What it does with the key.
        conditions: When it may; by default for resources of the stack's account (``aws:SourceAccount``).
    """
    allowed_when = conditions or {"StringEquals": {"aws:SourceAccount": stack_of(construct).account}}
    statement = iam.PolicyStatement(
        principals=[iam.ServicePrincipal(service)], actions=list(actions), resources=["*"], conditions=allowed_when
    )
    if not key.add_to_resource_policy(statement).statement_added:
        Annotations.of(construct).add_warning_v2(
            f"cdp-constructs:ImportedKeyPolicy-{service}",
            f"The policy of an imported key is not changed. Make sure that it allows {service} {', '.join(actions)}.",
        )


def let_logs_use_key(construct: Construct, key: kms.IKey) -> None:
    """Let CloudWatch Logs encrypt log groups of the stack's account and Region with a key.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    stack = stack_of(construct)
    groups = stack.format_arn(service="logs", resource="log-group:*")
    let_service_use_key(
        construct,
        key,
        f"logs.{region_of(stack)}.amazonaws.com",
        actions=_USE_LOG_KEY,
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )
