"""Users of a database that sign in with IAM."""

import re

from aws_cdk import ArnFormat
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from constructs import Construct

from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["grant_user"]

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def grant_user(construct: Construct, cluster: rds.CfnDBCluster, grantee: iam.IGrantable, user: str) -> iam.Grant:
    """Let a role sign in as one user of a cluster.

    Raises:
        InvalidOptionError: when it is no name of a user, such as a pattern of names.
    """
    if not _NAME.fullmatch(user):  # nor is a token one
        fix = "Use at most 63 lower-case letters, digits and _, such as orders"
        raise InvalidOptionError(construct, "user", f"is {user!r}", fix)
    arn = stack_of(cluster).format_arn(
        service="rds-db",
        resource="dbuser",
        resource_name=f"{cluster.attr_db_cluster_resource_id}/{user}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return iam.Grant.add_to_principal(grantee=grantee, actions=["rds-db:connect"], resource_arns=[arn])
