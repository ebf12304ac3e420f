"""Existing networks, a load balancer and an image for tests of servers, none of which has to be made, and a service."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_certificatemanager as certificatemanager
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs

from cdp_constructs import ServiceFront
from cdp_constructs.core.acknowledgments import acknowledge

CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"
DOMAIN = "shop.example.com"
PUBLIC = ["subnet-0123456789abcdef1", "subnet-0123456789abcdef2"]
PRIVATE = ["subnet-0123456789abcdef3", "subnet-0123456789abcdef4"]


def existing_vpc(stack: Stack, construct_id: str = "Vpc", vpc_id: str = "vpc-0123456789abcdef0") -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack,
        construct_id,
        vpc_id=vpc_id,
        availability_zones=["us-east-1a", "us-east-1b"],
        public_subnet_ids=PUBLIC,
        private_subnet_ids=PRIVATE,
    )


def network(stack: Stack, zones: int = 3, *, isolated: bool = False) -> ec2.IVpc:
    """A network that has private subnets alone, or isolated ones."""
    subnets = [f"subnet-{zone}" for zone in "abc"[:zones]]
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=[f"us-east-1{zone}" for zone in "abc"[:zones]],
        isolated_subnet_ids=subnets if isolated else None,
        private_subnet_ids=None if isolated else subnets,
    )


def service(
    stack: Stack, vpc: ec2.IVpc, *, variables: Mapping[str, str] | None = None, isolated: bool = False
) -> ecs.FargateService:
    """A service as an app makes one without the patterns, in private or in isolated subnets."""
    task = ecs.FargateTaskDefinition(stack, "Task")
    image = ecs.ContainerImage.from_registry("111122223333.dkr.ecr.us-east-1.amazonaws.com/shop:1")
    log_driver = ecs.LogDriver.aws_logs(stream_prefix="shop", log_retention=logs.RetentionDays.ONE_WEEK)
    task.add_container("shop", image=image, logging=log_driver, environment=variables and dict(variables))
    if variables:
        acknowledge(task, "AwsSolutions-ECS2", "Names of hosts and of a secret are no secrets.")
    cluster = ecs.Cluster(stack, "Services", vpc=vpc, container_insights_v2=ecs.ContainerInsights.ENABLED)
    subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED) if isolated else None
    return ecs.FargateService(
        stack, "Shop", cluster=cluster, task_definition=task, vpc_subnets=subnets, min_healthy_percent=100
    )


def existing_image(stack: Stack) -> ecs.ContainerImage:
    repository = ecr.Repository.from_repository_name(stack, "Images", "shop")
    return ecs.ContainerImage.from_ecr_repository(repository, "1")


def front(stack: Stack, **options: Any) -> ServiceFront:
    """A load balancer of `DOMAIN`, in a network of its own unless one is given."""
    if "certificate" not in options and "zone" not in options:
        options["certificate"] = certificatemanager.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE)
    vpc = options.pop("vpc", None) or existing_vpc(stack)
    return ServiceFront(stack, "Front", vpc=vpc, domain_name=DOMAIN, **options)
