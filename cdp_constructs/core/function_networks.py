"""One way to put a function into a network: its own security group, and the right to network interfaces."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from cdp_constructs.core.permissions import allow_on_prefixes
from cdp_constructs.core.security_groups import described

__all__ = ["put_into_network"]

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
_NETWORK_INTERFACES = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]


def put_into_network(function: lambda_.Function, vpc: ec2.IVpc, *, description: str) -> ec2.SecurityGroup:
    """Run a function in the private subnets of a network, or the isolated ones, and return its security group.

    The group lets it reach nothing; allow what it has to.

    Args:
        function: Made by ``add_function``.
        vpc: The network.
        description: Of the security group.
    """
    group = ec2.SecurityGroup(
        function, "SecurityGroup", vpc=vpc, description=described(description), allow_all_outbound=False
    )
    resource: lambda_.CfnFunction = function.node.default_child  # type: ignore[assignment]  # its only L1
    resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
        security_group_ids=[group.security_group_id],
        subnet_ids=[subnet.subnet_id for subnet in vpc.private_subnets or vpc.isolated_subnets],
    )
    # Not AWSLambdaVPCAccessExecutionRole, which would also let the function write to every log group.
    allow_on_prefixes(
        function,
        "NetworkInterfaces",
        [iam.PolicyStatement(actions=_NETWORK_INTERFACES, resources=["*"])],
        prefixes=["*"],
        reason="Lambda makes the network interfaces of the function with its role, and asks for them on all resources: "
        "to describe some of them has no resource to name, and the ids of new ones are not known before.",
    )
    return group
