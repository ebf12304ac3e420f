"""IAM: whether a role, or a service, may do something; asked by services that act on behalf of others."""

from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["policy_allows_account", "policy_allows_service", "role_allows"]

_evaluator: Any = ministack.module(
    "core.iam_evaluator",
    "EvalContext",
    "_gather_role_policies",
    "_permissions_boundary",
    "evaluate",
    "evaluate_resource_policy",
)
_iam: Any = ministack.module("services.iam", "_roles")
_responses: Any = ministack.module("core.responses")


def role_allows(role_arn: str, session: str, action: str, resource: str) -> bool:
    """Whether the policies of a role, its permissions boundary included, allow an action.

    Args:
        role_arn: A role of the account that is acted in.
        session: Name of the session in which a service assumes it, for example `firehose`.
        action: For example `s3:PutObject`.
        resource: ARN of what is acted on.
    """
    account, name = _responses.get_account_id(), role_arn.rpartition("/")[2]
    context = _evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=_responses.get_region(),
    )
    policies = _evaluator._gather_role_policies(name, account)
    limits = _evaluator._permissions_boundary(_iam._roles, name, account)
    return bool(_evaluator.evaluate(context, policies, *limits).decision == "Allow")


def policy_allows_service(
    policy: Any, service: str, action: str, resource: str, region: str, conditions: Mapping[str, str]
) -> bool:
    """Whether the policy of a resource allows a service an action.

    Args:
        policy: The policy of the resource; None allows nothing.
        service: The principal, for example `cloudfront.amazonaws.com`.
        action: For example `s3:ListBucket`.
        resource: ARN of the resource.
        region: Region of the resource.
        conditions: Values of condition keys, in lower case, for example `aws:sourcearn`.
    """
    context = _evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=region,
        service_context=dict(conditions),
    )
    return bool(_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow")


def policy_allows_account(
    policy: Any, account: str, action: str, resource: str, region: str, conditions: Mapping[str, str]
) -> bool:
    """Whether the policy of a resource allows an account an action.

    Args:
        policy: The policy of the resource; None allows nothing.
        account: The principal's account.
        action: For example `s3:PutObject`.
        resource: ARN of the resource.
        region: Region of the resource.
        conditions: Values of condition keys, in lower case, for example `s3:x-amz-acl`.
    """
    context = _evaluator.EvalContext(
        principal_arn=f"arn:aws:iam::{account}:root",
        principal_type="Account",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
        service_context=dict(conditions),
    )
    return bool(_evaluator.evaluate_resource_policy(policy, context).decision == "Allow")
