"""Services in three Regions that call each other over private addresses; no other Region reaches the databases."""

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2

from cdp_constructs import RegionMesh, ServiceNetwork

NETWORKS = {"ap-northeast-1": "10.1.0.0/16", "us-west-2": "10.2.0.0/16", "eu-central-1": "10.3.0.0/16"}


def build(app: App) -> list[RegionMesh]:
    """Add for each Region a stack with its network, and one with its peerings."""
    meshes = [add_network(Stack(app, f"Network-{region}", env=Environment(region=region))) for region in NETWORKS]
    for mesh in meshes:
        peerings = Stack(app, f"Peerings-{mesh.region}", env=Environment(region=mesh.region))
        mesh.add_peerings(peerings, "Peerings", meshes=meshes)
    return meshes


def add_network(stack: Stack) -> RegionMesh:
    """Add a network whose services are in the mesh; load balancers and databases are not."""
    addresses = ec2.IpAddresses.cidr(NETWORKS[stack.region])
    network = ServiceNetwork(stack, "Network", ip_addresses=addresses)
    return RegionMesh(stack, "Mesh", vpc=network.vpc, vpc_subnets=network.service_subnets)
