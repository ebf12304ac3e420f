"""Board D1, Double Hawks: what is in one Region for the servers of all of them."""

from dataclasses import dataclass
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

from cdp_constructs import SignInUserPool, SnsSqsFanout
from cdp_constructs.core.names import name_everywhere
from stacks.dojo.regions import allow_notices
from stacks.dojo.servers import settings_of_users
from stacks.dojo.table import ChatTable, allow_items, allow_reading

__all__ = ["SharedParts"]


@dataclass(frozen=True)
class SharedParts:
    """What servers of other Regions call.

    Attributes:
        region: Where it is.
        table: With a replica in each Region; written here.
        users: Who signs in with the mobile app.
        notices: Pushes to who is away.
        session_key: With a replica in each Region.
    """

    region: str
    table: ChatTable
    users: SignInUserPool
    notices: SnsSqsFanout
    session_key: secretsmanager.Secret

    def settings_in(self, region: str) -> dict[str, str]:
        """Return the settings of servers of another Region, which read the replica there and write here."""
        return {
            **settings_of_users(self.users),
            "store": "table",
            "fan_out": "polling",
            "table": name_everywhere(self.table.table),
            "data_region": self.region,
            "replica_region": region,
            "notices": "topic",
            "notice_topic": name_everywhere(self.notices.topic),
        }

    def allow(self, role: iam.IRole, stack: Stack) -> None:
        """Let servers of another Region's stack write here, publish notices, and read their replica."""
        name = name_everywhere(self.table.table)
        there: Any = {"service": "dynamodb", "resource": "table", "resource_name": name}
        allow_items(role, stack.format_arn(**there, region=self.region))
        allow_reading(role, stack.format_arn(**there))
        allow_notices(role, stack, self.notices, region=self.region)
