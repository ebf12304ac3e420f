"""SNS compares values by their type, and looks into arrays of objects."""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

S3_EVENT = {"Records": [{"eventName": "ObjectRemoved"}, {"eventName": "ObjectCreated:Put", "s3": {"key": "in/a.png"}}]}


@pytest.fixture(scope="module")
def received(cloud: LocalCloud, eventually: Callable[..., Any]) -> Callable[..., bool]:
    """Return a function that says whether a subscription with a filter policy receives a message."""
    sns, sqs = cloud.client("sns"), cloud.client("sqs")

    def publish(policy: Mapping[str, Any], *, scope: str, message: str, **options: Any) -> bool:
        name = f"filters-{uuid.uuid4().hex[:8]}"
        topic = sns.create_topic(Name=name)["TopicArn"]
        filtered = {"FilterPolicy": json.dumps(policy), "FilterPolicyScope": scope}
        for queue, attributes in ((f"{name}-all", {}), (f"{name}-some", filtered)):
            arn = f"arn:aws:sqs:us-east-1:000000000000:{queue}"
            allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
            sqs.create_queue(QueueName=queue, Attributes={"Policy": json.dumps({"Statement": [allowed]})})
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)

        def count(queue: str) -> int:
            url = sqs.get_queue_url(QueueName=f"{name}-{queue}")["QueueUrl"]
            return len(sqs.receive_message(QueueUrl=url).get("Messages", []))

        sns.publish(TopicArn=topic, Message=message, **options)
        # Whoever takes everything has it, so it was delivered to all.
        assert eventually(lambda: count("all")) == 1
        return count("some") == 1

    return publish


@pytest.mark.parametrize(
    ("policy", "body", "matches"),
    [
        ({"Records": {"eventName": [{"prefix": "ObjectCreated"}]}}, S3_EVENT, True),
        ({"Records": {"eventName": ["ObjectCreated:Put"], "s3": {"key": [{"suffix": ".png"}]}}}, S3_EVENT, True),
        ({"Records": {"eventName": ["ObjectRemoved"], "s3": {"key": [{"suffix": ".png"}]}}}, S3_EVENT, False),
        ({"detail.kind": ["order"]}, {"detail": {"kind": "order"}}, True),
        ({"detail.kind": ["order"]}, {"detail.kind": "order"}, True),
        ({"detail.kind": ["order"]}, {"detail": {"kind": "return"}}, False),
        ({"note": [None]}, {"note": None}, True),
        ({"note": [None]}, {"note": "null"}, False),
        ({"total": [{"numeric": [">", 0]}]}, {"total": 1}, True),
        ({"total": [{"numeric": [">", 0]}]}, {"total": "1"}, False),
        ({"total": [1]}, {"total": "1"}, False),
        ({"paid": [True]}, {"paid": True}, True),
        ({"paid": [True]}, {"paid": "true"}, False),
        ({"paid": ["true"]}, {"paid": True}, False),
        ({"kinds": ["a"]}, {"kinds": ["b", "a"]}, True),
        ({"$or": [{"kind": ["a"]}, {"inner": {"kind": ["b"]}}]}, {"inner": [{"kind": "b"}]}, True),
    ],
)
def test_body(received: Callable[..., bool], policy: Any, body: Any, matches: bool) -> None:
    assert received(policy, scope="MessageBody", message=json.dumps(body)) == matches


@pytest.mark.parametrize(
    ("policy", "kind", "value", "matches"),
    [
        ({"total": [{"numeric": [">", 0]}]}, "Number", "1", True),
        ({"total": [1]}, "Number", "1.0", True),
        ({"total": [{"numeric": [">", 0]}]}, "String", "1", False),
        ({"total": ["1"]}, "String", "1", True),
        ({"paid": [True]}, "String", "true", False),
        ({"tags": [True]}, "String.Array", "[true]", True),
        ({"tags": ["b"]}, "String.Array", '["a", "b"]', True),
        ({"tags": [{"anything-but": ["a"]}]}, "String.Array", '["a"]', False),
    ],
)
def test_attributes(
    received: Callable[..., bool],
    policy: Any,
    kind: str,
    value: str,
    matches: bool,
) -> None:
    attributes = {next(iter(policy)): {"DataType": kind, "StringValue": value}}
    assert received(policy, scope="MessageAttributes", message="{}", MessageAttributes=attributes) == matches
