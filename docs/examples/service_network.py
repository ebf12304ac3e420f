"""Three tiers with edges by name: the load balancer calls the shop, the shop its database, and operators the shop."""

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sns as sns

from cdp_constructs import ServiceNetwork


def build(stack: Stack) -> ServiceNetwork:
    """Add the network and its security groups to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    network = ServiceNetwork(stack, "Network", nat_gateways=True, alarm_topic=operators)
    front = network.add_security_group("Front", tier="public")
    shop = network.add_security_group("Shop", tier="service")
    administration = network.add_security_group("Administration", tier="service")
    orders = network.add_security_group("Orders", tier="data")
    network.allow(front, shop, port=ec2.Port.tcp(8080))
    network.allow(shop, orders, port=ec2.Port.tcp(5432))
    network.allow(administration, shop, port=ec2.Port.tcp(9090))
    return network
