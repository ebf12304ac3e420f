"""Lines of two functions are asked for by SQL; what is no line, and what cannot be delivered, is kept and counted."""

import base64
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from botocore.exceptions import ClientError

from cdp_constructs import LogAggregation
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from demo.athena import rows_of

REGION = "us-east-1"
CODE = """
import json

def handler(event, context):
    print(json.dumps({"level": event["level"], "note": event["note"]}))
"""


@architecture
def shop(stack: Stack) -> LogAggregation:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    alarms.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    aggregation = LogAggregation(stack, "Logs", encryption_key=key, alarm_topic=alarms)
    for name in ("Orders", "Billing"):
        function = lambda_.Function(
            stack,
            name,
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline(CODE),
            log_group=logs.LogGroup(stack, f"{name}Logs"),
        )
        aggregation.add_log_group(function.log_group, service=name.lower())
        CfnOutput(stack, f"{name}Name", value=function.function_name)
        CfnOutput(stack, f"{name}LogName", value=function.log_group.log_group_name)
    analyst = iam.Role(stack, "Analyst", assumed_by=iam.AccountRootPrincipal())
    stranger = iam.Role(stack, "Stranger", assumed_by=iam.AccountRootPrincipal())
    aggregation.grant_read(analyst)
    for output, value in {
        "AnalystArn": analyst.role_arn,
        "StrangerArn": stranger.role_arn,
        "BucketName": aggregation.bucket.bucket_name,
        "Deliveries": aggregation.delivery_stream.delivery_stream_name,
        "Transform": aggregation.transform_function.function_name,
        "DatabaseName": aggregation.database_name,
        "WorkgroupName": aggregation.workgroup_name,
    }.items():
        CfnOutput(stack, output, value=value)
    return aggregation


