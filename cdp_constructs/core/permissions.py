"""What functions may do where resources can only be named by the beginning of their ARNs."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.cdk import s3
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.paths import node_of


def allow_on_objects(
    function: lambda_.Function,
    construct_id: str,
    bucket: "s3.IBucket",
    actions: dict[str, list[str]],
    *others: iam.PolicyStatement,
    reason: str,
) -> None:
    """Let a function work on the objects below prefixes of a bucket, and use the bucket's key when it has one.

    Args:
        function: Made by ``add_function``.
        construct_id: Id of the policy inside the function.
        bucket: The bucket.
        actions: What is allowed, by prefix.
        others: Further statements of the same policy.
        reason: Why a security reviewer would accept the ``*`` behind each prefix.

    Raises:
        ValueError: for an imported function without a role.
    """
    objects = {prefix: bucket.arn_for_objects(f"{prefix}*") for prefix in actions}
    statements = [iam.PolicyStatement(actions=actions[prefix], resources=[objects[prefix]]) for prefix in actions]
    allow_on_prefixes(function, construct_id, [*statements, *others], prefixes=list(objects.values()), reason=reason)
    key = bucket.encryption_key
    if key is not None:
        key.grant(function, *USE_KEY)


def allow_on_prefixes(
    function: lambda_.Function,
    construct_id: str,
    statements: list[iam.PolicyStatement],
    *,
    prefixes: list[str],
    reason: str,
) -> None:
    """Let a function do more, where some of the resources can only be named by the beginning of their ARNs.

    Args:
        function: The function.
        construct_id: Id of the policy inside the function. A policy of its own, so that the acknowledgment of these
            ARNs covers nothing that is granted elsewhere.
        statements: What is allowed.
        prefixes: The ARNs of the statements that end with ``*``.
        reason: Why a security reviewer would accept them.

    Raises:
        ValueError: for an imported function without a role.
    """
    role = function.role
    if role is None:
        raise ValueError(f"{function.node.path} has no role to which permissions could be added")
    policy = iam.Policy(function, construct_id, roles=[role], statements=statements)
    resource: lambda_.CfnFunction = node_of(function).default_child  # type: ignore[assignment]  # its only L1
    resource.node.add_dependency(policy)
    acknowledge_resources(policy, prefixes, reason)
