"""SNS: raw delivery to a queue has the attributes of the message, of every type, and at most ten of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

MANY = {f"a{number}": {"DataType": "String", "StringValue": "x"} for number in range(11)}


class Topic:
    """A topic with one queue, and a dead-letter queue of the subscription."""

    def __init__(self, cloud: LocalCloud, own: str, eventually: Callable[..., Any]) -> None:
        self.sqs, self.sns, self._eventually = cloud.client("sqs"), cloud.client("sns"), eventually
        self.topic = self.sns.create_topic(Name=own)["TopicArn"]
        self.queue, self.failed = (self._add_queue(f"{own}-{kind}") for kind in ("queue", "failed"))
        redrive = {"deadLetterTargetArn": self.failed[1]}
        self.subscription = self.sns.subscribe(
            TopicArn=self.topic,
            Protocol="sqs",
            Endpoint=self.queue[1],
            Attributes={"RawMessageDelivery": "true", "RedrivePolicy": json.dumps(redrive)},
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]

    def _add_queue(self, name: str) -> tuple[str, str]:
        url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        principal = {"Service": "sns.amazonaws.com"}
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": arn}
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
        return url, arn

    def received(self, queue: tuple[str, str]) -> dict[str, Any]:
        request = {"QueueUrl": queue[0], "MessageAttributeNames": ["All"]}
        [message] = self._eventually(lambda: self.sqs.receive_message(**request).get("Messages"))
        self.sqs.delete_message(QueueUrl=queue[0], ReceiptHandle=message["ReceiptHandle"])
        found: dict[str, Any] = message
        return found


@pytest.fixture
def topic(cloud: LocalCloud, name: Callable[[str], str], eventually: Callable[..., Any]) -> Topic:
    return Topic(cloud, name("raw"), eventually)


def test_attributes_keep_their_types(topic: Topic) -> None:
    attributes = {
        "number": {"DataType": "Number", "StringValue": "5"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "text": {"DataType": "String", "StringValue": "日本"},
    }
    topic.sns.publish(TopicArn=topic.topic, Message="order", MessageAttributes=attributes)
    message = topic.received(topic.queue)
    assert (message["Body"], message["MessageAttributes"]) == ("order", attributes)


def test_a_message_with_more_than_ten_attributes_goes_to_the_dead_letter_queue(topic: Topic) -> None:
    topic.sns.publish(TopicArn=topic.topic, Message="many", MessageAttributes=MANY)
    topic.sns.publish(TopicArn=topic.topic, Message="few")
    assert topic.received(topic.queue)["Body"] == "few"
    assert topic.received(topic.failed)["Body"] == "many"


def test_an_envelope_has_any_number_of_attributes(topic: Topic) -> None:
    topic.sns.set_subscription_attributes(
        SubscriptionArn=topic.subscription, AttributeName="RawMessageDelivery", AttributeValue="false"
    )
    topic.sns.publish(TopicArn=topic.topic, Message="many", MessageAttributes=MANY)
    message = topic.received(topic.queue)
    assert "MessageAttributes" not in message
    assert json.loads(message["Body"])["MessageAttributes"].keys() == MANY.keys()


def test_the_case_of_true_makes_no_difference(topic: Topic) -> None:
    topic.sns.set_subscription_attributes(
        SubscriptionArn=topic.subscription, AttributeName="RawMessageDelivery", AttributeValue="True"
    )
    topic.sns.publish(TopicArn=topic.topic, Message="order")
    assert topic.received(topic.queue)["Body"] == "order"
