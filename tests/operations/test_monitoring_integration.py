"""What MonitoringIntegration promises in its templates; what Zabbix sees: tests/behaviour/servers."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, RemovalPolicy, Stack, Stage
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, MonitoringIntegration
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.monitoring_integration import build as example
from tests.networks import network
from tests.resources import only_properties, statements

TOPIC_ARN = "arn:aws:sns:us-east-1:111122223333:operators"
PARTNER = iam.AccountPrincipal("444455556666").with_conditions({"StringEquals": {"sts:ExternalId": "shop"}})


def integration(stack: Stack, name: str = "Zabbix", **options: Any) -> MonitoringIntegration:
    given = {"vpc": stack.node.try_find_child("Vpc") or network(stack), "address": "zabbix.example.com", "host": "shop"}
    return MonitoringIntegration(stack, name, **given | options)


@architecture
def defaults(stack: Stack) -> MonitoringIntegration:
    return integration(stack)


@architecture
def all_options(stack: Stack) -> MonitoringIntegration:
    monitoring = integration(
        stack,
        vpc=network(stack, isolated=True),
        address="10.0.3.7",
        host="Shop in us-east-1",
        port=20051,
        reader=PARTNER,
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Operators", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )
    metric = cloudwatch.Metric(namespace="Shop", metric_name="Orders")
    alarm = cloudwatch.Alarm(stack, "NoOrders", metric=metric, threshold=1, evaluation_periods=1)
    monitoring.watch(alarm)
    return monitoring


@architecture
def imported(stack: Stack) -> MonitoringIntegration:
    return integration(stack, topic=sns.Topic.from_topic_arn(stack, "Operators", TOPIC_ARN))


@architecture
def two_in_one_stack(stack: Stack) -> list[MonitoringIntegration]:
    first = integration(stack)
    return [first, integration(stack, "Other", topic=first.topic, address="other.example.com")]


@architecture
def inside_a_stage(app: App) -> MonitoringIntegration:
    return defaults(Stack(Stage(app, "MonitoringStage"), "Service"))


architecture(example)
REVIEWED = [defaults, all_options, imported]
EVERY = [*REVIEWED, two_in_one_stack, inside_a_stage, example]


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(MonitoringIntegration, synthesis(example))


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    found = synthesis(build).findings("AwsSolutions", "Serverless")
    assert [one for one in found if "NoOrders" not in one] == []


def actions(found: list[dict[str, Any]]) -> set[str]:
    return {
        action for one in found for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }


def test_the_reader_reads_metrics_and_alarms_of_this_region_and_nothing_else(synthesis: Synthesis) -> None:
    (only,) = statements(synthesis(all_options), "ZabbixReaderRole")
    assert actions([only]) == {"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics"}
    assert only["Condition"] == {"StringEquals": {"aws:RequestedRegion": {"Ref": "AWS::Region"}}}
    roles = synthesis(all_options).resources("AWS::IAM::Role")
    (role,) = [role for logical_id, role in roles.items() if logical_id.startswith("ZabbixReaderRole")]
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "shop"}}
    assert "444455556666" in str(trust["Principal"])


def test_nobody_reads_by_default(synthesis: Synthesis) -> None:
    assert synthesis(defaults).result.reader_role is None
    assert not [name for name in synthesis(defaults).resources("AWS::IAM::Role") if "Reader" in name]


def test_the_function_may_ask_for_alarms_and_for_nothing_else_of_cloudwatch(synthesis: Synthesis) -> None:
    found = statements(synthesis(defaults), "ZabbixFunctionRole")
    of_cloudwatch = {action for action in actions(found) if action.startswith("cloudwatch:")}
    assert of_cloudwatch == {"cloudwatch:DescribeAlarms"}


def test_the_function_leaves_the_network_for_zabbix_and_cloudwatch_only(synthesis: Synthesis) -> None:
    group = only_properties(synthesis(all_options), "AWS::EC2::SecurityGroup")
    assert sorted(rule["FromPort"] for rule in group["SecurityGroupEgress"]) == [443, 20051]
    assert "SecurityGroupIngress" not in group


def test_only_notifications_of_alarms_come_to_the_function_one_by_one(synthesis: Synthesis) -> None:
    subscription = only_properties(synthesis(defaults), "AWS::SNS::Subscription")
    assert subscription["FilterPolicyScope"] == "MessageBody"
    assert set(subscription["FilterPolicy"]) == {"AlarmName", "NewStateValue"}
    assert only_properties(synthesis(defaults), "AWS::Lambda::EventSourceMapping")["BatchSize"] == 1


def test_tries_are_bounded_and_last_longer_than_the_wait_for_a_report(synthesis: Synthesis) -> None:
    queues = synthesis(defaults).resources("AWS::SQS::Queue").values()
    (work,) = [queue["Properties"] for queue in queues if "RedrivePolicy" in queue["Properties"]]
    tries = work["RedrivePolicy"]["maxReceiveCount"]
    assert tries == 5
    # Zabbix makes the item of a new alarm from a report.
    assert (tries - 1) * work["VisibilityTimeout"] > 5 * 60
    schedule = only_properties(synthesis(defaults), "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"


def test_each_failure_raises_an_alarm(synthesis: Synthesis) -> None:
    names = {alarm.node.path.partition("/Zabbix/")[2] for alarm in synthesis(all_options).result.alarms}
    assert names == {
        "Fanout/Changes/DeadLetterQueueAlarm",
        "Fanout/Changes/SubscriptionDeadLetterQueueAlarm",
        "Fanout/LostMessagesAlarm",
        "ReportAlarm",
        "ReportDeadLetterQueueAlarm",
    }
    assert synthesis(defaults).result.alarms == []


def test_a_report_that_is_missing_counts_as_one_that_zabbix_did_not_take(synthesis: Synthesis) -> None:
    alarms = synthesis(all_options).resources("AWS::CloudWatch::Alarm")
    (report,) = [one["Properties"] for name, one in alarms.items() if name.startswith("ZabbixReportAlarm")]
    assert (report["TreatMissingData"], report["EvaluationPeriods"], report["Period"]) == ("breaching", 3, 300)


def test_cloudwatch_may_publish_to_the_new_topic_and_use_its_key(synthesis: Synthesis) -> None:
    policy = str(only_properties(synthesis(defaults), "AWS::SNS::TopicPolicy"))
    key = str(only_properties(synthesis(defaults), "AWS::KMS::Key")["KeyPolicy"])
    assert "cloudwatch.amazonaws.com" in policy
    assert "cloudwatch.amazonaws.com" in key


def test_an_alarm_made_elsewhere_notifies_of_all_states(synthesis: Synthesis) -> None:
    alarms = synthesis(all_options).resources("AWS::CloudWatch::Alarm")
    (watched,) = [one for name, one in alarms.items() if name.startswith("NoOrders")]
    kinds = ("AlarmActions", "OKActions", "InsufficientDataActions")
    assert all(len(watched["Properties"][kind]) == 1 for kind in kinds)


@pytest.mark.parametrize("address", ["zabbix example", "zabbix.example.com:10051", "https://zabbix", "-a.com", "::1"])
def test_what_is_no_address_is_refused(cdk_app: App, address: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"Shop/Zabbix: address is .*IPv4 address"):
        integration(Stack(cdk_app, "Shop"), address=address)


@pytest.mark.parametrize("host", [" shop", "shop ", "shöp", "shop/1", "x" * 129])
def test_what_is_no_name_of_a_host_is_refused(cdk_app: App, host: str) -> None:
    with pytest.raises(InvalidOptionError, match="Shop/Zabbix: host is "):
        integration(Stack(cdk_app, "Shop"), host=host)


@pytest.mark.parametrize("reader", [iam.AnyPrincipal(), iam.StarPrincipal(), iam.ArnPrincipal("*")])
def test_everybody_may_not_read(cdk_app: App, reader: iam.IPrincipal) -> None:
    with pytest.raises(InvalidOptionError, match=r"Shop/Zabbix: reader is everybody.*sts:ExternalId"):
        integration(Stack(cdk_app, "Shop"), reader=reader)


def test_a_network_without_a_place_for_the_function_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    public = ec2.Vpc.from_vpc_attributes(
        stack, "Public", vpc_id="vpc-1", availability_zones=["us-east-1a"], public_subnet_ids=["subnet-a"]
    )
    with pytest.raises(InvalidOptionError, match=r"Shop/Zabbix: vpc .*neither private nor isolated"):
        integration(stack, vpc=public)


def test_alarms_about_zabbix_do_not_go_to_zabbix_alone(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    topic = sns.Topic(stack, "Operators")
    with pytest.raises(InvalidOptionError, match="alarm_topic"):
        integration(stack, topic=topic, alarm_topic=topic)


def test_a_fifo_topic_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    with pytest.raises(InvalidOptionError, match=r"Shop/Zabbix: topic .*FIFO"):
        integration(stack, topic=sns.Topic(stack, "Operators", fifo=True))


def test_metrics_are_those_of_the_function(cdk_app: App) -> None:
    monitoring = integration(Stack(cdk_app, "Shop"))
    names = {metric.metric_name for metric in (monitoring.metric_changes(), monitoring.metric_reported())}
    assert names == {"SentChanges", "TakenReports"}
