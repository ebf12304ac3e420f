"""What ScaleOutService and ServiceFront promise in their templates; tasks run in tests/local/compute."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Duration, RemovalPolicy, Stack, Stage
from aws_cdk import aws_applicationautoscaling as applicationautoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import (
    InvalidOptionError,
    ScaleOutService,
    ServiceContainer,
    ServiceFront,
    ServiceRoute,
    ServiceScaling,
)
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.scale_out_service import build as example
from tests.networks import CERTIFICATE, DOMAIN, PRIVATE, PUBLIC, existing_image, existing_vpc, front
from tests.resources import only_properties


@architecture
def defaults(stack: Stack) -> ScaleOutService:
    return ScaleOutService(stack, "Shop", front=front(stack), container=ServiceContainer(existing_image(stack)))


@architecture
def all_options(stack: Stack) -> ScaleOutService:
    vpc = existing_vpc(stack)
    zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.com")
    topic = sns.Topic(stack, "Alarms", enforce_ssl=True)
    token = secretsmanager.Secret.from_secret_name_v2(stack, "Token", "shop/token")
    service = ScaleOutService(
        stack,
        "Shop",
        front=front(stack, vpc=vpc, zone=zone, idle_timeout=Duration.minutes(10), alarm_topic=topic),
        container=ServiceContainer(
            existing_image(stack),
            port=3000,
            cpu=1024,
            memory_limit_mib=4096,
            environment={"MODE": "fast"},
            secrets={"TOKEN": ecs.Secret.from_secrets_manager(token)},
            command=["node", "main.js"],
            stop_timeout=Duration.seconds(90),
            writable_paths=["/tmp", "/var/cache"],  # noqa: S108
            cpu_architecture=ecs.CpuArchitecture.ARM64,
        ),
        route=ServiceRoute(
            priority=5,
            path_patterns=["/shop/*"],
            host_headers=[DOMAIN],
            health_check_path="/alive",
            deregistration_delay=Duration.seconds(5),
        ),
        scaling=ServiceScaling(min_capacity=3, max_capacity=9, requests_per_target=50, target_utilization_percent=None),
        cluster=ecs.Cluster.from_cluster_attributes(stack, "Existing", cluster_name="existing", vpc=vpc),
        vpc_subnets=ec2.SubnetSelection(subnets=vpc.private_subnets),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=topic,
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    service.add_deep_health_check("DeepHealth", path="/alive/deep")
    return service


@architecture
def internal_and_public(stack: Stack) -> ScaleOutService:
    vpc = existing_vpc(stack)
    topic = sns.Topic.from_topic_arn(stack, "Alarms", "arn:aws:sns:us-east-1:111122223333:alarms")
    inside = front(stack, vpc=vpc, internet_facing=False)
    service = ScaleOutService(
        stack, "Shop", front=inside, container=ServiceContainer(existing_image(stack)), alarm_topic=topic
    )
    outside = ServiceFront(
        stack, "Outside", vpc=vpc, domain_name=f"www.{DOMAIN}", certificate=inside.certificate, alarm_topic=topic
    )
    service.add_route("Public", front=outside, route=ServiceRoute(path_patterns=["/public/*"], priority=1))
    service.add_deep_health_check("DeepHealth")
    return service


@architecture
def inside_a_stage(app: App) -> ScaleOutService:
    return defaults(Stack(Stage(app, "ScaleOutServiceStage"), "Service"))


architecture(example)
SNAPSHOTS = [defaults, all_options, internal_and_public]
BUILDS = [*SNAPSHOTS, inside_a_stage, example]


@pytest.mark.parametrize("build", SNAPSHOTS, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", SNAPSHOTS, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(ScaleOutService, synthesis(example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_clients_speak_https_and_nothing_else(synthesis: Synthesis) -> None:
    listeners = synthesis(defaults).resources("AWS::ElasticLoadBalancingV2::Listener").values()
    by_port = {listener["Properties"]["Port"]: listener["Properties"] for listener in listeners}
    assert by_port[443]["Protocol"] == "HTTPS"
    assert by_port[443]["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    assert "TLS13" in by_port[443]["SslPolicy"]
    (redirect,) = by_port[80]["DefaultActions"]
    assert (redirect["Type"], redirect["RedirectConfig"]["Protocol"]) == ("redirect", "HTTPS")
    assert set(by_port) == {80, 443}


def test_a_zone_gives_name_and_certificate(synthesis: Synthesis) -> None:
    record = only_properties(synthesis(all_options), "AWS::Route53::RecordSet")
    assert (record["Name"], record["Type"]) == (f"{DOMAIN}.", "A")
    certificate = only_properties(synthesis(all_options), "AWS::CertificateManager::Certificate")
    assert (certificate["DomainName"], certificate["ValidationMethod"]) == (DOMAIN, "DNS")


def test_tasks_have_no_public_address_and_are_in_two_zones(synthesis: Synthesis) -> None:
    service = only_properties(synthesis(defaults), "AWS::ECS::Service")
    inside = service["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert inside["AssignPublicIp"] == "DISABLED"
    assert inside["Subnets"] == PRIVATE
    balancer = only_properties(synthesis(defaults), "AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert balancer["Subnets"] == PUBLIC


def test_tasks_are_reached_by_the_load_balancer_only(synthesis: Synthesis) -> None:
    for build in (defaults, all_options):
        port = 3000 if build is all_options else 8080
        rule = only_properties(synthesis(build), "AWS::EC2::SecurityGroupIngress")
        assert (rule["FromPort"], rule["ToPort"]) == (port, port)
        assert "Shop" in json.dumps(rule["GroupId"])
        assert "Front" in json.dumps(rule["SourceSecurityGroupId"])
    groups = synthesis(defaults).resources("AWS::EC2::SecurityGroup")
    (tasks,) = [group["Properties"] for name, group in groups.items() if name.startswith("Shop")]
    assert [rule["FromPort"] for rule in tasks["SecurityGroupEgress"]] == [443]
    assert "SecurityGroupIngress" not in tasks


def test_an_internal_load_balancer_lets_in_who_is_named(synthesis: Synthesis) -> None:
    groups = synthesis(internal_and_public).resources("AWS::EC2::SecurityGroup")
    (inside,) = [group["Properties"] for name, group in groups.items() if name.startswith("Front")]
    assert "SecurityGroupIngress" not in inside
    ingress = synthesis(internal_and_public).resources("AWS::EC2::SecurityGroupIngress").values()
    (let_in,) = [rule["Properties"] for rule in ingress if "Front" in json.dumps(rule["Properties"]["GroupId"])]
    assert "DeepHealth" in json.dumps(let_in["SourceSecurityGroupId"])


def test_a_file_system_that_nobody_can_change(synthesis: Synthesis) -> None:
    definition = only_properties(synthesis(all_options), "AWS::ECS::TaskDefinition")
    (container,) = definition["ContainerDefinitions"]
    assert container["ReadonlyRootFilesystem"] is True
    assert [mount["ContainerPath"] for mount in container["MountPoints"]] == ["/tmp", "/var/cache"]  # noqa: S108
    assert (definition["Cpu"], definition["Memory"]) == ("1024", "4096")
    assert definition["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
    assert [one["Name"] for one in container["Environment"]] == ["MODE"]
    assert [one["Name"] for one in container["Secrets"]] == ["TOKEN"]


def test_a_task_ends_its_requests_and_then_itself(synthesis: Synthesis) -> None:
    (container,) = only_properties(synthesis(all_options), "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert container["StopTimeout"] == 90
    assert container["LinuxParameters"]["InitProcessEnabled"] is True
    group = only_properties(synthesis(all_options), "AWS::ElasticLoadBalancingV2::TargetGroup")
    attributes = {one["Key"]: one["Value"] for one in group["TargetGroupAttributes"]}
    assert attributes["deregistration_delay.timeout_seconds"] == "5"


def test_the_load_balancer_asks_the_shallow_check_and_a_function_the_deep_one(synthesis: Synthesis) -> None:
    group = only_properties(synthesis(all_options), "AWS::ElasticLoadBalancingV2::TargetGroup")
    assert (group["HealthCheckPath"], group["Matcher"]) == ("/alive", {"HttpCode": "200"})
    functions = synthesis(all_options).resources("AWS::Lambda::Function").values()
    urls = [one["Properties"]["Environment"]["Variables"]["URL"] for one in functions]
    assert urls == [f"https://{DOMAIN}/alive/deep"]
    alarms = synthesis(all_options).resources("AWS::CloudWatch::Alarm").items()
    (deep,) = [alarm["Properties"] for name, alarm in alarms if "DeepHealthAlarm" in name]
    assert (deep["MetricName"], deep["TreatMissingData"]) == ("DeepHealthy", "breaching")


def test_the_deep_check_inside_a_network_manages_its_interfaces_and_writes_its_own_log(synthesis: Synthesis) -> None:
    built = synthesis(internal_and_public)
    ((name, function),) = built.resources("AWS::Lambda::Function").items()
    assert name.startswith("ShopDeepHealthFunction")
    policies = {
        policy_name: policy["Properties"]["PolicyDocument"]["Statement"]
        for policy_name, policy in built.resources("AWS::IAM::Policy").items()
        if policy["Properties"]["Roles"] == [{"Ref": function["Properties"]["Role"]["Fn::GetAtt"][0]}]
    }
    everywhere = {
        policy_name: {action.partition(":")[0] for action in statement["Action"]}
        for policy_name, statements in policies.items()
        for statement in statements
        if statement["Resource"] == "*"
    }
    assert list(everywhere.values()) == [{"ec2"}]
    assert set(everywhere) <= set(function["DependsOn"])  # Lambda asks when it makes the function
    (role,) = (one for one in built.resources("AWS::IAM::Role").items() if one[0].startswith("ShopDeepHealthFunction"))
    assert [list(policy) for policy in role[1]["Properties"]["ManagedPolicyArns"]] == [["Ref"]]  # tracing, of the stack


def test_a_deployment_that_fails_is_rolled_back_and_does_not_set_the_number_of_tasks(synthesis: Synthesis) -> None:
    service = only_properties(synthesis(defaults), "AWS::ECS::Service")
    deployment = service["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (100, 200)
    assert "DesiredCount" not in service


def test_scaling_follows_requests_cpu_and_the_time_of_day(synthesis: Synthesis) -> None:
    policies = synthesis(example).resources("AWS::ApplicationAutoScaling::ScalingPolicy")
    found = {
        json.dumps(policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"])
        for name, policy in policies.items()
        if name.startswith("Shop") and policy["Properties"]["PolicyType"] == "TargetTrackingScaling"
    }
    assert {"ALBRequestCountPerTarget", "ECSServiceAverageCPUUtilization"} == {
        json.loads(one)["PredefinedMetricType"] for one in found
    }
    targets = synthesis(example).resources("AWS::ApplicationAutoScaling::ScalableTarget")
    (target,) = [one["Properties"] for name, one in targets.items() if name.startswith("Shop")]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 20)
    (morning,) = target["ScheduledActions"]
    assert (morning["Timezone"], morning["ScalableTargetAction"]) == ("Asia/Tokyo", {"MinCapacity": 6})


def test_a_new_service_soon_has_its_least_number_of_tasks(synthesis: Synthesis) -> None:
    policies = synthesis(all_options).resources("AWS::ApplicationAutoScaling::ScalingPolicy")
    ((name, policy),) = [
        (name, one["Properties"]) for name, one in policies.items() if one["Properties"]["PolicyType"] == "StepScaling"
    ]
    assert policy["StepScalingPolicyConfiguration"]["StepAdjustments"] == [
        {"MetricIntervalUpperBound": 0, "ScalingAdjustment": 1}
    ]
    # The alarm looks back for three minutes, and stays raised when the first task was added.
    assert policy["StepScalingPolicyConfiguration"]["Cooldown"] == 180
    alarms = synthesis(all_options).resources("AWS::CloudWatch::Alarm")
    (few,) = [alarm["Properties"] for name, alarm in alarms.items() if "LeastTasksAlarm" in name]
    assert few["AlarmActions"] == [{"Ref": name}]
    assert (few["Statistic"], few["Threshold"], few["ComparisonOperator"]) == ("SampleCount", 3, "LessThanThreshold")


def test_two_services_share_a_load_balancer_and_a_service_has_two(synthesis: Synthesis) -> None:
    rules = synthesis(example).resources("AWS::ElasticLoadBalancingV2::ListenerRule").values()
    assert sorted(rule["Properties"]["Priority"] for rule in rules) == [10, 50_000]
    assert len(synthesis(example).resources("AWS::ElasticLoadBalancingV2::LoadBalancer")) == 1
    service = only_properties(synthesis(internal_and_public), "AWS::ECS::Service")
    assert len(service["LoadBalancers"]) == 2


def test_access_is_logged_to_a_bucket_that_only_load_balancers_of_this_account_write_to(synthesis: Synthesis) -> None:
    balancer = only_properties(synthesis(defaults), "AWS::ElasticLoadBalancingV2::LoadBalancer")
    found = {one["Key"]: one["Value"] for one in balancer["LoadBalancerAttributes"]}
    assert found["access_logs.s3.enabled"] == "true"
    assert found["routing.http.drop_invalid_header_fields.enabled"] == "true"
    statements = only_properties(synthesis(defaults), "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    (write,) = [one for one in statements if one["Effect"] == "Allow"]
    assert write["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert "loadbalancer/*" in json.dumps(write["Condition"]["ArnLike"]["aws:SourceArn"])
    assert found["access_logs.s3.prefix"] in json.dumps(write["Resource"])


def test_alarms_are_there_with_a_topic_only(synthesis: Synthesis) -> None:
    assert {alarm.node.id for alarm in synthesis(all_options).result.alarms} == {
        "BusyAlarm",
        "DeadLetterQueueAlarm",
        "DeepHealthAlarm",
        "ServerErrorsAlarm",
        "UnhealthyTargetsAlarm",
    }
    assert synthesis(defaults).result.alarms == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda picture: ServiceContainer(picture, cpu=300), "cpu is 300 units. Use one of 256, 512"),
        (lambda picture: ServiceContainer(picture, memory_limit_mib=4096), r"is 4096 MiB .*512, 1024 … 2048"),
        (lambda picture: ServiceContainer(picture, cpu=8192, memory_limit_mib=18_432), "16384, 20480 … 61440"),
        (lambda picture: ServiceContainer(picture, stop_timeout=Duration.seconds(121)), "stop_timeout is 121 seconds"),
        (lambda picture: ServiceContainer(picture, writable_paths=["tmp"]), "writable_paths contains 'tmp'"),
        (lambda _picture: ServiceRoute(path_patterns=["search"]), "path_patterns contains 'search'"),
        (lambda _picture: ServiceRoute(path_patterns=["/a"] * 3, host_headers=["a.com"] * 3), "has 6 values"),
        (lambda _picture: ServiceScaling(min_capacity=1), "min_capacity is 1 tasks. Use 2 to 5,000"),
        (lambda _picture: ServiceScaling(min_capacity=5, max_capacity=4), "max_capacity is 4 tasks. Use 5 to 5,000"),
    ],
)
def test_values_that_cannot_work_are_refused(make: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        make(ecs.ContainerImage.from_registry("shop"))


def test_a_front_needs_a_certificate_or_a_zone_of_its_name() -> None:
    stack = Stack()
    vpc = existing_vpc(stack)
    with pytest.raises(InvalidOptionError, match=r"certificate is missing\. Give certificate, or a hosted zone"):
        ServiceFront(stack, "A", vpc=vpc, domain_name=DOMAIN)
    zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.org")
    message = r"domain_name is 'shop.example.com', which is not in the zone 'example.org'\. Use example.org or"
    with pytest.raises(InvalidOptionError, match=message):
        ServiceFront(stack, "B", vpc=vpc, domain_name=DOMAIN, zone=zone)


def test_a_name_that_only_the_deployment_knows_passes() -> None:
    stack = Stack()
    zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.org")
    name = CfnParameter(stack, "Name").value_as_string
    made = ServiceFront(stack, "A", vpc=existing_vpc(stack), domain_name=name, zone=zone)
    assert made.domain_name == name


def test_tasks_need_two_zones() -> None:
    stack = Stack()
    vpc = existing_vpc(stack)
    one = ec2.SubnetSelection(subnets=vpc.private_subnets[:1])
    with pytest.raises(InvalidOptionError, match="vpc_subnets has 1 zone with subnets for tasks"):
        ScaleOutService(
            stack,
            "Shop",
            front=front(stack, vpc=vpc),
            container=ServiceContainer(existing_image(stack)),
            vpc_subnets=one,
        )


def test_a_cluster_and_a_front_of_another_network_are_refused() -> None:
    stack = Stack()
    other = existing_vpc(stack, "Other", "vpc-0123456789abcdef9")
    cluster = ecs.Cluster.from_cluster_attributes(stack, "Existing", cluster_name="existing", vpc=other)
    with pytest.raises(InvalidOptionError, match="cluster is Default/Existing, which is in another network"):
        ScaleOutService(
            stack, "Shop", front=front(stack), container=ServiceContainer(existing_image(stack)), cluster=cluster
        )


def test_a_schedule_needs_a_number() -> None:
    stack = Stack()
    service = defaults(stack)
    at_seven = applicationautoscaling.Schedule.cron(hour="7", minute="0")
    with pytest.raises(InvalidOptionError, match=r"min_capacity is missing\. Give it, or max_capacity, or both"):
        service.scale_on_schedule("Morning", schedule=at_seven)
    with pytest.raises(InvalidOptionError, match=r"max_capacity is 3 tasks\. Use 4 to 5,000"):
        service.scale_on_schedule("Evening", schedule=at_seven, min_capacity=4, max_capacity=3)
    never = applicationautoscaling.Schedule.expression("rate(0 days)")
    with pytest.raises(InvalidOptionError, match=r"schedule is 'rate\(0 days\)'\. Use cron"):
        service.scale_on_schedule("Night", schedule=never, min_capacity=4)
