"""IoT Core: a published message reaches every action of the rules that select it, as far as the rule's role may."""

import base64
import json
from collections.abc import Callable
from typing import Any

from cdp_constructs.local import LocalCloud
from tests.local.resources import table

ROLE = {"Fn::GetAtt": ["Role", "Arn"]}
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": ["iot.amazonaws.com", "firehose.amazonaws.com"]},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                },
                "Policies": [
                    {
                        "PolicyName": "Actions",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": [
                                        *("s3:PutObject", "kinesis:PutRecord", "firehose:PutRecord"),
                                        *("dynamodb:PutItem", "sqs:SendMessage"),
                                    ],
                                    "Resource": "*",
                                }
                            ],
                        },
                    }
                ],
            },
        },
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        "Delivered": {"Type": "AWS::S3::Bucket"},
        "Delivery": {
            "Type": "AWS::KinesisFirehose::DeliveryStream",
            "Properties": {
                "ExtendedS3DestinationConfiguration": {
                    "BucketARN": {"Fn::GetAtt": ["Delivered", "Arn"]},
                    "RoleARN": ROLE,
                    "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1},
                }
            },
        },
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Failed": {"Type": "AWS::SQS::Queue"},
        "Table": table("device"),
        "Rule": {
            "Type": "AWS::IoT::TopicRule",
            "Properties": {
                "TopicRulePayload": {
                    "Sql": "SELECT temperature, topic(2) AS device FROM 'dt/+/telemetry' WHERE temperature > 20",
                    "Actions": [
                        {
                            "S3": {
                                "BucketName": {"Ref": "Bucket"},
                                "Key": "${topic(2)}/${site}.json",
                                "RoleArn": ROLE,
                            }
                        },
                        {
                            "Kinesis": {
                                "StreamName": {"Ref": "Stream"},
                                "PartitionKey": "${topic(2)}",
                                "RoleArn": ROLE,
                            }
                        },
                        {
                            "Firehose": {
                                "DeliveryStreamName": {"Ref": "Delivery"},
                                "Separator": "\n",
                                "RoleArn": ROLE,
                            }
                        },
                        {
                            "DynamoDB": {
                                "TableName": {"Ref": "Table"},
                                "HashKeyField": "device",
                                "HashKeyValue": "${topic(2)}",
                                "RoleArn": ROLE,
                            }
                        },
                        {"Sqs": {"QueueUrl": {"Ref": "Queue"}, "RoleArn": ROLE}},
                        {"S3": {"BucketName": "no-such-bucket-of-ours", "Key": "${topic()}", "RoleArn": ROLE}},
                    ],
                    "ErrorAction": {"Sqs": {"QueueUrl": {"Ref": "Failed"}, "RoleArn": ROLE}},
                }
            },
        },
    },
    "Outputs": {
        name: {"Value": {"Ref": name}} for name in ("Bucket", "Stream", "Delivered", "Queue", "Failed", "Table")
    },
}
SELECTED = {"temperature": 21, "device": "sensor-1"}


