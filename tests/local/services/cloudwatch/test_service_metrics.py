"""Services emit their metrics under AWS's names, whoever calls them: clients, other services, or the cloud itself."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.local.messaging import outputs, queue_policy, subscription
from tests.local.resources import allow, arn, function, role

REGION = "us-east-1"
ATTEMPTS = 2  # the clients of tests try once more

HANDLER = """
import json, time
def handler(event, context):
    if event.get("rawPath") == "/fails" or "fail" in event:
        raise RuntimeError("told to")
    if "records" in event or "Records" in event:
        raise RuntimeError("cannot read")
    print(json.dumps({
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {"Namespace": "Shop", "Dimensions": [["service"]], "Metrics": [{"Name": "Orders", "Unit": "Count"}]}
            ],
        },
        "service": "orders",
        "Orders": [2, 3],
    }))
    print(json.dumps({"level": "ERROR", "message": "out of stock", "missing": 7}))
    return {"statusCode": 200, "body": "done"}
"""

TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Role": role(
            allow(["kinesis:*"], arn("Stream")),
            allow(["logs:*"], "*"),
        ),
        "Function": function(HANDLER, "Role"),
        "Reader": function(HANDLER, "Role"),
        "Stopped": function(HANDLER, "Role", ReservedConcurrentExecutions=0),
        "LogGroup": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": {"Fn::Join": ["/", ["/aws/lambda", {"Ref": "Function"}]]}},
        },
        "Filter": {
            "Type": "AWS::Logs::MetricFilter",
            "Properties": {
                "LogGroupName": {"Ref": "LogGroup"},
                "FilterPattern": '{ $.level = "ERROR" && $.missing > 5 }',
                "MetricTransformations": [
                    {"MetricNamespace": "Shop", "MetricName": "Missing", "MetricValue": "$.missing"}
                ],
            },
        },
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": arn("Stream"),
                "FunctionName": {"Ref": "Reader"},
                "StartingPosition": "TRIM_HORIZON",
            },
        },
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "shop", "ProtocolType": "HTTP"}},
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True},
        },
        "Integration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": arn("Function"),
                "PayloadFormatVersion": "2.0",
            },
        },
        "Route": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "RouteKey": "GET /{proxy+}",
                "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]},
            },
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Function"},
                "Principal": "apigateway.amazonaws.com",
            },
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            },
        },
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Policy": queue_policy("Queue", {"Ref": "Topic"}),
        "Undelivered": {"Type": "AWS::SQS::Queue"},
        "Subscription": subscription("Queue", RedrivePolicy={"deadLetterTargetArn": arn("Undelivered")}),
    },
    "Outputs": outputs("Role", "Function", "Reader", "Stopped", "Stream", "Api", "Table", "Topic", "Queue")
    | {"TopicName": {"Value": {"Fn::GetAtt": ["Topic", "TopicName"]}}},
}


@pytest.fixture(scope="module")
def shop(stacks: Any) -> dict[str, str]:
    deployed: dict[str, str] = stacks.deploy(TEMPLATE)
    return deployed


def test_lambda_counts_whoever_calls(shop: dict[str, str], cloud: LocalCloud, total: Callable[..., float]) -> None:
    of_function = {"FunctionName": shop["Function"]}
    invoke = cloud.client("lambda").invoke
    before = total("AWS/Lambda", "Invocations", **of_function) or 0
    failed = total("AWS/Lambda", "Errors", **of_function) or 0
    invoke(FunctionName=shop["Function"], Payload=b"{}")
    invoke(FunctionName=shop["Function"], Payload=b'{"fail": 1}')
    assert httpx.get(cloud.http_api_url(shop["Api"]) + "/works").status_code == 200
    assert total("AWS/Lambda", "Invocations", **of_function) == before + 3
    assert total("AWS/Lambda", "Errors", **of_function) == failed + 1
    assert total("AWS/Lambda", "Duration", "Maximum", **of_function) > 0
    with pytest.raises(ClientError, match="TooManyRequests"):
        invoke(FunctionName=shop["Stopped"], Payload=b"{}")
    assert total("AWS/Lambda", "Throttles", FunctionName=shop["Stopped"]) == ATTEMPTS
    assert total("AWS/Lambda", "Invocations", FunctionName=shop["Stopped"]) is None


def test_logs_become_metrics(shop: dict[str, str], cloud: LocalCloud, total: Callable[..., float]) -> None:
    before = total("Shop", "Orders", service="orders") or 0, total("Shop", "Missing") or 0
    cloud.client("lambda").invoke(FunctionName=shop["Function"], Payload=b"{}")
    assert total("Shop", "Orders", service="orders") == before[0] + 5
    assert total("Shop", "Missing") == before[1] + 7


def test_http_apis(shop: dict[str, str], cloud: LocalCloud, total: Callable[..., float]) -> None:
    url = cloud.http_api_url(shop["Api"])
    before = total("AWS/ApiGateway", "Count", ApiId=shop["Api"]) or 0
    assert [httpx.get(url + path).status_code // 100 for path in ("/works", "/fails", "/")] == [2, 5, 4]
    assert total("AWS/ApiGateway", "Count", ApiId=shop["Api"]) == before + 3
    assert total("AWS/ApiGateway", "5xx", ApiId=shop["Api"]) == 1
    assert total("AWS/ApiGateway", "4xx", ApiId=shop["Api"], Stage="$default") == 1


def test_queues(cloud: LocalCloud, total: Callable[..., float]) -> None:
    sqs, name = cloud.client("sqs"), f"waiting-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(at), "MessageBody": "m"} for at in range(3)])
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)
    [_received] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=600)["Messages"]
    cloud.metrics.advance(minutes=5)
    assert total("AWS/SQS", "NumberOfMessagesSent", QueueName=name) == 4
    assert total("AWS/SQS", "NumberOfMessagesReceived", QueueName=name) == 1
    assert total("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName=name) == 2
    assert total("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "Maximum", QueueName=name) == 1
    assert total("AWS/SQS", "ApproximateNumberOfMessagesDelayed", "Maximum", QueueName=name) == 1
    assert 300 <= total("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName=name) < 330
    # What is sent now is not older for a move before.
    sqs.purge_queue(QueueUrl=url)
    sqs.send_message(QueueUrl=url, MessageBody="new")
    fresh = f"{name}-new"
    other = sqs.create_queue(QueueName=fresh)["QueueUrl"]
    sqs.send_message(QueueUrl=other, MessageBody="new")
    cloud.metrics.advance(minutes=1)
    assert 60 <= total("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName=fresh) < 90


def test_tables_and_streams_that_throttle(shop: dict[str, str], cloud: LocalCloud, total: Callable[..., float]) -> None:
    dynamodb, kinesis = cloud.client("dynamodb"), cloud.client("kinesis")
    item = {"id": {"S": "1"}}
    dynamodb.put_item(TableName=shop["Table"], Item=item)
    throttled = "ProvisionedThroughputExceededException"
    with cloud.inject_fault("dynamodb", REGION, error=throttled):
        for call in (
            lambda: dynamodb.put_item(TableName=shop["Table"], Item=item),
            lambda: dynamodb.batch_get_item(RequestItems={shop["Table"]: {"Keys": [item]}}),
            lambda: dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": shop["Table"], "Item": item}}]),
        ):
            with pytest.raises(ClientError, match=throttled):
                call()
    with cloud.inject_fault("kinesis", REGION, error=throttled), pytest.raises(ClientError, match=throttled):
        kinesis.put_record(StreamName=shop["Stream"], Data=b"1", PartitionKey="1")
    with cloud.inject_fault("dynamodb", REGION), pytest.raises(ClientError):
        dynamodb.get_item(TableName=shop["Table"], Key=item)
    assert total("AWS/DynamoDB", "WriteThrottleEvents", TableName=shop["Table"]) == 2 * ATTEMPTS
    assert total("AWS/DynamoDB", "ReadThrottleEvents", TableName=shop["Table"]) == ATTEMPTS
    assert total("AWS/DynamoDB", "ThrottledRequests", TableName=shop["Table"], Operation="PutItem") == ATTEMPTS
    assert total("AWS/DynamoDB", "SystemErrors", TableName=shop["Table"], Operation="GetItem") == ATTEMPTS
    latency = {"TableName": shop["Table"], "Operation": "PutItem"}
    assert total("AWS/DynamoDB", "SuccessfulRequestLatency", "SampleCount", **latency) == 1
    assert total("AWS/Kinesis", "WriteProvisionedThroughputExceeded", StreamName=shop["Stream"]) == ATTEMPTS


def test_the_age_of_what_a_function_does_not_get_past(
    shop: dict[str, str], cloud: LocalCloud, total: Callable[..., float]
) -> None:
    cloud.client("kinesis").put_record(StreamName=shop["Stream"], Data=b"1", PartitionKey="1")
    eventually(lambda: total("AWS/Lambda", "Errors", FunctionName=shop["Reader"]), within=30)
    cloud.metrics.advance(minutes=5)
    for metric in (
        ("AWS/Lambda", "IteratorAge", {"FunctionName": shop["Reader"]}),
        ("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", {"StreamName": shop["Stream"]}),
    ):
        namespace, name, dimensions = metric
        assert total(namespace, name, "Maximum", **dimensions) >= 5 * 60 * 1000


def test_topics(shop: dict[str, str], cloud: LocalCloud, total: Callable[..., float]) -> None:
    sns, sqs, topic = cloud.client("sns"), cloud.client("sqs"), {"TopicName": shop["TopicName"]}
    sns.publish(TopicArn=shop["Topic"], Message="1")
    assert total("AWS/SNS", "NumberOfNotificationsDelivered", **topic) == 1
    sqs.delete_queue(QueueUrl=shop["Queue"])
    sns.publish(TopicArn=shop["Topic"], Message="2")
    assert total("AWS/SNS", "NumberOfMessagesPublished", **topic) == 2
    assert total("AWS/SNS", "NumberOfNotificationsFailed", **topic) == 1
    # The dead-letter queue has no policy that lets the topic send.
    assert total("AWS/SNS", "NumberOfNotificationsFailedToRedriveToDlq", **topic) == 1


def test_rules_of_iot(shop: dict[str, str], cloud: LocalCloud, total: Callable[..., float]) -> None:
    iot, rule = cloud.client("iot"), f"rule_{uuid.uuid4().hex[:8]}"
    no_role = cloud.client("iam").get_role(RoleName=shop["Role"])["Role"]["Arn"]
    fails = {"sqs": {"queueUrl": shop["Queue"], "roleArn": no_role}}
    payload = {"sql": f"SELECT * FROM '{rule}/#'", "actions": [fails], "errorAction": fails}  # noqa: S608 - SQL of IoT
    iot.create_topic_rule(ruleName=rule, topicRulePayload=payload)
    cloud.client("iot-data").publish(topic=f"{rule}/1", payload=b"{}")
    eventually(lambda: total("AWS/IoT", "ErrorActionFailure", RuleName=rule, ActionType="Sqs") == 1)
    assert total("AWS/IoT", "TopicMatch", RuleName=rule) == 1
    assert total("AWS/IoT", "Failure", RuleName=rule, ActionType="Sqs") == 1


def test_mails(cloud: LocalCloud, total: Callable[..., float]) -> None:
    ses, name = cloud.client("sesv2"), f"set-{uuid.uuid4().hex[:8]}"
    ses.create_configuration_set(ConfigurationSetName=name, ReputationOptions={"ReputationMetricsEnabled": True})
    ses.create_email_identity(EmailIdentity="shop.example.com")
    for address in ("ann@example.com", "bounce@simulator.amazonses.com", "complaint@simulator.amazonses.com"):
        ses.send_email(
            FromEmailAddress="no-reply@shop.example.com",
            Destination={"ToAddresses": [address]},
            Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
            ConfigurationSetName=name,
        )
    of_set = {"ses__configuration-set": name}
    assert [total("AWS/SES", kind, **of_set) for kind in ("Send", "Bounce", "Complaint")] == [3, 1, 1]
    assert total("AWS/SES", "Reputation.BounceRate", "Maximum", **of_set) == pytest.approx(0.5)
    assert total("AWS/SES", "Reputation.ComplaintRate", "Maximum", **of_set) == pytest.approx(0.3333)


def test_names_are_listed_as_any_metric_is(shop: dict[str, str], cloud: LocalCloud) -> None:
    cloud.client("lambda").invoke(FunctionName=shop["Function"], Payload=json.dumps({}).encode())
    listed = cloud.client("cloudwatch").list_metrics(
        Namespace="AWS/Lambda", Dimensions=[{"Name": "FunctionName", "Value": shop["Function"]}]
    )["Metrics"]
    assert {"Invocations", "Errors", "Throttles", "Duration"} <= {metric["MetricName"] for metric in listed}
