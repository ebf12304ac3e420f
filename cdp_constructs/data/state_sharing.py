"""State Sharing: what all servers must know of a user, kept outside of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.layers import share_module
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.tables import add_item_table, leading_keys
from cdp_constructs.core.validation import InvalidOptionError, check_exclusive

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

_READ = ["dynamodb:GetItem", "dynamodb:Query"]
_WRITE = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
_THROTTLED_THAT_ALARM = 100


class StateSharing(Construct):
    """Share sessions and presence between servers that come and go.

    CDP: State Sharing / ステートシェアリング パターン.

    Problem: what a server remembers of a user is lost with the server, and unknown to the next one that answers. That
    of somebody who is simply gone stays for ever. Solution: a table that every server asks. Entries lapse unless a
    heartbeat renews them; readers leave lapsed ones out at once, because DynamoDB deletes them only some time later.
    One query answers who is in a group; nothing is ever scanned. Every write carries the time at which it was made and
    loses against a newer one: a late heartbeat neither revives who has left nor shortens the stay of who has renewed.

    The run-time part is the module ``state_sharing``, which ``share_with`` gives to a function as a layer. A service
    between the functions and the table would double the calls and the price of each heartbeat, and decide nothing that
    DynamoDB's conditions do not decide.

    In a global table each Region decides by its own replica, and between Regions the last write of an item wins. That
    is right here: one user's entry has one writer at a time, the Region that serves the user; when the user moves,
    the newest heartbeat is the one that should win. If clocks or replication make an older one win, the next heartbeat
    corrects it, and the expiry bounds it without one. Do not keep in an entry what must add up, such as a balance.

    Not for: data that must not be lost (entries lapse), caches that need answers within a millisecond, or the order of
    what users did.

    Limits: a group is one partition: 1,000 writes and 3,000 reads a second, so up to 60,000 members with a heartbeat a
    minute; an entry is 400 KB at most
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html).

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        table: A table to use, also a replica of a global table: partition key ``pk`` and sort key ``sk`` (strings),
            time to live by ``expires_at``; the names are fixed. Nothing on it is changed. By default one is made, on
            demand, encrypted with a key of DynamoDB, with point-in-time recovery and deletion protection.
        alarm_topic: Receives the alarm when writes are throttled; by default there is none.
        removal_policy: What happens to the table that is made here when the stack goes; it is kept by default, and
            then also protected from deletion.

    Attributes:
        table: Where the entries are.

    Raises:
        InvalidOptionError: for an option for a new table beside a brought one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: "dynamodb.ITable | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_exclusive(self, {"table": table}, {"removal_policy": removal_policy})
        self.table: dynamodb.ITable = table or add_item_table(
            self, "Table", removal_policy=removal_policy or RemovalPolicy.RETAIN
        )
        add_alarm(
            self,
            "ThrottledAlarm",
            self.metric_throttled_writes(),
            alarm_topic=alarm_topic,
            threshold=_THROTTLED_THAT_ALARM,
            evaluation_periods=3,
            description=f"{path_of(self)}: DynamoDB refuses writes, so members may lapse although they are there. "
            "Look for a group that takes more than 1,000 writes a second, or for a lower limit of the account.",
        )

    def share_with(
        self,
        function: "lambda_.Function",
        *,
        groups: Sequence[str],
        read_only: bool = False,
        variable: str = "STATE_TABLE",
    ) -> None:
        """Let a function use the module ``state_sharing`` on this table.

        Args:
            function: A Python function of the same Region. It gets the layer, the table's name, and permission.
            groups: The names of groups that it may touch, such as ``["ROOM"]``: its permission is bound to partition
                keys that begin with ``ROOM#``, so that it cannot reach what else a shared table holds.
            read_only: Whether it only reads.
            variable: Name of the environment variable; for a function that shares more than one table.

        Raises:
            InvalidOptionError: for no groups, a name that is empty or has a ``#``, ``*`` or ``?``, a function that does
                not run Python, or a variable that is taken.
        """
        if isinstance(groups, str) or not groups:
            raise InvalidOptionError(self, "groups", f"is {groups!r}", 'Give a list of names, such as ["ROOM"]')
        for group in groups:
            if not group or any(character in group for character in "#*?"):
                fix = "Give the part of the partition key before its first #, such as ROOM"
                raise InvalidOptionError(self, "groups", f"contains {group!r}", fix)
        statement = iam.PolicyStatement(
            actions=[*_READ, *([] if read_only else _WRITE)],
            resources=[self.table.table_arn],
            conditions=leading_keys(*groups),
        )
        share_module(
            self,
            function,
            layer="data/state_sharing",
            environment={variable: self.table.table_name},
            statements=[statement],
        )
        if self.table.encryption_key is not None:
            actions = ["kms:Decrypt", *([] if read_only else ["kms:Encrypt", "kms:GenerateDataKey"])]
            self.table.encryption_key.grant(function, *actions)

    def metric_throttled_writes(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Writes that DynamoDB refused, of everything that writes to the table, per minute by default."""
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace="AWS/DynamoDB",
            metric_name="WriteThrottleEvents",
            dimensions_map={"TableName": self.table.table_name},
            statistic="sum",
            period=period or minute(),
        )
