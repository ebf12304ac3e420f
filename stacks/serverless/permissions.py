"""What functions may do with the table: each what it does, with the items that it is about."""

from collections.abc import Sequence

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from cdp_constructs.core.tables import leading_keys

__all__ = ["let_use_items"]


def let_use_items(function: lambda_.Function, table: dynamodb.ITable, kinds: Sequence[str], *actions: str) -> None:
    """Let a function do something with items of some kinds.

    Args:
        function: The function; it gets the name of the table.
        table: The table.
        kinds: What the partition keys begin with, such as ``CURRENT``.
        actions: Such as ``GetItem``.
    """
    function.add_environment("TABLE", table.table_name)
    function.add_to_role_policy(
        iam.PolicyStatement(
            actions=[f"dynamodb:{action}" for action in actions],
            resources=[table.table_arn],
            conditions=leading_keys(*kinds),
        )
    )
