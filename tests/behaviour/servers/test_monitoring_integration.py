"""A Zabbix server and CloudWatch see the same failure: a real server, with its database, in containers."""

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from botocore.exceptions import ClientError

from cdp_constructs import AlarmTopic, MonitoringIntegration
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.local.containers.zabbix import programs
from cdp_constructs.testing import architecture, eventually
from demo.zabbix import ZabbixServer
from demo.zabbix_app import add_zabbix

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(None in programs().values(), reason="needs Debian's package zabbix-server-pgsql"),
]

REGION = "us-east-1"
HOST = "shop"
NAMESPACE = "Shop"


def alarm(stack: Stack, name: str, topic: sns.ITopic) -> None:
    made = cloudwatch.Alarm(
        stack,
        name,
        alarm_name=name,
        alarm_description=f"What to do about {name}",
        metric=cloudwatch.Metric(namespace=NAMESPACE, metric_name=name, period=Duration.minutes(1), statistic="sum"),
        threshold=1,
        evaluation_periods=1,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    made.add_alarm_action(actions.SnsAction(topic))
    made.add_ok_action(actions.SnsAction(topic))


@architecture
def monitored(stack: Stack) -> None:
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=1)
    service, balancer, group = add_zabbix(stack, vpc)
    monitoring = MonitoringIntegration(
        stack,
        "Monitoring",
        vpc=vpc,
        address=balancer.load_balancer_dns_name,
        host=HOST,
        reader=iam.AccountRootPrincipal(),
        alarm_topic=AlarmTopic(stack, "Operators").topic,
    )
    group.connections.allow_from(monitoring.security_group, ec2.Port.tcp(10051))
    alarm(stack, "orders that fail", monitoring.topic)
    alarm(stack, "known to others", AlarmTopic(stack, "Others").topic)
    assert monitoring.reader_role is not None
    report_alarm = next(one for one in monitoring.alarms if one.node.id == "ReportAlarm")
    for name, value in {
        "Cluster": service.cluster.cluster_name,
        "Service": service.service_name,
        "Function": monitoring.function.function_name,
        "Reader": monitoring.reader_role.role_arn,
        "Failed": monitoring.dead_letter_queue.queue_url,
        "ReportAlarm": report_alarm.alarm_name,
    }.items():
        CfnOutput(stack, f"{name}Name", value=value)


