"""SNS: mobile devices that are subscribed to a topic get what its filter lets through."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from cdp_constructs.local import LocalCloud
from tests.local.messaging import TOKYO


def _device(sns: Any, topic: str, **attributes: Any) -> tuple[str, str]:
    """Subscribe a new device, and return its endpoint and its token."""
    token = secrets.token_hex(16)
    application = sns.create_platform_application(
        Name="chat", Platform="GCM", Attributes={"PlatformCredential": "made-up"}
    )["PlatformApplicationArn"]
    endpoint = sns.create_platform_endpoint(PlatformApplicationArn=application, Token=token)["EndpointArn"]
    written = {name: json.dumps(value) for name, value in attributes.items()}
    sns.subscribe(TopicArn=topic, Protocol="application", Endpoint=endpoint, Attributes=written)
    return endpoint, token


def _publish(sns: Any, topic: str, person: str, message: str, **options: Any) -> None:
    attributes = {"person": {"DataType": "String", "StringValue": person}}
    sns.publish(TopicArn=topic, Message=message, MessageAttributes=attributes, **options)


def _received(cloud: LocalCloud, token: str) -> list[str]:
    return [push.message for push in cloud.pushes(TOKYO) if push.token == token]


def test_a_device_gets_what_is_for_its_person(cloud: LocalCloud) -> None:
    sns = cloud.client("sns", region=TOKYO)
    topic = sns.create_topic(Name=f"notices-{secrets.token_hex(4)}")["TopicArn"]
    _, ann = _device(sns, topic, FilterPolicy={"person": ["ann"]})
    _, everybody = _device(sns, topic)
    _publish(sns, topic, "ann", "for ann")
    _publish(sns, topic, "ben", "for ben")
    _publish(sns, topic, "ann", '{"default": "plain", "GCM": "for Android"}', MessageStructure="json")
    assert _received(cloud, ann) == ["for ann", "for Android"]
    assert _received(cloud, everybody) == ["for ann", "for ben", "for Android"]


def test_what_a_disabled_device_does_not_take_is_in_the_dead_letter_queue(
    cloud: LocalCloud, eventually: Callable[..., Any]
) -> None:
    sns, sqs = cloud.client("sns", region=TOKYO), cloud.client("sqs", region=TOKYO)
    topic = sns.create_topic(Name=f"notices-{secrets.token_hex(4)}")["TopicArn"]
    queue = sqs.create_queue(QueueName=f"lost-{secrets.token_hex(4)}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    endpoint, token = _device(sns, topic, RedrivePolicy={"deadLetterTargetArn": arn})
    sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "false"})
    _publish(sns, topic, "ann", "nobody there")
    [lost] = eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
    assert json.loads(lost["Body"])["Message"] == "nobody there"
    assert _received(cloud, token) == []
