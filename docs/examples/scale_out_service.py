"""A shop of two services behind one load balancer; more tasks on weekday mornings, before anybody comes."""

from pathlib import Path

from aws_cdk import Stack, TimeZone
from aws_cdk import aws_applicationautoscaling as applicationautoscaling
from aws_cdk import aws_certificatemanager as certificatemanager
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sns as sns

from cdp_constructs import (
    ScaleOutService,
    ServiceContainer,
    ServiceFront,
    ServiceNetwork,
    ServiceRoute,
    ServiceScaling,
)

CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"
SERVER = Path(__file__).parent / "shop_server"


def build(stack: Stack) -> ScaleOutService:
    """Add network, load balancer and both services to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    network = ServiceNetwork(stack, "Network")
    front = ServiceFront(
        stack,
        "Front",
        vpc=network.vpc,
        domain_name="shop.example.com",
        certificate=certificatemanager.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE),
        alarm_topic=operators,
    )
    container = ServiceContainer(ecs.ContainerImage.from_asset(str(SERVER)), environment={"RELEASE": "1"})
    shop = ScaleOutService(
        stack,
        "Shop",
        front=front,
        container=container,
        scaling=ServiceScaling(max_capacity=20, requests_per_target=600),
        vpc_subnets=network.service_subnets,
        alarm_topic=operators,
    )
    shop.add_deep_health_check("DeepHealth")
    shop.scale_on_schedule(
        "Morning",
        schedule=applicationautoscaling.Schedule.cron(hour="7", minute="30", week_day="MON-FRI"),
        min_capacity=6,
        time_zone=TimeZone.ASIA_TOKYO,
    )
    ScaleOutService(
        stack,
        "Search",
        front=front,
        container=container,
        route=ServiceRoute(priority=10, path_patterns=["/search/*"]),
        cluster=shop.cluster,
        vpc_subnets=network.service_subnets,
        alarm_topic=operators,
    )
    return shop
