"""What the templates promise: one name, a record pair and a health check per Region, and alarms that can fire."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, Stack, Stage
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, MultiRegionLatencyRouting
from cdp_constructs.testing import Synthesis, architecture
from docs.examples import multi_region_latency_routing as example

TOKYO = Environment(region="ap-northeast-1")
BALANCER = "arn:aws:elasticloadbalancing:ap-northeast-1:111122223333:loadbalancer/app/shop/1"
TOKYO_CERTIFICATE = "arn:aws:acm:ap-northeast-1:111122223333:certificate/made-up"


def a_zone(stack: Stack) -> route53.IHostedZone:
    return route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.com")


def an_api(stack: Stack) -> apigatewayv2.IHttpApi:
    return apigatewayv2.HttpApi.from_http_api_attributes(stack, "Api", http_api_id="a1b2c3")


@architecture(env=TOKYO)
def defaults(stack: Stack) -> MultiRegionLatencyRouting:
    return MultiRegionLatencyRouting(
        stack, "Routing", zone=a_zone(stack), domain_name="chat.example.com", api=an_api(stack)
    )


@architecture(env=TOKYO)
def all_options(stack: Stack) -> MultiRegionLatencyRouting:
    return MultiRegionLatencyRouting(
        stack,
        "Routing",
        zone=a_zone(stack),
        domain_name="example.com",
        api=an_api(stack),
        certificate=acm.Certificate.from_certificate_arn(stack, "Certificate", TOKYO_CERTIFICATE),
        health_check_path="/status/deep",
        request_interval=Duration.seconds(10),
        failure_threshold=2,
    )


@architecture(env=TOKYO)
def two_in_one_stack(stack: Stack) -> list[MultiRegionLatencyRouting]:
    zone, api = a_zone(stack), an_api(stack)
    return [
        MultiRegionLatencyRouting(stack, name, zone=zone, domain_name=f"{name.lower()}.example.com", api=api)
        for name in ("Chat", "Shop")
    ]


@architecture(env=TOKYO)
def load_balancer(stack: Stack) -> MultiRegionLatencyRouting:
    balancer = elbv2.ApplicationLoadBalancer.from_application_load_balancer_attributes(
        stack,
        "Balancer",
        load_balancer_arn=BALANCER,
        security_group_id="sg-1",
        load_balancer_dns_name="shop-1.ap-northeast-1.elb.amazonaws.com",
        load_balancer_canonical_hosted_zone_id="Z14GRHDCWA56QT",
    )
    return MultiRegionLatencyRouting(
        stack,
        "Routing",
        zone=a_zone(stack),
        domain_name="shop.example.com",
        load_balancer=balancer,
        health_check_path="/health",
    )


@architecture
def inside_a_stage(app: App) -> MultiRegionLatencyRouting:
    stage = Stage(app, "LatencyRoutingStage", env=TOKYO)
    return defaults(Stack(stage, "Tokyo"))


two_regions = architecture(example.build)


def test_architecture_for_reviewers(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(defaults).normalised == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(defaults).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(MultiRegionLatencyRouting, synthesis(two_regions))


def test_two_regions_for_reviewers(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(two_regions).normalised == template_snapshot


def test_card_of_two_regions(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(two_regions).card == card_snapshot


@pytest.mark.parametrize("build", [defaults, all_options, two_in_one_stack, load_balancer, inside_a_stage])
def test_rule_packs_find_nothing(synthesis: Synthesis, build: Any) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_a_stage_gives_the_same_template(synthesis: Synthesis) -> None:
    def resources(build: Any) -> Any:
        found = synthesis(build).template_json["Resources"]
        found["RoutingCertificate712CB42C"]["Properties"].pop("Tags")  # the Name tag is the construct's path
        return found

    assert resources(inside_a_stage) == resources(defaults)


def test_each_region_has_a_v4_and_a_v6_latency_record_of_its_own(synthesis: Synthesis) -> None:
    records = [
        (name, record["Properties"]["Type"], record["Properties"]["Region"], record["Properties"]["SetIdentifier"])
        for name, template in synthesis(two_regions).templates.items()
        for record in template["Resources"].values()
        if record["Type"] == "AWS::Route53::RecordSet"
    ]
    assert sorted(records) == [
        (f"Shop-{region}", record_type, region, region)
        for region in ("ap-northeast-1", "us-west-2")
        for record_type in ("A", "AAAA")
    ]
    # Route 53 tells records of one name and type apart by this; equal ones would overwrite each other.
    assert len({(record_type, identifier) for _, record_type, _, identifier in records}) == 4


def test_a_record_is_withdrawn_when_the_health_check_or_the_target_fails(synthesis: Synthesis) -> None:
    template = synthesis(defaults).template_json
    (check_id,) = synthesis(defaults).resources("AWS::Route53::HealthCheck")
    (mapping_id,) = synthesis(defaults).resources("AWS::ApiGatewayV2::ApiMapping")
    for record in synthesis(defaults).resources("AWS::Route53::RecordSet").values():
        properties = record["Properties"]
        assert properties["HealthCheckId"] == {"Ref": check_id}
        assert properties["AliasTarget"]["EvaluateTargetHealth"] is True
        assert properties["Name"] == "chat.example.com."
        assert mapping_id in record["DependsOn"], "no user may arrive before the domain leads to the API"
    assert len(template["Resources"]) == 6


def test_the_health_check_asks_the_regions_own_endpoint_over_https(synthesis: Synthesis) -> None:
    (check,) = synthesis(defaults).resources("AWS::Route53::HealthCheck").values()
    configuration = check["Properties"]["HealthCheckConfig"]
    host = configuration["FullyQualifiedDomainName"]["Fn::Join"][1]
    assert host == ["a1b2c3.execute-api.ap-northeast-1.", {"Ref": "AWS::URLSuffix"}]
    assert (configuration["Type"], configuration["Port"], configuration["EnableSNI"]) == ("HTTPS", 443, True)
    assert (configuration["RequestInterval"], configuration["FailureThreshold"]) == (30, 3)
    assert configuration["ResourcePath"] == "/health/deep"
    assert "Regions" not in configuration, "checkers everywhere, so that a network problem of a few is no outage"


def test_failover_settings_are_the_callers(synthesis: Synthesis) -> None:
    (check,) = synthesis(all_options).resources("AWS::Route53::HealthCheck").values()
    configuration = check["Properties"]["HealthCheckConfig"]
    assert (configuration["RequestInterval"], configuration["FailureThreshold"]) == (10, 2)
    assert configuration["ResourcePath"] == "/status/deep"


def test_the_domain_is_regional_dual_stack_and_tls_1_2(synthesis: Synthesis) -> None:
    (domain,) = synthesis(defaults).resources("AWS::ApiGatewayV2::DomainName").values()
    (configuration,) = domain["Properties"]["DomainNameConfigurations"]
    assert configuration["EndpointType"] == "REGIONAL"
    assert configuration["SecurityPolicy"] == "TLS_1_2"
    assert configuration["IpAddressType"] == "dualstack", "else the AAAA record leads nowhere"


def test_a_certificate_is_made_and_validated_in_the_zone(synthesis: Synthesis) -> None:
    (certificate,) = synthesis(defaults).resources("AWS::CertificateManager::Certificate").values()
    assert certificate["Properties"]["ValidationMethod"] == "DNS"
    assert certificate["Properties"]["DomainValidationOptions"] == [
        {"DomainName": "chat.example.com", "HostedZoneId": "Z1"}
    ]


def test_a_brought_certificate_is_used_as_it_is(synthesis: Synthesis) -> None:
    assert synthesis(all_options).resources("AWS::CertificateManager::Certificate") == {}
    (domain,) = synthesis(all_options).resources("AWS::ApiGatewayV2::DomainName").values()
    assert domain["Properties"]["DomainNameConfigurations"][0]["CertificateArn"] == TOKYO_CERTIFICATE


def test_alarms_are_where_the_metric_is_and_name_the_regions_health_check(synthesis: Synthesis) -> None:
    templates = synthesis(two_regions).templates
    placed = {
        name
        for name, template in templates.items()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert placed == {"Shop-watch"}, "an alarm in another Region than us-east-1 would never see the metric"
    alarms = [r["Properties"] for r in synthesis(two_regions).resources("AWS::CloudWatch::Alarm").values()]
    watched = set()
    for alarm in alarms:
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Route53", "HealthCheckStatus")
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
        assert alarm["TreatMissingData"] == "breaching"
        assert len(alarm["AlarmActions"]) == len(alarm["OKActions"]) == 1
        output = alarm["Dimensions"][0]["Value"]["Fn::GetStackOutput"]
        (check_id,) = (
            logical_id
            for logical_id, resource in templates[output["StackName"]]["Resources"].items()
            if resource["Type"] == "AWS::Route53::HealthCheck"
        )
        assert templates[output["StackName"]]["Outputs"][output["OutputName"]]["Value"] == {"Ref": check_id}
        watched.add(output["Region"])
    assert watched == {"ap-northeast-1", "us-west-2"}


def test_records_lead_to_a_load_balancer_and_its_own_name_is_checked(synthesis: Synthesis) -> None:
    built = synthesis(load_balancer)
    assert built.resources("AWS::ApiGatewayV2::DomainName") == {}
    assert built.resources("AWS::CertificateManager::Certificate") == {}
    (check,) = built.resources("AWS::Route53::HealthCheck").values()
    configuration = check["Properties"]["HealthCheckConfig"]
    assert configuration["FullyQualifiedDomainName"] == "shop-1.ap-northeast-1.elb.amazonaws.com"
    assert (configuration["Type"], configuration["ResourcePath"]) == ("HTTPS", "/health")
    records = [record["Properties"] for record in built.resources("AWS::Route53::RecordSet").values()]
    assert sorted(record["Type"] for record in records) == ["A", "AAAA"]
    for record in records:
        assert record["AliasTarget"] == {
            "DNSName": "dualstack.shop-1.ap-northeast-1.elb.amazonaws.com",
            "HostedZoneId": "Z14GRHDCWA56QT",
            "EvaluateTargetHealth": True,
        }
        assert record["Region"] == record["SetIdentifier"] == "ap-northeast-1"


def test_a_load_balancer_is_given_instead_of_an_api_and_with_its_name(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Balanced", env=TOKYO)
    unknown = elbv2.ApplicationLoadBalancer.from_application_load_balancer_attributes(
        stack, "Balancer", load_balancer_arn=BALANCER, security_group_id="sg-1"
    )
    given: dict[str, Any] = {"zone": a_zone(stack), "domain_name": "shop.example.com"}
    with pytest.raises(InvalidOptionError, match=r"api is missing\. Give the Region's api, or its load_balancer"):
        MultiRegionLatencyRouting(stack, "Neither", **given)
    with pytest.raises(InvalidOptionError, match=r"load_balancer was given together with api\. Give one of the two"):
        MultiRegionLatencyRouting(stack, "Both", api=an_api(stack), load_balancer=unknown, **given)
    certificate = acm.Certificate.from_certificate_arn(stack, "Certificate", TOKYO_CERTIFICATE)
    with pytest.raises(InvalidOptionError, match="certificate was given together with load_balancer"):
        MultiRegionLatencyRouting(stack, "Certified", load_balancer=unknown, certificate=certificate, **given)
    with pytest.raises(InvalidOptionError, match="load_balancer is Balanced/Balancer, whose DNS name is not known"):
        MultiRegionLatencyRouting(stack, "Unknown", load_balancer=unknown, **given)


def _routing(app: App, env: Environment | None = TOKYO, **options: Any) -> MultiRegionLatencyRouting:
    stack = Stack(app, "Tokyo", env=env)
    given: dict[str, Any] = {"domain_name": "chat.example.com"}
    for name, value in options.items():
        given[name] = value(stack) if callable(value) else value
    given.setdefault("zone", a_zone(stack))
    given.setdefault("api", an_api(stack))
    return MultiRegionLatencyRouting(stack, "Routing", **given)


def _oregon(stack: Stack) -> Stack:
    return Stack(stack.node.root, "Oregon", env=Environment(region="us-west-2"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"env": None}, "env is missing: the stack names no Region"),
        ({"domain_name": "chat.example.org"}, "is 'chat.example.org', which is not in the zone 'example.com'"),
        ({"domain_name": "badexample.com"}, "which is not in the zone"),
        (
            {
                "certificate": lambda stack: acm.Certificate.from_certificate_arn(
                    stack, "Certificate", TOKYO_CERTIFICATE.replace("ap-northeast-1", "us-east-1")
                )
            },
            "certificate is in us-east-1, but the stack is in ap-northeast-1",
        ),
        ({"api": lambda stack: an_api(_oregon(stack))}, "api is in us-west-2, but the stack is in ap-northeast-1"),
        (
            {"api": lambda stack: apigatewayv2.HttpApi(stack, "Closed", disable_execute_api_endpoint=True)},
            "api is Tokyo/Closed, whose execute-api endpoint is disabled",
        ),
        ({"health_check_path": "health"}, "health_check_path is 'health'. Start it with /"),
        ({"health_check_path": "/" + "x" * 255}, "use at most 255 characters"),
        ({"request_interval": Duration.seconds(20)}, "request_interval is 20 seconds. Use 10 or 30 seconds"),
        ({"request_interval": Duration.millis(500)}, "request_interval is 0.5 seconds"),
        ({"failure_threshold": 0}, "failure_threshold is 0 checks. Use 1 to 10 checks"),
        ({"failure_threshold": 11}, "failure_threshold is 11 checks"),
    ],
)
def test_what_cannot_work_is_refused(cdk_app: App, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        _routing(cdk_app, **options)


def test_an_alarm_outside_us_east_1_is_refused(cdk_app: App) -> None:
    routing = _routing(cdk_app)
    topic = sns.Topic(Stack(cdk_app, "Watch", env=Environment(region="us-east-1")), "Operators")
    with pytest.raises(InvalidOptionError, match="scope is in ap-northeast-1, but Route 53 publishes"):
        routing.add_alarm(Stack.of(routing), "Unhealthy", alarm_topic=topic)


def test_an_alarm_topic_outside_us_east_1_is_refused(cdk_app: App) -> None:
    routing = _routing(cdk_app)
    watch = Stack(cdk_app, "Watch", env=Environment(region="us-east-1"))
    topic = sns.Topic(Stack.of(routing), "Operators")
    with pytest.raises(InvalidOptionError, match="alarm_topic is in ap-northeast-1"):
        routing.add_alarm(watch, "Unhealthy", alarm_topic=topic)


def test_limits_themselves_are_accepted(cdk_app: App) -> None:
    routing = _routing(cdk_app, failure_threshold=10, health_check_path="/" + "x" * 254)
    assert routing.region == "ap-northeast-1"
    assert routing.metric_health_status().region == "us-east-1"
    assert routing.alarms == []
