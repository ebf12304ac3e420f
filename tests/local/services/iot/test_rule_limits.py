"""IoT Core: a message on which a rule's expression would work for years costs itself only, and nobody waits for it."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.messaging import outputs
from tests.local.resources import role

ROLE = {"Fn::GetAtt": ["Role", "Arn"]}
SENDS = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
ENDLESS = json.dumps({"text": "a" * 60 + "c", "sender": "stranger"})
MOST_SECONDS = 20
"""Far more than the limit, on a machine that has other things to do; without one it would be years."""


def rule(sql: str) -> dict[str, Any]:
    payload = {
        "Sql": sql,
        "Actions": [{"Sqs": {"QueueUrl": {"Ref": "Queue"}, "RoleArn": ROLE}}],
        "ErrorAction": {"Sqs": {"QueueUrl": {"Ref": "Failed"}, "RoleArn": ROLE}},
    }
    return {"Type": "AWS::IoT::TopicRule", "Properties": {"TopicRulePayload": payload}}


@pytest.fixture(scope="module")
def queues(stacks: Any) -> dict[str, str]:
    resources = {
        "Role": role(SENDS, service="iot"),
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Failed": {"Type": "AWS::SQS::Queue"},
        "Where": rule("SELECT text FROM 'limits/where' WHERE regexp_matches(text, '(a+)+$')"),
        "Selected": rule("SELECT regexp_substr(text, '(a+)+$') AS found FROM 'limits/selected'"),
        "Replaced": rule("SELECT regexp_replace(text, '(a+)+$', 'x') AS found FROM 'limits/replaced'"),
        "Healthy": rule("SELECT * FROM 'limits/#' WHERE regexp_matches(sender, '^friend')"),
    }
    found: dict[str, str] = stacks.deploy({"Resources": resources, "Outputs": outputs("Queue", "Failed")})
    return found


def received(cloud: LocalCloud, queue: str) -> list[Any]:
    sqs = cloud.client("sqs")
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in messages]


def test_an_expression_of_a_rule_has_a_limit(
    cloud: LocalCloud, queues: dict[str, str], eventually: Callable[..., Any]
) -> None:
    publish, started = cloud.client("iot-data").publish, time.monotonic()
    kinds = ("where", "selected", "replaced")
    for kind in kinds:
        publish(topic=f"limits/{kind}", payload=ENDLESS)
    publish(topic="limits/other", payload=json.dumps({"sender": "friend"}))
    delivered: list[Any] = []
    eventually(lambda: delivered.extend(received(cloud, queues["Queue"])) or delivered, within=MOST_SECONDS)
    assert delivered == [{"sender": "friend"}]

    failures: dict[str, Any] = {}

    def all_reported() -> bool:
        for document in received(cloud, queues["Failed"]):
            failures[document["topic"].rpartition("/")[2]] = document
        return len(failures) == len(kinds)

    eventually(all_reported, within=MOST_SECONDS)
    assert time.monotonic() - started < MOST_SECONDS
    for kind, document in failures.items():
        assert kind in kinds
        [failure] = document["failures"]
        assert "took more than 0.2 s of processor time" in failure["errorMessage"], kind


def test_the_same_expression_answers_where_it_is_quick(
    cloud: LocalCloud, queues: dict[str, str], eventually: Callable[..., Any]
) -> None:
    cloud.client("iot-data").publish(topic="limits/selected", payload=json.dumps({"text": "baa"}))
    assert eventually(lambda: received(cloud, queues["Queue"])) == [{"found": "aa"}]