class Monitored:
    """The deployed stack, seen by CloudWatch and by Zabbix."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        ((self.stack, outputs),) = deployment.outputs.items()
        self.outputs = {name.removesuffix("Name"): value for name, value in outputs.items()}
        self.resources = deployment.resources[self.stack]
        self.cloud = cloud
        self.cloudwatch, self.sqs = (cloud.client(name, region=REGION) for name in ("cloudwatch", "sqs"))
        self.zabbix = ZabbixServer(cloud, REGION, self.outputs["Cluster"], self.outputs["Service"])

    def states(self) -> dict[str, str]:
        """Return the states of the two alarms, as CloudWatch sees them."""
        found = self.cloudwatch.describe_alarms(AlarmNames=["orders that fail", "known to others"])["MetricAlarms"]
        return {one["AlarmName"]: one["StateValue"] for one in found}

    def fail(self, *names: str) -> None:
        """Let orders fail for a minute."""
        data = [{"MetricName": name, "Value": 3, "Timestamp": self.cloud.metrics.now()} for name in names]
        self.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
        self.cloud.metrics.advance(minutes=1)

    def report(self) -> None:
        """Call the function as the schedule does."""
        client = self.cloud.client("lambda", region=REGION)
        answer = client.invoke(FunctionName=self.outputs["Function"], Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.fixture(scope="module")
def shop(local_cloud: LocalCloud, deployed: Any) -> Monitored:
    found = Monitored(local_cloud, deployed(monitored))
    found.zabbix.configure(HOST)

    def has_a_value() -> bool:
        # Zabbix takes nothing before it has read what was configured, and no state of an alarm before it has read,
        # some time after it made them, the item and its trigger.
        found.report()
        return bool(found.zabbix.values())

    eventually(has_a_value, within=120, what="the state of the alarm in Zabbix")
    return found


def test_zabbix_discovers_the_alarms_of_the_topic_and_no_others(shop: Monitored) -> None:
    assert shop.zabbix.discovered() == {'cloudwatch.alarm["orders that fail"]'}


def test_both_see_the_same_failure_and_its_end(shop: Monitored) -> None:
    shop.fail("orders that fail", "known to others")
    assert set(shop.states().values()) == {"ALARM"}
    problem = "orders that fail is in ALARM state"
    eventually(lambda: shop.zabbix.problems(open_=True) == {problem}, within=60, what="the problem in Zabbix")
    shop.cloud.metrics.advance(minutes=4)
    assert set(shop.states().values()) == {"OK"}
    eventually(lambda: problem in shop.zabbix.problems(open_=False), within=60, what="its end in Zabbix")
    assert shop.zabbix.problems(open_=True) == set()


def test_the_reader_reads_metrics_and_alarms_and_changes_nothing(shop: Monitored) -> None:
    given = shop.cloud.client("sts", region=REGION).assume_role(
        RoleArn=shop.outputs["Reader"], RoleSessionName="zabbix"
    )["Credentials"]
    reader = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=REGION)
    client = reader.client("cloudwatch", endpoint_url=shop.cloud.endpoint)
    now = shop.cloud.metrics.now()
    metric = {"Namespace": NAMESPACE, "MetricName": "orders that fail"}
    [found] = client.get_metric_data(
        StartTime=now - timedelta(minutes=30),
        EndTime=now,
        MetricDataQueries=[{"Id": "failed", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}],
    )["MetricDataResults"]
    assert 3.0 in found["Values"]
    assert client.describe_alarms()["MetricAlarms"]
    assert client.list_metrics(Namespace=NAMESPACE)["Metrics"]
    with pytest.raises(ClientError, match="AccessDenied"):
        client.put_metric_data(Namespace=NAMESPACE, MetricData=[{"MetricName": "orders that fail", "Value": 0}])
    with pytest.raises(ClientError, match="AccessDenied"):
        client.disable_alarm_actions(AlarmNames=["orders that fail"])
    elsewhere = reader.client("cloudwatch", endpoint_url=shop.cloud.endpoint, region_name="eu-west-1")
    with pytest.raises(ClientError, match="AccessDenied"):
        elsewhere.describe_alarms()


def test_what_zabbix_does_not_take_is_kept_and_an_alarm_says_so(shop: Monitored) -> None:
    shop.zabbix.end()
    eventually(lambda: not shop.zabbix.tasks(), within=60, what="Zabbix away")
    changes = next(url for name, url in shop.resources.items() if name.startswith("MonitoringFanoutChangesQueue"))
    shop.sqs.set_queue_attributes(QueueUrl=changes, Attributes={"VisibilityTimeout": "1"})
    shop.fail("orders that fail")
    assert shop.states()["orders that fail"] == "ALARM"

    def kept() -> list[Any]:
        answer = shop.sqs.receive_message(QueueUrl=shop.outputs["Failed"], VisibilityTimeout=0)
        return list(answer.get("Messages", []))

    [message] = eventually(kept, within=60, what="the change in the dead-letter queue")
    body = json.loads(message["Body"])
    assert (body["AlarmName"], body["NewStateValue"]) == ("orders that fail", "ALARM")
    shop.report()  # is no error of the function
    shop.cloud.metrics.advance(minutes=20)
    [report] = shop.cloudwatch.describe_alarms(AlarmNames=[shop.outputs["ReportAlarm"]])["MetricAlarms"]
    assert report["StateValue"] == "ALARM"
