"""The network of the warehouse: isolated subnets, and a way to S3 only."""

from aws_cdk import Fn, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdp_constructs.core.cdk import kms, logs
from cdp_constructs.core.flow_logs import add_flow_log
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
    """Add a network with three isolated subnets, a gateway endpoint of S3, flow logs, and no NAT."""
    vpc = ec2.Vpc(
        scope,
        "Vpc",
        # Named one by one: a stack without an environment would get two.
        availability_zones=[Fn.select(zone, Fn.get_azs()) for zone in range(_FEWEST_SUBNETS)],
        nat_gateways=0,
        restrict_default_security_group=False,
        subnet_configuration=[
            ec2.SubnetConfiguration(name="Warehouse", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
        ],
        gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
    )
    add_flow_log(scope, vpc, encryption_key=encryption_key, log_retention=log_retention, removal_policy=removal_policy)
    return vpc


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