def test_a_rule_performs_all_its_actions(cloud: LocalCloud, stacks: Any, eventually: Callable[..., Any]) -> None:
    outputs = stacks.deploy(TEMPLATE)
    s3, sqs, kinesis = cloud.client("s3"), cloud.client("sqs"), cloud.client("kinesis")
    publish = cloud.client("iot-data").publish
    publish(topic="dt/sensor-0/telemetry", payload=json.dumps({"temperature": 1, "site": "cold"}))
    publish(topic="dt/sensor-1/telemetry", payload=json.dumps({"temperature": 21, "site": "hall"}))

    def message(queue: str) -> Any:
        found = sqs.receive_message(QueueUrl=outputs[queue]).get("Messages", [])
        return json.loads(found[0]["Body"]) if found else None

    def keys(bucket: str) -> list[str]:
        return [item["Key"] for item in s3.list_objects_v2(Bucket=outputs[bucket]).get("Contents", [])]

    assert eventually(lambda: message("Queue")) == SELECTED
    assert eventually(lambda: keys("Bucket")) == ["sensor-1/hall.json"]
    stored = s3.get_object(Bucket=outputs["Bucket"], Key="sensor-1/hall.json")["Body"].read()
    assert json.loads(stored) == SELECTED

    [shard] = kinesis.list_shards(StreamName=outputs["Stream"])["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName=outputs["Stream"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    [record] = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert (record["PartitionKey"], json.loads(record["Data"])) == ("sensor-1", SELECTED)

    [delivered] = eventually(lambda: keys("Delivered"))
    assert s3.get_object(Bucket=outputs["Delivered"], Key=delivered)["Body"].read().endswith(b"}\n")

    item = cloud.client("dynamodb").get_item(TableName=outputs["Table"], Key={"device": {"S": "sensor-1"}})["Item"]
    assert json.loads(item["payload"]["S"]) == SELECTED

    error = eventually(lambda: message("Failed"))
    assert error["failures"][0]["failedAction"] == "S3Action"
    assert json.loads(base64.b64decode(error["base64OriginalPayload"]))["site"] == "hall"


def test_action_that_the_role_may_not_do_fails(cloud: LocalCloud, stacks: Any, eventually: Callable[..., Any]) -> None:
    trust = TEMPLATE["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]
    sending = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Failed", "Arn"]}}],
    }
    outputs = stacks.deploy(
        {
            "Resources": {
                "Role": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {
                        "AssumeRolePolicyDocument": trust,
                        "Policies": [{"PolicyName": "Errors", "PolicyDocument": sending}],
                    },
                },
                "Queue": {"Type": "AWS::SQS::Queue"},
                "Failed": {"Type": "AWS::SQS::Queue"},
                "Topic": {"Type": "AWS::SNS::Topic"},
                "Rule": {
                    "Type": "AWS::IoT::TopicRule",
                    "Properties": {
                        "TopicRulePayload": {
                            "Sql": "SELECT * FROM 'refused/+'",
                            "Actions": [
                                {"Sqs": {"QueueUrl": {"Ref": "Queue"}, "RoleArn": ROLE}},
                                {"Sns": {"TargetArn": {"Ref": "Topic"}, "RoleArn": ROLE}},
                            ],
                            "ErrorAction": {"Sqs": {"QueueUrl": {"Ref": "Failed"}, "RoleArn": ROLE}},
                        }
                    },
                },
            },
            "Outputs": {name: {"Value": {"Ref": name}} for name in ("Queue", "Failed")},
        }
    )
    cloud.client("iot-data").publish(topic="refused/1", payload="{}")
    sqs = cloud.client("sqs")
    [failed] = eventually(lambda: sqs.receive_message(QueueUrl=outputs["Failed"]).get("Messages"))
    failures = json.loads(failed["Body"])["failures"]
    assert [failure["failedAction"] for failure in failures] == ["SqsAction", "SnsAction"]
    assert "sqs:SendMessage" in failures[0]["errorMessage"]
    assert "Messages" not in sqs.receive_message(QueueUrl=outputs["Queue"])


def test_text_that_is_no_json_for_the_rule_has_no_attributes_and_harms_nobody(
    cloud: LocalCloud, stacks: Any, eventually: Callable[..., Any]
) -> None:
    role = TEMPLATE["Resources"]["Role"]
    payload = {
        "Sql": "SELECT topic(2) AS device, level FROM 'unreadable/+'",
        "Actions": [{"Sqs": {"QueueUrl": {"Ref": "Queue"}, "RoleArn": ROLE}}],
    }
    outputs = stacks.deploy(
        {
            "Resources": {
                "Role": role,
                "Queue": {"Type": "AWS::SQS::Queue"},
                "Rule": {"Type": "AWS::IoT::TopicRule", "Properties": {"TopicRulePayload": payload}},
            },
            "Outputs": {"Queue": {"Value": {"Ref": "Queue"}}},
        }
    )
    publish, sqs = cloud.client("iot-data").publish, cloud.client("sqs")
    payloads = {"deep": "[" * 50_000, "long": '{"level": ' + "9" * 5000 + "}", "good": '{"level": 3}'}
    for device, text in payloads.items():
        publish(topic=f"unreadable/{device}", payload=text)
    seen: list[dict[str, Any]] = []

    def all_of_them() -> bool:
        answer = sqs.receive_message(QueueUrl=outputs["Queue"], MaxNumberOfMessages=10)
        seen.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
        return len(seen) == len(payloads)

    eventually(all_of_them)
    assert sorted(seen, key=lambda each: each["device"]) == [
        {"device": "deep"},
        {"device": "good", "level": 3},
        {"device": "long"},
    ]


def test_action_whose_service_fails_goes_to_the_error_action(
    cloud: LocalCloud, stacks: Any, eventually: Callable[..., Any]
) -> None:
    outputs = stacks.deploy(TEMPLATE)
    sqs = cloud.client("sqs")

    def failed_actions() -> set[str]:
        found = sqs.receive_message(QueueUrl=outputs["Failed"], MaxNumberOfMessages=10).get("Messages", [])
        return {failure["failedAction"] for one in found for failure in json.loads(one["Body"])["failures"]}

    with cloud.inject_fault("kinesis", "us-east-1"), cloud.inject_fault("firehose", "us-east-1"):
        payload = json.dumps({"temperature": 21, "site": "hall"})
        cloud.client("iot-data").publish(topic="dt/sensor-2/telemetry", payload=payload)
        assert eventually(failed_actions) == {"KinesisAction", "FirehoseAction", "S3Action"}
