"""A function that calls a partner, who lets in two known addresses only: it is in one subnet of each zone."""

from pathlib import Path

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns

from cdp_constructs import ServiceNetwork


def build(stack: Stack) -> lambda_.Function:
    """Add a network with NAT gateways and the function to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    network = ServiceNetwork(stack, "Network", nat_gateways=True, alarm_topic=operators)
    function = lambda_.Function(
        stack,
        "CallPartner",
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(Path(__file__).parent / "call_partner")),
        tracing=lambda_.Tracing.ACTIVE,
        vpc=network.vpc,
        vpc_subnets=network.service_subnets,
        security_groups=[network.add_security_group("Partners", tier="service")],
    )
    for zone, address in enumerate(network.outgoing_addresses, start=1):
        CfnOutput(stack, f"AddressOfZone{zone}", value=address)
    return function
