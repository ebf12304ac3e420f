"""The table of boards that keep their messages in DynamoDB."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.tables import add_table, metric_throttled_writes, string_attribute
from stacks.dojo.app.model import INDEX

__all__ = ["ChatTable", "allow_items", "allow_reading", "allow_search"]

_THROTTLED_THAT_ALARM = 100
_ITEMS = (
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
)
_READS = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query")


class ChatTable(Construct):
    """One table for messages, people and notices, with an index by author.

    Args:
        scope: The board's stack.
        construct_id: Id inside ``scope``.
        alarm_topic: Receives the alarm when writes are throttled.
        replica_regions: Other Regions with a replica. Default: none.
    """

    table: dynamodb.TableV2
    """The table; it stays when the stack is deleted."""

    def __init__(
        self, scope: Construct, construct_id: str, *, alarm_topic: sns.ITopic, replica_regions: Sequence[str] = ()
    ) -> None:
        super().__init__(scope, construct_id)
        self.table = add_table(
            self,
            "Table",
            partition_key="pk",
            sort_key="sk",
            indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=INDEX,
                    partition_key=string_attribute("author"),
                    sort_key=string_attribute("written"),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN,
            replica_regions=replica_regions,
        )
        add_alarm(
            self,
            "ThrottledAlarm",
            metric_throttled_writes(self.table),
            alarm_topic=alarm_topic,
            threshold=_THROTTLED_THAT_ALARM,
            evaluation_periods=3,
            description=f"{path_of(self)}: DynamoDB refuses writes, so messages wait. Look for a room that takes more "
            "than the 1,000 writes a second of a partition, or for a lower limit of the account.",
        )

    @property
    def settings(self) -> dict[str, str]:
        """The settings of servers of the same Region; they ask each other for messages every second."""
        return {"store": "table", "table": self.table.table_name, "fan_out": "polling"}

    def grant(self, role: iam.IRole) -> None:
        """Let servers read and write items, and find messages by their author."""
        allow_items(role, self.table.table_arn)
        allow_search(role, self.table.table_arn)


def allow_items(role: iam.IRole, table_arn: str) -> None:
    """Let servers read and write items of a table, also in another Region."""
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(_ITEMS), resources=[table_arn]))


def allow_search(role: iam.IRole, table_arn: str) -> None:
    """Let servers find messages by their author, also in another Region."""
    index = f"{table_arn}/index/{INDEX}"
    role.add_to_principal_policy(iam.PolicyStatement(actions=["dynamodb:Query"], resources=[index]))


def allow_reading(role: iam.IRole, table_arn: str) -> None:
    """Let servers read rooms in a replica, and find messages there by their author."""
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(_READS), resources=[table_arn]))
    allow_search(role, table_arn)
