"""SNS and SQS: FIFO, filters, raw delivery, other Regions, encryption, redrive and replay."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.queues import messages_in

TOKYO, OREGON = "ap-northeast-1", "us-west-2"

LAMBDA_ROLE = {
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]
}


def queue_policy(queue: str, source: Any) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": [queue, "Arn"]},
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [{"Ref": queue}], "PolicyDocument": document},
    }


def subscription(queue: str, **options: Any) -> dict[str, Any]:
    endpoint = {"Fn::GetAtt": [queue, "Arn"]}
    properties = {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": endpoint, **options}
    return {"Type": "AWS::SNS::Subscription", "Properties": properties}


def outputs(*names: str) -> dict[str, Any]:
    return {name: {"Value": {"Ref": name}} for name in names}


class Queues:
    """Reads queues of one Region."""

    def __init__(self, cloud: LocalCloud, region: str, eventually: Callable[..., Any]) -> None:
        self.client = cloud.client("sqs", region=region)
        self._eventually = eventually

    def take(self, url: str, count: int = 1, seconds: float = 10) -> list[dict[str, Any]]:
        """Wait for messages and delete them."""
        taken: list[dict[str, Any]] = []

        def enough() -> bool:
            answer = self.client.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
            )
            for message in answer.get("Messages", []):
                self.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                taken.append(message)
            return len(taken) >= count

        self._eventually(enough, within=seconds)
        return taken

    def bodies(self, url: str, count: int = 1, seconds: float = 10) -> list[str]:
        return [message["Body"] for message in self.take(url, count, seconds)]

    def depth(self, url: str) -> int:
        return messages_in(self.client, url)


@pytest.fixture
def queues(cloud: LocalCloud, eventually: Callable[..., Any]) -> Queues:
    return Queues(cloud, TOKYO, eventually)


KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
            "Resource": "*",
        },
    ],
}

FANOUT = {
    "Resources": {
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": KEY_POLICY}},
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
        "All": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
        "AllPolicy": queue_policy("All", {"Ref": "Topic"}),
        "AllSubscription": subscription("All"),
        "ByAttribute": {"Type": "AWS::SQS::Queue"},
        "ByAttributePolicy": queue_policy("ByAttribute", {"Ref": "Topic"}),
        "ByAttributeSubscription": subscription(
            "ByAttribute",
            RawMessageDelivery=True,
            FilterPolicy={"kind": ["message", {"prefix": "notice-"}]},
            FilterPolicyScope="MessageAttributes",
        ),
        "ByBody": {"Type": "AWS::SQS::Queue"},
        "ByBodyPolicy": queue_policy("ByBody", {"Ref": "Topic"}),
        "ByBodySubscription": subscription(
            "ByBody",
            RawMessageDelivery=True,
            FilterPolicy={"room": {"size": [{"numeric": [">", 10]}]}},
            FilterPolicyScope="MessageBody",
        ),
        "Denied": {"Type": "AWS::SQS::Queue"},
        "DeniedPolicy": queue_policy("Denied", "arn:aws:sns:ap-northeast-1:000000000000:another"),
        "Undelivered": {"Type": "AWS::SQS::Queue"},
        "UndeliveredPolicy": queue_policy("Undelivered", {"Ref": "Topic"}),
        "DeniedSubscription": subscription(
            "Denied", RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": ["Undelivered", "Arn"]}}
        ),
    },
    "Outputs": outputs("Topic", "All", "ByAttribute", "ByBody", "Denied", "Undelivered"),
}


@pytest.fixture(scope="module")
def fanout(stacks: Any) -> dict[str, str]:
    deployed: dict[str, str] = stacks.deploy(FANOUT, region=TOKYO)
    return deployed


def test_encrypted_fanout_filters_by_attribute_and_by_body(
    cloud: LocalCloud, fanout: dict[str, str], queues: Queues
) -> None:
    sns = cloud.client("sns", region=TOKYO)

    def publish(kind: str, size: int) -> str:
        body = json.dumps({"kind": kind, "room": {"size": size}})
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        sns.publish(TopicArn=fanout["Topic"], Message=body, MessageAttributes=attributes)
        return body

    message, notice, other = publish("message", 1), publish("notice-read", 11), publish("other", 12)
    wrapped = [json.loads(body) for body in queues.bodies(fanout["All"], 3)]
    assert sorted(envelope["Message"] for envelope in wrapped) == sorted([message, notice, other])
    assert {envelope["TopicArn"] for envelope in wrapped} == {fanout["Topic"]}
    raw = queues.take(fanout["ByAttribute"], 2)
    assert sorted(item["Body"] for item in raw) == sorted([message, notice])
    assert {item["MessageAttributes"]["kind"]["StringValue"] for item in raw} == {"message", "notice-read"}
    assert sorted(queues.bodies(fanout["ByBody"], 2)) == sorted([notice, other])


def test_what_a_queue_refuses_goes_to_the_dead_letter_queue_of_the_subscription(
    cloud: LocalCloud, fanout: dict[str, str], queues: Queues
) -> None:
    queues.client.purge_queue(QueueUrl=fanout["Undelivered"])
    cloud.client("sns", region=TOKYO).publish(TopicArn=fanout["Topic"], Message="refused")
    assert json.loads(queues.bodies(fanout["Undelivered"])[0])["Message"] == "refused"
    assert queues.depth(fanout["Denied"]) == 0


def test_what_a_deleted_queue_cannot_take_goes_to_the_dead_letter_queue(
    cloud: LocalCloud, fanout: dict[str, str], queues: Queues
) -> None:
    sns = cloud.client("sns", region=TOKYO)
    queues.client.purge_queue(QueueUrl=fanout["Undelivered"])
    arn = f"arn:aws:sqs:{TOKYO}:000000000000:missing"
    undelivered = f"arn:aws:sqs:{TOKYO}:000000000000:{fanout['Undelivered'].rpartition('/')[2]}"
    attributes = {
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": undelivered}),
        "RawMessageDelivery": "true",
        "FilterPolicy": json.dumps({"for": ["missing"]}),
    }
    subscribed = sns.subscribe(
        TopicArn=fanout["Topic"], Protocol="sqs", Endpoint=arn, Attributes=attributes, ReturnSubscriptionArn=True
    )
    target = {"for": {"DataType": "String", "StringValue": "missing"}}
    sns.publish(TopicArn=fanout["Topic"], Message="lost", MessageAttributes=target)
    bodies = queues.bodies(fanout["Undelivered"], 2)
    assert "lost" in bodies
    sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])


def test_a_topic_delivers_to_a_queue_of_another_region_when_its_policy_allows(
    cloud: LocalCloud, stacks: Any, fanout: dict[str, str], eventually: Callable[..., Any]
) -> None:
    template = {
        "Resources": {
            "Far": {"Type": "AWS::SQS::Queue"},
            "FarPolicy": queue_policy("Far", fanout["Topic"]),
            "FarSubscription": subscription("Far", TopicArn=fanout["Topic"], Region=TOKYO, RawMessageDelivery=True),
        },
        "Outputs": outputs("Far"),
    }
    far = stacks.deploy(template, region=OREGON)["Far"]
    cloud.client("sns", region=TOKYO).publish(TopicArn=fanout["Topic"], Message="far")
    assert Queues(cloud, OREGON, eventually).bodies(far) == ["far"]


FIFO = {
    "Resources": {
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {"FifoTopic": True, "ContentBasedDeduplication": True, "FifoThroughputScope": "MessageGroup"},
        },
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "FifoQueue": True,
                "VisibilityTimeout": 1,
                "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 2},
            },
        },
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}},
        "QueuePolicy": queue_policy("Queue", {"Ref": "Topic"}),
        "Subscription": subscription("Queue", RawMessageDelivery=True),
    },
    "Outputs": {**outputs("Topic", "Queue", "Dead"), "Name": {"Value": {"Fn::GetAtt": ["Topic", "TopicName"]}}},
}


@pytest.fixture(scope="module")
def fifo(stacks: Any) -> dict[str, str]:
    deployed: dict[str, str] = stacks.deploy(FIFO, region=TOKYO)
    return deployed


def test_a_fifo_topic_deduplicates_and_keeps_order(cloud: LocalCloud, fifo: dict[str, str], queues: Queues) -> None:
    sns = cloud.client("sns", region=TOKYO)
    attributes = sns.get_topic_attributes(TopicArn=fifo["Topic"])["Attributes"]
    assert (attributes["FifoTopic"], attributes["ContentBasedDeduplication"]) == ("true", "true")
    assert fifo["Name"].endswith(".fifo")
    for body in ("one", "two", "two", "three"):
        sns.publish(TopicArn=fifo["Topic"], Message=body, MessageGroupId="room")
    assert queues.bodies(fifo["Queue"], 3) == ["one", "two", "three"]


def test_a_failing_message_holds_its_group_back_until_it_is_dead(
    cloud: LocalCloud, fifo: dict[str, str], queues: Queues, eventually: Callable[..., Any]
) -> None:
    sns = cloud.client("sns", region=TOKYO)
    for body in ("poison", "behind"):
        sns.publish(TopicArn=fifo["Topic"], Message=body, MessageGroupId="held")
    first = eventually(lambda: queues.client.receive_message(QueueUrl=fifo["Queue"]).get("Messages"))
    assert first[0]["Body"] == "poison"
    assert "Messages" not in queues.client.receive_message(QueueUrl=fifo["Queue"])
    second = eventually(lambda: queues.client.receive_message(QueueUrl=fifo["Queue"]).get("Messages"))
    assert second[0]["Body"] == "poison"
    assert queues.bodies(fifo["Queue"]) == ["behind"]
    assert queues.bodies(fifo["Dead"]) == ["poison"]


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


def test_a_queue_refuses_who_is_not_allowed(cloud: LocalCloud, fanout: dict[str, str]) -> None:
    iam = cloud.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    unauthorised = cloud.client("sqs", region=TOKYO, credentials=key)
    with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
        unauthorised.send_message(QueueUrl=fanout["All"], MessageBody="no")
    iam.delete_access_key(UserName="nobody", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="nobody")


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
