"""SNS and SQS: FIFO topics and queues."""

from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.messaging import TOKYO, Queues, outputs, queue_policy, subscription


@pytest.fixture
def queues(cloud: LocalCloud, eventually: Callable[..., Any]) -> Queues:
    return Queues(cloud, TOKYO, eventually)


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
