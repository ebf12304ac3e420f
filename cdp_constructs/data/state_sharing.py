"""State Sharing: what all servers must know of a user, kept outside of them."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import lambda_
from cdp_constructs.core.keys import USE_TABLE_KEY
from cdp_constructs.core.layers import share_module
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.tables import (
    add_item_table,
    check_partitions,
    check_table,
    key_of,
    leading_keys,
    metric_throttled_writes,
)
from cdp_constructs.core.validation import check_exclusive

_READ = ("dynamodb:GetItem", "dynamodb:Query")
_WRITE = ("dynamodb:PutItem", "dynamodb:UpdateItem")
_THROTTLED_THAT_ALARM = 100


@checks_options
class StateSharing(Construct):
    """Shares sessions and presence between servers, in a table whose entries lapse unless a heartbeat renews them.

    CDP: State Sharing / ステートシェアリング パターン. Functions use the module ``state_sharing``, which ``share_with``
    gives them as a layer. One query answers who is in a group. Every write carries the time at which it was made and
    loses against a newer one, so heartbeats may come late, twice and in any order.

        state = StateSharing(self, "State")
        state.share_with(presence, groups=["ROOM"])
    """

    table: dynamodb.ITable
    """Holds the entries."""
    encryption_key: kms.IKey | None
    """The given customer-managed key; None where a key of AWS encrypts, and with an existing table."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.ITable | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the state.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            table: An existing table, also a replica of a global table: partition key ``pk`` and sort key ``sk``
                (strings), time to live by ``expires_at``; the names are fixed. Nothing on it is changed. Default: a new
                one, on demand, with point-in-time recovery and deletion protection.
            encryption_key: A customer-managed key for the new table. Default: a key of DynamoDB.
            alarm_topic: Receives the alarm when writes are throttled. Default: no alarm.
            removal_policy: What happens to the new table when the stack is deleted. Default: kept, and protected from
                deletion.

        Raises:
            InvalidOptionError: for an option of a new table together with an existing one, or a resource of another
                Region.
        """
        super().__init__(scope, construct_id)
        new_only: dict[str, object] = {"encryption_key": encryption_key, "removal_policy": removal_policy}
        check_exclusive(self, {"table": table}, new_only)
        self.encryption_key = encryption_key
        if table is not None:
            check_table(self, table, partition_key="pk", sort_key="sk")
        self.table = table or add_item_table(
            self, "Table", encryption_key=encryption_key, removal_policy=removal_policy
        )
        self._table_key = key_of(self.table, encryption_key)
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

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarm of this state; none without ``alarm_topic``."""
        return alarms_of(self)

    def grant_read(self, grantee: iam.IGrantable, *, groups: Sequence[str]) -> iam.Grant:
        """Let a principal get and query the entries of groups.

        Args:
            grantee: The principal.
            groups: As for ``share_with``.
        """
        return self._grant(grantee, groups, _READ, ("kms:Decrypt",))

    def grant_write(self, grantee: iam.IGrantable, *, groups: Sequence[str]) -> iam.Grant:
        """Let a principal read and write the entries of groups: a heartbeat also reads what it replaces.

        Args:
            grantee: The principal.
            groups: As for ``share_with``.
        """
        return self._grant(grantee, groups, (*_READ, *_WRITE), USE_TABLE_KEY)

    def share_with(
        self,
        function: "lambda_.Function",
        *,
        groups: Sequence[str],
        read_only: bool = False,
        variable: str = "STATE_TABLE",
    ) -> iam.Grant:
        """Let a function use the module ``state_sharing`` with this table.

        Args:
            function: A Python function of the same Region. It gets the layer, a variable with the table's name, and
                ``grant_write`` or ``grant_read``.
            groups: What its groups are, such as ``["ROOM"]``: it reaches partition keys that begin with one of these
                and a ``#``, and nothing else of the table.
            read_only: Whether it may not write. Default: it may.
            variable: Name of the environment variable, for a function that shares more than one table.

        Raises:
            InvalidOptionError: for no groups, a name that is empty or has a ``#``, ``*`` or ``?``, a function that does
                not run Python, or a variable that is taken.
        """
        check_partitions(self, "groups", groups, example="ROOM")
        share_module(self, function, layer="data/state_sharing", environment={variable: self.table.table_name})
        return (self.grant_read if read_only else self.grant_write)(function, groups=groups)

    def metric_throttled_writes(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Writes that DynamoDB refused, of everything that writes to the table, per minute by default."""
        return metric_throttled_writes(self.table, period=period)

    def _grant(
        self, grantee: iam.IGrantable, groups: Sequence[str], actions: Sequence[str], key_actions: Sequence[str]
    ) -> iam.Grant:
        check_partitions(self, "groups", groups, example="ROOM")
        if self._table_key is not None:
            self._table_key.grant(grantee, *key_actions)
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=list(actions),
            resource_arns=[self.table.table_arn],
            conditions=leading_keys(*groups),
        )
