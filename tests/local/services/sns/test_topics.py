"""SNS: filters, encryption, other Regions, dead-letter queues of subscriptions."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.messaging import OREGON, TOKYO, Queues, outputs, queue_policy, subscription


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
    for queue in ("All", "ByAttribute", "ByBody"):  # what other tests have published
        queues.client.purge_queue(QueueUrl=fanout[queue])

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


@pytest.mark.parametrize("subject", ["a\nb", "a\r\nBcc: b", "\x00", "a\x7f", "\x85", "a\u2028b", "x" * 100])
def test_a_subject_that_could_end_a_header_is_refused(cloud: LocalCloud, fanout: dict[str, str], subject: str) -> None:
    sns = cloud.client("sns", region=TOKYO)
    with pytest.raises(sns.exceptions.InvalidParameterException, match="Subject"):
        sns.publish(TopicArn=fanout["Topic"], Message="m", Subject=subject)


def test_an_empty_message_is_refused(cloud: LocalCloud, fanout: dict[str, str]) -> None:
    sns = cloud.client("sns", region=TOKYO)
    with pytest.raises(sns.exceptions.InvalidParameterException, match="Empty message"):
        sns.publish(TopicArn=fanout["Topic"], Message="")


def test_any_other_subject_is_delivered(cloud: LocalCloud) -> None:
    sns = cloud.client("sns", region=TOKYO)
    topic = sns.create_topic(Name="subjects")["TopicArn"]
    for subject in ("x" * 99, "件名: 新着", "a\u00a0b"):
        assert sns.publish(TopicArn=topic, Message="m", Subject=subject)["MessageId"]
    sns.delete_topic(TopicArn=topic)


def test_a_queue_refuses_who_is_not_allowed(cloud: LocalCloud, fanout: dict[str, str]) -> None:
    iam = cloud.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    unauthorised = cloud.client("sqs", region=TOKYO, credentials=key)
    with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
        unauthorised.send_message(QueueUrl=fanout["All"], MessageBody="no")
    iam.delete_access_key(UserName="nobody", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="nobody")
