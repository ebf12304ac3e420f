"""Requests that are larger, or have other values, than a service takes are refused with its own error code."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.refusals import refusal
from tests.local.resources import table

Name = Callable[[str], str]
KIB = 1024


def text(data_type: str, value: str) -> dict[str, dict[str, str]]:
    return {"kind": {"DataType": data_type, "StringValue": value}}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"MessageAttributes": {"AWS.x": {"DataType": "String", "StringValue": "v"}}}, id="reserved name"),
        pytest.param({"MessageAttributes": text("Bool", "true")}, id="type"),
        pytest.param({"MessageAttributes": text("Number", "five")}, id="number"),
        pytest.param({"MessageAttributes": text("Number", "1_000")}, id="number in groups"),
        pytest.param({"MessageAttributes": text("Number.int", "nan")}, id="no number"),
        pytest.param({"MessageAttributes": text("String", "")}, id="empty"),
    ],
)
def test_attributes_of_messages(cloud: LocalCloud, name: Name, options: Mapping[str, Any]) -> None:
    sqs, sns = cloud.client("sqs"), cloud.client("sns")
    queue = sqs.create_queue(QueueName=name("limits"))["QueueUrl"]
    topic = sns.create_topic(Name=name("limits"))["TopicArn"]
    assert refusal(lambda: sqs.send_message(QueueUrl=queue, MessageBody="m", **options)) == (
        "InvalidParameterValue",
        400,
    )
    assert refusal(lambda: sns.publish(TopicArn=topic, Message="m", **options))[0] == "ParameterValueInvalid"
    right = {**text("String.Any", "v"), "number": {"DataType": "Number", "StringValue": "1e3"}}
    sqs.send_message(QueueUrl=queue, MessageBody="m", MessageAttributes=right)
    sns.publish(TopicArn=topic, Message="m", MessageAttributes=right)


def test_messages_are_received_within_limits(cloud: LocalCloud, name: Name) -> None:
    sqs = cloud.client("sqs")
    queue = sqs.create_queue(QueueName=name("receiving"))["QueueUrl"]
    for option, most in (("VisibilityTimeout", 43_200), ("WaitTimeSeconds", 20)):
        call = {"QueueUrl": queue, option: most + 1}
        assert refusal(lambda: sqs.receive_message(**call)) == ("InvalidParameterValue", 400)  # noqa: B023
    sqs.receive_message(QueueUrl=queue, VisibilityTimeout=43_200, WaitTimeSeconds=0)


def test_messages_of_a_topic_for_several_protocols_and_batches(cloud: LocalCloud, name: Name) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name=name("batches"))["TopicArn"]
    for message in ("no json", "[]", '{"sqs": "m"}', '{"default": 1}'):
        call = {"TopicArn": topic, "Message": message, "MessageStructure": "json"}
        assert refusal(lambda: sns.publish(**call)) == ("InvalidParameter", 400)  # noqa: B023
    sns.publish(TopicArn=topic, Message='{"default": "m"}', MessageStructure="json")
    entries = [{"Id": str(number), "Message": "x" * 30 * KIB} for number in range(9)]
    code, _ = refusal(lambda: sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries))
    assert code in {"BatchRequestTooLong", "AWS.SimpleNotificationService.BatchRequestTooLong"}
    assert len(sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries[:8])["Successful"]) == 8


@pytest.mark.parametrize("key", ["five", "-1", "1.5", "007", str(2**128)])
def test_hash_keys_of_a_stream(cloud: LocalCloud, name: Name, key: str) -> None:
    kinesis, stream = cloud.client("kinesis"), name("keys")
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    record = {"PartitionKey": "p", "Data": b"x", "ExplicitHashKey": key}
    expected = ("InvalidArgumentException", 400)
    assert refusal(lambda: kinesis.put_record(StreamName=stream, **record)) == expected
    assert refusal(lambda: kinesis.put_records(StreamName=stream, Records=[record])) == expected
    kinesis.put_record(StreamName=stream, **{**record, "ExplicitHashKey": str(2**128 - 1)})


def test_operands_of_an_expression(cloud: LocalCloud, name: Name) -> None:
    dynamodb, own = cloud.client("dynamodb"), name("operands")
    dynamodb.create_table(TableName=own, **table("id")["Properties"])

    def scan(number: int) -> Any:
        values = {f":v{each}": {"S": "x"} for each in range(number)}
        condition = f"id IN ({', '.join(values)})"
        return dynamodb.scan(TableName=own, FilterExpression=condition, ExpressionAttributeValues=values)

    assert refusal(lambda: scan(101)) == ("ValidationException", 400)
    assert scan(100)["Count"] == 0


def test_deletions_at_once(cloud: LocalCloud, name: Name) -> None:
    s3, bucket = cloud.client("s3"), name("deletions")
    s3.create_bucket(Bucket=bucket)
    keys = [{"Key": str(number)} for number in range(1_001)]
    assert refusal(lambda: s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})) == ("MalformedXML", 400)
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": keys[:1_000]})["Deleted"]) == 1_000


def test_what_a_key_encrypts(cloud: LocalCloud) -> None:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert refusal(lambda: kms.encrypt(KeyId=key, Plaintext=b"x" * 4_097)) == ("ValidationException", 400)
    assert kms.encrypt(KeyId=key, Plaintext=b"x" * 4_096)["CiphertextBlob"]


def test_names_of_parameters_and_log_groups(cloud: LocalCloud, name: Name) -> None:
    ssm, logs, own = cloud.client("ssm"), cloud.client("logs"), name("levels")
    for wrong, code in {
        f"/{own}//a": "ValidationException",
        f"/{own}/": "ValidationException",
        f"/{own}" + "/a" * 15: "HierarchyLevelLimitExceededException",
    }.items():
        call = {"Name": wrong, "Value": "v", "Type": "String"}
        assert refusal(lambda: ssm.put_parameter(**call)) == (code, 400)  # noqa: B023
    ssm.put_parameter(Name=f"/{own}" + "/a" * 14, Value="v", Type="String")
    expected = ("InvalidParameterException", 400)
    assert refusal(lambda: logs.create_log_group(logGroupName=f"aws/{own}")) == expected
    logs.create_log_group(logGroupName=f"/aws/{own}")


def test_times_of_metrics_and_lengths_of_queries(cloud: LocalCloud) -> None:
    cloudwatch, now = cloud.client("cloudwatch"), cloud.metrics.now().timestamp()
    for wrong in (time.time() - 15 * 24 * 3600, now + 3 * 3600):
        data = [{"MetricName": "m", "Value": 1, "Timestamp": wrong}]
        call = {"Namespace": "Limits", "MetricData": data}
        assert refusal(lambda: cloudwatch.put_metric_data(**call)) == ("InvalidParameterValue", 400)  # noqa: B023
    cloudwatch.put_metric_data(Namespace="Limits", MetricData=[{"MetricName": "m", "Value": 1, "Timestamp": now}])
    query = {"QueryString": f"SELECT '{'x' * 262_144}'", "ResultConfiguration": {"OutputLocation": "s3://any/"}}
    expected = ("InvalidRequestException", 400)
    assert refusal(lambda: cloud.client("athena").start_query_execution(**query)) == expected
