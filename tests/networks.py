"""An existing network, load balancer and image for tests of servers, none of which has to be made."""

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_certificatemanager as certificatemanager
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs

from cdp_constructs import ServiceFront

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


def existing_image(stack: Stack) -> ecs.ContainerImage:
    repository = ecr.Repository.from_repository_name(stack, "Images", "shop")
    return ecs.ContainerImage.from_ecr_repository(repository, "1")


def front(stack: Stack, **options: Any) -> ServiceFront:
    """A load balancer of `DOMAIN`, in a network of its own unless one is given."""
    if "certificate" not in options and "zone" not in options:
        options["certificate"] = certificatemanager.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE)
    vpc = options.pop("vpc", None) or existing_vpc(stack)
    return ServiceFront(stack, "Front", vpc=vpc, domain_name=DOMAIN, **options)
