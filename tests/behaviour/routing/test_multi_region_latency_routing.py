"""What two deployed Regions leave in DNS, and where it leads users while both work and while one fails."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from aws_cdk import App, CfnOutput, Duration, Environment, Stack
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
        # Answers from a cache would show the tests the past.
        health = DeepHealthCheck(stack, "Health", api=api, cache_for=Duration.seconds(0))
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


def _led_to(cloud: LocalCloud, place: str) -> str:
    """Return the Region whose API answers users of a place; the API is asked, too."""
    host = cloud.resolve(DOMAIN, place)
    assert httpx.get(f"{host.url}/health", timeout=30).status_code == 200
    return host.target.split(".")[2]


def test_users_are_led_to_the_nearest_region(local_cloud: LocalCloud, deployment: Deployment) -> None:
    assert deployment
    assert all(local_cloud.check_health().values())
    assert [_led_to(local_cloud, place) for place in ("ap-southeast-1", "sa-east-1")] == list(REGIONS)


def test_users_of_a_failing_region_are_led_to_the_other_one_until_it_is_back(
    local_cloud: LocalCloud, deployment: Deployment
) -> None:
    tokyo, oregon = REGIONS
    check = deployment.outputs[f"Routing-{tokyo}"]["HealthCheckId"]
    route53 = local_cloud.client("route53")
    with local_cloud.inject_fault("sns", tokyo):
        assert not local_cloud.check_health()[check]
        assert _led_to(local_cloud, tokyo) == oregon
        seen = route53.get_health_check_status(HealthCheckId=check)["HealthCheckObservations"]
        assert {one["StatusReport"]["Status"].partition(",")[0] for one in seen} == {"Failure: HTTP Status Code 503"}
    assert local_cloud.check_health()[check]
    assert _led_to(local_cloud, tokyo) == tokyo
    why = route53.get_health_check_last_failure_reason(HealthCheckId=check)["HealthCheckObservations"]
    assert why[0]["StatusReport"]["Status"].startswith("Failure: HTTP Status Code 503")


def test_fewer_failures_than_the_threshold_change_nothing(local_cloud: LocalCloud, deployment: Deployment) -> None:
    oregon = REGIONS[1]
    with local_cloud.cut_off(oregon):
        assert local_cloud.check_health(times=2)[deployment.outputs[f"Routing-{oregon}"]["HealthCheckId"]]
        assert local_cloud.resolve(DOMAIN, oregon).target.split(".")[2] == oregon
        assert not local_cloud.check_health(times=1)[deployment.outputs[f"Routing-{oregon}"]["HealthCheckId"]]
        assert _led_to(local_cloud, oregon) == REGIONS[0]
    local_cloud.check_health()


def test_a_request_for_the_common_name_reaches_a_region_that_is_healthy(
    local_cloud: LocalCloud, deployment: Deployment
) -> None:
    assert deployment
    local_cloud.check_health()
    for cut in REGIONS:
        with local_cloud.cut_off(cut):
            local_cloud.check_health()
            answer = httpx.get(f"{local_cloud.endpoint}/health", headers={"Host": DOMAIN}, timeout=30)
            assert answer.status_code == 200, answer.text
        local_cloud.check_health()


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