class Shop:
    """The services, and an analyst."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        (self.outputs,) = deployment.outputs.values()

    def call(self, service: str, note: str, level: str = "INFO") -> None:
        event = json.dumps({"level": level, "note": note})
        answer = self.cloud.client("lambda", REGION).invoke(FunctionName=self.outputs[f"{service}Name"], Payload=event)
        assert "FunctionError" not in answer

    def deliver(self, records: int) -> None:
        """Wait until the delivery stream has so many records, and let it deliver them."""
        waiting = 0

        def all_delivered() -> bool:
            nonlocal waiting
            waiting += self.cloud.flush_delivery_stream(self.outputs["Deliveries"], REGION)
            return waiting >= records

        eventually(all_delivered, within=30, what="records in the delivery stream")

    def objects(self, prefix: str) -> dict[str, bytes]:
        s3 = self.cloud.client("s3", REGION)
        found = s3.list_objects_v2(Bucket=self.outputs["BucketName"], Prefix=prefix).get("Contents", [])
        return {
            one["Key"]: s3.get_object(Bucket=self.outputs["BucketName"], Key=one["Key"])["Body"].read() for one in found
        }

    def failures(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.objects("errors/processing-failed/").values()]

    def ask(self, sql: str, role: str = "AnalystArn") -> list[list[str]]:
        """Ask as a role, in the workgroup."""
        session = self.cloud.client("sts", REGION).assume_role(RoleArn=self.outputs[role], RoleSessionName="test")[
            "Credentials"
        ]
        athena = self.cloud.client("athena", REGION, session)
        return rows_of(athena, sql, database=self.outputs["DatabaseName"], workgroup=self.outputs["WorkgroupName"])

    def metric(self, namespace: str, name: str, **dimensions: str) -> float:
        now = self.cloud.metrics.now()
        points = self.cloud.client("cloudwatch", REGION).get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points)


@pytest.fixture(scope="module")
def deployed_shop(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Shop:
    return Shop(local_cloud, deployed(shop))


def test_lines_of_two_functions_are_asked_for_by_sql(deployed_shop: Shop) -> None:
    began = datetime.now(UTC)
    deployed_shop.call("Orders", "first order", level="ERROR")
    deployed_shop.call("Billing", "first bill")
    deployed_shop.deliver(2)
    keys = eventually(lambda: found if len(found := deployed_shop.objects("logs/")) >= 2 else None, within=30)
    for service in ("orders", "billing"):
        (key, *_) = [key for key in keys if key.startswith(f"logs/service={service}/")]
        # Not the day of now: it may have ended since.
        start = f"logs/service={service}/day="
        assert f"{start}{began:%Y-%m-%d}" <= key < f"{start}{datetime.now(UTC):%Y-%m-%d}~"
        assert key.endswith(".jsonl.gz")
        assert gzip.decompress(keys[key])
    found = deployed_shop.ask(
        "SELECT service, level, json_extract_scalar(message, '$.note') FROM lines "
        "WHERE day >= date_format(current_timestamp - INTERVAL '24' HOUR, '%Y-%m-%d') "
        "AND message LIKE '%first%' ORDER BY service"
    )
    assert found == [["billing", "INFO", "first bill"], ["orders", "ERROR", "first order"]]
    [[oldest]] = deployed_shop.ask('SELECT min("at") FROM lines')
    assert oldest
    assert oldest[:4] == f"{began:%Y}"


def test_the_saved_query_finds_errors_of_all_services(deployed_shop: Shop) -> None:
    deployed_shop.call("Orders", "refused order", level="ERROR")
    deployed_shop.deliver(1)
    saved = deployed_shop.cloud.client("athena", REGION)
    (query,) = saved.list_named_queries(WorkGroup=deployed_shop.outputs["WorkgroupName"])["NamedQueryIds"]
    sql = saved.get_named_query(NamedQueryId=query)["NamedQuery"]["QueryString"]

    def refused() -> list[list[str]]:
        return [row for row in deployed_shop.ask(sql) if "refused order" in row[3]]

    assert [row[1] for row in eventually(refused, within=30, what="the error")] == ["orders"]
    assert {row[1] for row in deployed_shop.ask(sql)} == {"orders"}


def test_only_who_was_granted_asks(deployed_shop: Shop) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        deployed_shop.ask("SELECT 1 FROM lines", role="StrangerArn")


def test_a_record_that_is_no_log_event_is_kept_with_the_reason_and_those_beside_it_arrive(deployed_shop: Shop) -> None:
    firehose = deployed_shop.cloud.client("firehose", REGION)
    firehose.put_record(DeliveryStreamName=deployed_shop.outputs["Deliveries"], Record={"Data": b"no log event"})
    deployed_shop.call("Orders", "beside poison")
    deployed_shop.deliver(2)
    poison = base64.b64encode(b"no log event").decode()

    def rejected_record() -> list[dict[str, Any]]:
        return [one for one in deployed_shop.failures() if one["rawData"] == poison]

    [failure] = eventually(rejected_record, within=30, what="the document")
    assert failure["errorCode"] == "Lambda.ProcessingFailedStatus"

    def arrived() -> list[Any]:
        return deployed_shop.ask("SELECT 1 FROM lines WHERE message LIKE '%beside poison%'")

    assert len(eventually(arrived, within=30)) == 1
    rejected = {"function_name": deployed_shop.outputs["Transform"], "service": "TransformFunction"}
    eventually(lambda: deployed_shop.metric("CdpConstructs", "RejectedRecords", **rejected) == 1, within=30)


def test_events_that_cannot_be_delivered_are_counted_by_log_group(deployed_shop: Shop) -> None:
    refused = {"error": "ServiceUnavailableException", "status": 503}
    with deployed_shop.cloud.inject_fault("firehose", REGION, operation="PutRecord", **refused):
        deployed_shop.call("Billing", "lost")
        lost = {
            "LogGroupName": deployed_shop.outputs["BillingLogName"],
            "DestinationType": "Firehose",
            "FilterName": "billing",
        }
        eventually(lambda: deployed_shop.metric("AWS/Logs", "DeliveryErrors", **lost) >= 1, within=30)


def test_a_function_that_fails_is_tried_four_times_and_events_are_kept(deployed_shop: Shop) -> None:
    before = len(deployed_shop.failures())
    functions = deployed_shop.cloud.client("lambda", REGION)
    name = deployed_shop.outputs["Transform"]
    functions.update_function_configuration(FunctionName=name, Handler="handlers.log_lines.index.missing")
    try:
        deployed_shop.call("Orders", "while it fails")
        deployed_shop.deliver(1)
        eventually(lambda: len(deployed_shop.failures()) > before, within=60, what="the documents")
    finally:
        functions.update_function_configuration(FunctionName=name, Handler="handlers.log_lines.index.handler")
    last = next(one for one in deployed_shop.failures() if one["errorCode"] == "Lambda.FunctionError")
    assert last["attemptsMade"] == 4
