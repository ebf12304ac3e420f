"""A shop under one name in two Regions; the nearest one that can take orders answers."""

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns

from cdp_constructs import DeepHealthCheck, MultiRegionLatencyRouting


def build(app: App) -> list[MultiRegionLatencyRouting]:
    """Add the shop's stacks: one for each Region, and one in us-east-1 for the alarms."""
    regions = [route_users_to(Stack(app, f"Shop-{region}", env=Environment(region=region))) for region in REGIONS]

    # Health-check metrics exist in us-east-1 only, so the alarms must live there.
    watch = Stack(app, "Shop-watch", env=Environment(region="us-east-1"))
    operators = sns.Topic(watch, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    for routing in regions:
        routing.add_alarm(watch, f"Unhealthy-{routing.region}", alarm_topic=operators)
    return regions


REGIONS = ("ap-northeast-1", "us-west-2")


def route_users_to(stack: Stack) -> MultiRegionLatencyRouting:
    """Add the shop's API to a regional stack, and bring users to it while it is healthy."""
    api = apigatewayv2.HttpApi(stack, "Shop")
    health = DeepHealthCheck(stack, "Health", api=api)
    zone = route53.HostedZone.from_hosted_zone_attributes(
        stack, "Zone", hosted_zone_id="Z0123456789EXAMPLE", zone_name="example.com"
    )
    return MultiRegionLatencyRouting(
        stack, "Routing", zone=zone, domain_name="shop.example.com", api=api, health_check_path=health.path
    )
