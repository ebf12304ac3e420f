"""What two deployed Regions leave in DNS, and what the health checks would find there. Nobody resolves names here."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns

from cdp_constructs import DeepHealthCheck, MultiRegionLatencyRouting
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture

REGIONS = ("ap-northeast-1", "us-west-2")
DOMAIN = "chat.example.com"


@architecture
def chat(app: App) -> None:
    watch = Stack(app, "RoutingWatch", env=Environment(region="us-east-1"))
    zone = route53.PublicHostedZone(watch, "Zone", zone_name="example.com")
    CfnOutput(watch, "ZoneId", value=zone.hosted_zone_id)
    # The alarms have a stack of their own: they need the Regions' health checks, which need the zone.
    alarms = Stack(app, "RoutingAlarms", env=Environment(region="us-east-1"))
    operators = sns.Topic(alarms, "Operators")
    for region in REGIONS:
        stack = Stack(app, f"Routing-{region}", env=Environment(region=region))
        api = apigatewayv2.HttpApi(stack, "Api")
        health = DeepHealthCheck(stack, "Health", api=api)
        health.add_topic(sns.Topic(stack, "Messages"))
        routing = MultiRegionLatencyRouting(
            stack, "Routing", zone=zone, domain_name=DOMAIN, api=api, health_check_path=health.path
        )
        routing.add_alarm(alarms, f"Unhealthy-{region}", alarm_topic=operators)
        CfnOutput(stack, "ApiId", value=api.api_id)
        CfnOutput(stack, "HealthCheckId", value=routing.health_check.health_check_id)
        CfnOutput(stack, "RegionalDomainName", value=routing.custom_domain.regional_domain_name)


@pytest.fixture(scope="session")
def deployment(deployed: Callable[..., Deployment]) -> Deployment:
    return deployed(chat)


@pytest.fixture(scope="session")
def records(local_cloud: LocalCloud, deployment: Deployment) -> list[dict[str, Any]]:
    found = local_cloud.client("route53").list_resource_record_sets(
        HostedZoneId=deployment.outputs["RoutingWatch"]["ZoneId"]
    )
    return [record for record in found["ResourceRecordSets"] if record["Name"] == f"{DOMAIN}."]


def test_one_name_has_a_record_pair_in_each_region(records: list[dict[str, Any]]) -> None:
    assert sorted((r["Type"], r["Region"], r["SetIdentifier"]) for r in records if "Region" in r) == [
        (record_type, region, region) for record_type in ("A", "AAAA") for region in REGIONS
    ]


def test_each_record_leads_to_its_regions_domain_while_that_is_healthy(
    deployment: Deployment, records: list[dict[str, Any]]
) -> None:
    for record in (r for r in records if "Region" in r):
        outputs = deployment.outputs[f"Routing-{record['Region']}"]
        assert record["HealthCheckId"] == outputs["HealthCheckId"]
        assert record["AliasTarget"]["DNSName"].rstrip(".") == outputs["RegionalDomainName"]
        assert record["AliasTarget"]["EvaluateTargetHealth"] is True
    assert len({outputs.get("HealthCheckId") for outputs in deployment.outputs.values()} - {None}) == 2


@pytest.mark.parametrize("region", REGIONS)
def test_each_health_check_asks_its_own_region(local_cloud: LocalCloud, deployment: Deployment, region: str) -> None:
    outputs = deployment.outputs[f"Routing-{region}"]
    check = local_cloud.client("route53").get_health_check(HealthCheckId=outputs["HealthCheckId"])["HealthCheck"]
    configuration = check["HealthCheckConfig"]
    assert configuration["FullyQualifiedDomainName"].startswith(f"{outputs['ApiId']}.execute-api.{region}.")
    assert (configuration["Type"], configuration["ResourcePath"]) == ("HTTPS", "/health/deep")
    assert (configuration["RequestInterval"], configuration["FailureThreshold"]) == (30, 3)


def _as_a_checker(cloud: LocalCloud, deployment: Deployment, region: str) -> int:
    """Ask what the Region's health check asks, at the place where the embedded cloud serves that host."""
    outputs = deployment.outputs[f"Routing-{region}"]
    check = cloud.client("route53").get_health_check(HealthCheckId=outputs["HealthCheckId"])["HealthCheck"]
    path = check["HealthCheckConfig"]["ResourcePath"]
    return httpx.get(f"{cloud.http_api_url(outputs['ApiId'], region)}{path}", timeout=30).status_code


def test_a_checker_finds_the_failing_region_only(local_cloud: LocalCloud, deployment: Deployment) -> None:
    tokyo, oregon = REGIONS
    # Tokyo is asked for the first time while it fails, so no remembered answer is in the way.
    with local_cloud.inject_fault("sns", tokyo):
        assert _as_a_checker(local_cloud, deployment, tokyo) == 503
        assert _as_a_checker(local_cloud, deployment, oregon) == 200


@pytest.mark.parametrize("region", REGIONS)
def test_the_common_name_is_mapped_to_each_regions_api(
    local_cloud: LocalCloud, deployment: Deployment, region: str
) -> None:
    client = local_cloud.client("apigatewayv2", region)
    (mapping,) = client.get_api_mappings(DomainName=DOMAIN)["Items"]
    assert mapping["ApiId"] == deployment.outputs[f"Routing-{region}"]["ApiId"]
    assert mapping["Stage"] == "$default"
    (configuration,) = client.get_domain_name(DomainName=DOMAIN)["DomainNameConfigurations"]
    assert configuration["IpAddressType"] == "dualstack"


def test_alarms_in_us_east_1_watch_the_health_checks_that_exist(
    local_cloud: LocalCloud, deployment: Deployment
) -> None:
    alarms = local_cloud.client("cloudwatch", "us-east-1").describe_alarms()["MetricAlarms"]
    watched = {
        dimension["Value"]
        for alarm in alarms
        if alarm.get("MetricName") == "HealthCheckStatus"
        for dimension in alarm["Dimensions"]
    }
    assert watched == {deployment.outputs[f"Routing-{region}"]["HealthCheckId"] for region in REGIONS}
