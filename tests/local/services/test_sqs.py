"""SQS: partial failures, redrive and replay, permissions of batch operations."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.messaging import LAMBDA_ROLE, TOKYO, Queues, outputs


@pytest.fixture
def queues(cloud: LocalCloud, eventually: Callable[..., Any]) -> Queues:
    return Queues(cloud, TOKYO, eventually)


CONSUMER = """
import json
def handler(event, context):
    failures = []
    for record in event["Records"]:
        if "poison" in record["body"]:
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
"""
CONSUMED = {
    "Resources": {
        "Work": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "VisibilityTimeout": 1,
                "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 2},
            },
        },
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": LAMBDA_ROLE,
                "Policies": [
                    {
                        "PolicyName": "consume",
                        "PolicyDocument": {
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": [
                                        "sqs:ReceiveMessage",
                                        "sqs:DeleteMessage",
                                        "sqs:ChangeMessageVisibility",
                                        "sqs:GetQueueAttributes",
                                    ],
                                    "Resource": {"Fn::GetAtt": ["Work", "Arn"]},
                                }
                            ]
                        },
                    }
                ],
            },
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.14",
                "Handler": "index.handler",
                "Timeout": 1,
                "Code": {"ZipFile": CONSUMER},
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            },
        },
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": ["Work", "Arn"]},
                "FunctionName": {"Ref": "Function"},
                "BatchSize": 10,
                "MaximumBatchingWindowInSeconds": 0,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "ScalingConfig": {"MaximumConcurrency": 2},
            },
        },
    },
    "Outputs": outputs("Work", "Dead", "Mapping"),
}


@pytest.fixture(scope="module")
def consumed(stacks: Any) -> dict[str, str]:
    deployed: dict[str, str] = stacks.deploy(CONSUMED, region=TOKYO)
    return deployed


def test_partial_failures_redrive_only_the_failed_messages_and_can_be_replayed(
    cloud: LocalCloud, consumed: dict[str, str], queues: Queues, eventually: Callable[..., Any]
) -> None:
    bodies = [f"good {number}" for number in range(8)] + ["poison"]
    entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
    queues.client.send_message_batch(QueueUrl=consumed["Work"], Entries=entries)
    eventually(lambda: queues.depth(consumed["Work"]) == 0 and queues.depth(consumed["Dead"]) == 1, within=20)

    mapping = cloud.client("lambda", region=TOKYO).get_event_source_mapping(UUID=consumed["Mapping"])
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}

    arns = {
        name: queues.client.get_queue_attributes(QueueUrl=consumed[name], AttributeNames=["QueueArn"])
        for name in ("Work", "Dead")
    }
    dead = arns["Dead"]["Attributes"]["QueueArn"]
    queues.client.start_message_move_task(SourceArn=dead)
    eventually(lambda: queues.depth(consumed["Dead"]) == 0, within=5)
    tasks = queues.client.list_message_move_tasks(SourceArn=dead)["Results"]
    assert (tasks[0]["Status"], tasks[0]["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    # It is poison still, so the replay ends where it began.
    eventually(lambda: queues.depth(consumed["Dead"]) == 1, within=20)


def test_batches_are_allowed_by_the_permission_for_one(cloud: LocalCloud) -> None:
    operator, topics = cloud.client("sqs", region=TOKYO), cloud.client("sns", region=TOKYO)
    url, topic = operator.create_queue(QueueName="batches")["QueueUrl"], topics.create_topic(Name="batches")["TopicArn"]
    attributes = operator.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    statements = [
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": attributes["QueueArn"]},
        {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam = cloud.client("iam")
    iam.create_user(UserName="sender")
    iam.put_user_policy(UserName="sender", PolicyName="send", PolicyDocument=policy)
    key = iam.create_access_key(UserName="sender")["AccessKey"]
    sender = cloud.client("sqs", region=TOKYO, credentials=key)
    sent = sender.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "yes"}])
    assert [entry["Id"] for entry in sent["Successful"]] == ["1"]
    with pytest.raises(ClientError, match="AccessDenied"):
        sender.delete_message_batch(QueueUrl=url, Entries=[{"Id": "1", "ReceiptHandle": "x"}])
    publisher = cloud.client("sns", region=TOKYO, credentials=key)
    entries = [{"Id": str(number), "Message": "yes"} for number in range(10)]
    published = publisher.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert len(published["Successful"]) == len(entries)
    other = topics.create_topic(Name="others")["TopicArn"]
    with pytest.raises(ClientError, match="not authorized to perform: sns:Publish"):
        publisher.publish_batch(TopicArn=other, PublishBatchRequestEntries=entries)
    iam.delete_access_key(UserName="sender", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="sender", PolicyName="send")
    iam.delete_user(UserName="sender")
    operator.delete_queue(QueueUrl=url)
    for arn in (topic, other):
        topics.delete_topic(TopicArn=arn)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"DelaySeconds": 901}, "Value 901 for parameter DelaySeconds"),
        (
            {"MessageAttributes": {f"a{number}": {"DataType": "String", "StringValue": "x"} for number in range(11)}},
            r"attributes \[11\] exceeds",
        ),
    ],
)
def test_a_message_that_aws_refuses_is_refused_alone_and_in_a_batch(
    cloud: LocalCloud, name: Callable[[str], str], given: dict[str, Any], said: str
) -> None:
    sqs = cloud.client("sqs", region=TOKYO)
    queue = sqs.create_queue(QueueName=name("limits"))["QueueUrl"]
    with pytest.raises(ClientError, match=said):
        sqs.send_message(QueueUrl=queue, MessageBody="x", **given)
    entries = [{"Id": "healthy", "MessageBody": "x"}, {"Id": "refused", "MessageBody": "x", **given}]
    answer = sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["healthy"]
    assert [(one["Id"], one["Code"]) for one in answer["Failed"]] == [("refused", "InvalidParameterValue")]
    sqs.delete_queue(QueueUrl=queue)
