"""The network of the warehouse: isolated subnets, and a way to S3 only."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdp_constructs.core.cdk import kms, logs
from cdp_constructs.core.isolated_networks import add_isolated_vpc
from cdp_constructs.core.validation import InvalidOptionError

_SUBNETS = "https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-usage-considerations.html"
_FEWEST_SUBNETS = 3


def add_vpc(
    scope: "Construct",
    *,
    encryption_key: "kms.IKey | None",
    log_retention: "logs.RetentionDays",
    removal_policy: RemovalPolicy,
) -> ec2.Vpc:
    """Add the network; see ``add_isolated_vpc``."""
    return add_isolated_vpc(
        scope,
        subnet_name="Warehouse",
        encryption_key=encryption_key,
        log_retention=log_retention,
        removal_policy=removal_policy,
    )


def subnet_ids(scope: "Construct", vpc: ec2.IVpc) -> list[str]:
    """Return three isolated or private subnets of a network.

    Raises:
        InvalidOptionError: when it has fewer.
    """
    subnets = (vpc.isolated_subnets or vpc.private_subnets)[:_FEWEST_SUBNETS]
    if len(subnets) < _FEWEST_SUBNETS:
        problem = f"has {len(subnets)} isolated or private subnets"
        fix = f"Give one with {_FEWEST_SUBNETS} in three zones ({_SUBNETS})"
        raise InvalidOptionError(scope, "vpc", problem, fix)
    return [subnet.subnet_id for subnet in subnets]
