"""Interface endpoints: services of AWS that the service tier reaches inside the network."""

import re
from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdp_constructs.core.paths import path_of
from cdp_constructs.core.security_groups import described
from cdp_constructs.core.validation import check_no_repetition

_HTTPS = 443


def endpoints_of_tasks() -> Sequence[ec2.InterfaceVpcEndpointAwsService]:
    """Return what tasks of Amazon ECS need where nothing leads to the internet."""
    service = ec2.InterfaceVpcEndpointAwsService
    return (service.ECR, service.ECR_DOCKER, service.CLOUDWATCH_LOGS, service.SECRETS_MANAGER)


def add_endpoints(scope: Construct, vpc: ec2.Vpc, services: Sequence[ec2.InterfaceVpcEndpointAwsService]) -> None:
    """Add an endpoint in each zone for each service, for the service tier only.

    Raises:
        InvalidOptionError: naming a service that is given twice.
    """
    names = [service.short_name for service in services]
    check_no_repetition(scope, "interface_endpoints", names)
    if not names:
        return
    group = ec2.SecurityGroup(
        scope,
        "EndpointSecurityGroup",
        vpc=vpc,
        description=described(f"{path_of(scope)}: endpoints of AWS services"),
        allow_all_outbound=False,
    )
    for subnet in vpc.select_subnets(subnet_group_name="Service").subnets:
        group.add_ingress_rule(ec2.Peer.ipv4(subnet.ipv4_cidr_block), ec2.Port.tcp(_HTTPS), "HTTPS from services")
    for service, name in zip(services, names, strict=True):
        vpc.add_interface_endpoint(
            "".join(part.title() for part in re.split(r"\W", name)) + "Endpoint",
            service=service,
            subnets=ec2.SubnetSelection(subnet_group_name="Service"),
            security_groups=[group],
            open=False,
        )
