"""One way to make a log group: it ends, follows the removal policy, and may be encrypted with a key."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdp_constructs.core.cdk import kms


def add_log_group(
    scope: "Construct",
    construct_id: str,
    *,
    log_retention: logs.RetentionDays,
    removal_policy: "RemovalPolicy",
    encryption_key: "kms.IKey | None" = None,
    name: str | None = None,
) -> logs.LogGroup:
    """Add a log group.

    Args:
        scope: The pattern that logs.
        construct_id: Id of the log group inside ``scope``.
        log_retention: How long entries are kept.
        removal_policy: What happens to the log group when the stack is deleted.
        encryption_key: A customer-managed key, which CloudWatch Logs is then allowed to use; by default CloudWatch Logs
            encrypts with a key of its own.
        name: Its name, where a service wants one of a certain form; by default CloudFormation makes one.
    """
    if encryption_key is not None:
        from cdp_constructs.core.keys import let_logs_use_key

        let_logs_use_key(scope, encryption_key)
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=log_retention,
        encryption_key=encryption_key,
        removal_policy=removal_policy,
    )
