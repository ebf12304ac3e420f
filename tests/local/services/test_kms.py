"""Customer-managed keys: topics, queues and secrets are of no use without permission for their key."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

REGION = "ap-northeast-1"


def allow(actions: list[str], resource: Any, principal: dict[str, Any] | None = None) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return {**statement, "Principal": principal} if principal else statement


def key(*services: str) -> dict[str, Any]:
    root = allow(["kms:*"], "*", {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}})
    grants = [allow(["kms:GenerateDataKey*", "kms:Decrypt"], "*", {"Service": service}) for service in services]
    policy = {"Version": "2012-10-17", "Statement": [root, *grants]}
    return {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy}}


def user(*statements: dict[str, Any]) -> dict[str, Any]:
    policy = {"PolicyName": "own", "PolicyDocument": {"Statement": list(statements)}}
    return {"Type": "AWS::IAM::User", "Properties": {"Policies": [policy]}}


def arn(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "Arn"]}


def queue_policy(queue: str) -> dict[str, Any]:
    statement = allow(["sqs:SendMessage"], arn(queue), {"Service": ["sns.amazonaws.com", "s3.amazonaws.com"]})
    properties = {"Queues": [{"Ref": queue}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    return {"Type": "AWS::SQS::QueuePolicy", "Properties": properties}


USE = [
    allow(["sns:Publish"], {"Ref": "Topic"}),
    allow(["sqs:SendMessage", "sqs:ReceiveMessage"], arn("Queue")),
    allow(["secretsmanager:GetSecretValue"], {"Ref": "Secret"}),
]
NAMES = ("Topic", "Queue", "Shut", "ShutDead", "Secret", "With", "Without")

TEMPLATE = {
    "Resources": {
        "Key": key("sns.amazonaws.com", "s3.amazonaws.com"),
        "ShutKey": key(),
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
        "Secret": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"SecretString": "hidden", "KmsKeyId": {"Ref": "Key"}},
        },
        "Shut": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": {"Ref": "ShutKey"}}},
        "ShutDead": {"Type": "AWS::SQS::Queue"},
        "ShutPolicy": queue_policy("Shut"),
        "ShutDeadPolicy": queue_policy("ShutDead"),
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "sqs",
                "Endpoint": arn("Shut"),
                "RawMessageDelivery": True,
                "RedrivePolicy": {"deadLetterTargetArn": arn("ShutDead")},
            },
        },
        "With": user(*USE, allow(["kms:GenerateDataKey*", "kms:Decrypt"], arn("Key"))),
        "Without": user(*USE),
    },
    "Outputs": {
        **{name: {"Value": {"Ref": name}} for name in NAMES},
        "ShutArn": {"Value": arn("Shut")},
    },
}


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    outputs: dict[str, str] = stacks.deploy(TEMPLATE, region=REGION)
    return outputs


@pytest.fixture(scope="module")
def clients(cloud: LocalCloud, deployed: dict[str, str]) -> Iterator[Callable[[str, str], Any]]:
    """Give a function that returns the client of a service for the user `With` or `Without` the key."""
    iam = cloud.client("iam")
    keys = {name: iam.create_access_key(UserName=deployed[name])["AccessKey"] for name in ("With", "Without")}
    yield lambda service, name: cloud.client(service, region=REGION, credentials=keys[name])
    for name, access_key in keys.items():
        iam.delete_access_key(UserName=deployed[name], AccessKeyId=access_key["AccessKeyId"])


def calls(deployed: dict[str, str]) -> dict[str, Callable[[Any], Any]]:
    queue, topic = deployed["Queue"], deployed["Topic"]
    return {
        "sns": lambda client: client.publish(TopicArn=topic, Message="1"),
        "sqs": lambda client: client.send_message(QueueUrl=queue, MessageBody="1"),
        "secretsmanager": lambda client: client.get_secret_value(SecretId=deployed["Secret"]),
    }


@pytest.mark.parametrize("service", ["sns", "sqs", "secretsmanager"])
def test_a_caller_needs_the_key(clients: Callable[[str, str], Any], deployed: dict[str, str], service: str) -> None:
    call = calls(deployed)[service]
    call(clients(service, "With"))
    with pytest.raises(ClientError, match=r"not authorized to perform: kms:\w+ on resource: arn:aws:kms:"):
        call(clients(service, "Without"))


def test_reading_an_encrypted_queue_needs_the_key(clients: Callable[[str, str], Any], deployed: dict[str, str]) -> None:
    clients("sqs", "With").receive_message(QueueUrl=deployed["Queue"])
    with pytest.raises(ClientError, match="kms:Decrypt"):
        clients("sqs", "Without").receive_message(QueueUrl=deployed["Queue"])


def test_a_topic_cannot_deliver_to_a_queue_whose_key_does_not_know_it(
    cloud: LocalCloud, deployed: dict[str, str], eventually: Callable[..., Any]
) -> None:
    cloud.client("sns", region=REGION).publish(TopicArn=deployed["Topic"], Message="undelivered")
    sqs = cloud.client("sqs", region=REGION)
    bodies: list[str] = []

    def received() -> bool:
        answer = sqs.receive_message(QueueUrl=deployed["ShutDead"], MaxNumberOfMessages=10)
        bodies.extend(message["Body"] for message in answer.get("Messages", []))
        return "undelivered" in bodies

    eventually(received)
    assert "Messages" not in sqs.receive_message(QueueUrl=deployed["Shut"])


def test_a_bucket_cannot_notify_a_queue_whose_key_does_not_know_it(cloud: LocalCloud, deployed: dict[str, str]) -> None:
    s3 = cloud.client("s3", region=REGION)
    s3.create_bucket(Bucket="shut-out", CreateBucketConfiguration={"LocationConstraint": REGION})
    configuration = {"QueueConfigurations": [{"QueueArn": deployed["ShutArn"], "Events": ["s3:ObjectCreated:*"]}]}
    with pytest.raises(ClientError, match="Unable to validate"):
        s3.put_bucket_notification_configuration(Bucket="shut-out", NotificationConfiguration=configuration)
    s3.delete_bucket(Bucket="shut-out")
