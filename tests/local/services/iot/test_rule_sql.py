"""IoT Core: what of SQL is refused at creation, what the message says of itself, and payloads that break an action."""

import asyncio
import base64
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.services.iot.mqtt import Signer, endpoint, over_web_socket
from tests.local.services.iot.test_rule_functions import role

VIRGINIA = "us-east-1"
HALF_A_CHARACTER = '{"a": "\\ud800"}'
"""JSON that can be read, with text that has no bytes."""


class Rules:
    """Makes rules whose messages and failures reach two queues."""

    def __init__(self, cloud: LocalCloud, outputs: dict[str, str], eventually: Callable[..., Any]) -> None:
        self.iot, self.data, self._sqs = cloud.client("iot"), cloud.client("iot-data"), cloud.client("sqs")
        self._queues, self._eventually = outputs, eventually
        self.made: list[str] = []

    def payload(self, sql: str, *actions: dict[str, Any], **fields: Any) -> dict[str, Any]:
        sends = {"sqs": {"queueUrl": self._queues["Queue"], "roleArn": self._queues["Arn"]}}
        fails = {"sqs": {"queueUrl": self._queues["Failed"], "roleArn": self._queues["Arn"]}}
        return {"sql": sql, "actions": [*(actions or [sends])], "errorAction": fails, **fields}

    def make(self, sql: str, *actions: dict[str, Any], **fields: Any) -> str:
        name = f"rule_{uuid.uuid4().hex}"
        self.iot.create_topic_rule(ruleName=name, topicRulePayload=self.payload(sql, *actions, **fields))
        self.made.append(name)
        return name

    def text(self, queue: str) -> str:
        [message] = self._eventually(
            lambda: self._sqs.receive_message(QueueUrl=self._queues[queue]).get("Messages"), within=10
        )
        self._sqs.delete_message(QueueUrl=self._queues[queue], ReceiptHandle=message["ReceiptHandle"])
        return str(message["Body"])

    def take(self, queue: str = "Queue") -> Any:
        return json.loads(self.text(queue))


@pytest.fixture(scope="module")
def queues(stacks: Any) -> dict[str, str]:
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Failed": {"Type": "AWS::SQS::Queue"},
        "Role": role("iot:Publish", "dynamodb:PutItem"),
    }
    values = {"Queue": {"Ref": "Queue"}, "Failed": {"Ref": "Failed"}, "Arn": {"Fn::GetAtt": ["Role", "Arn"]}}
    deployed: dict[str, str] = stacks.deploy(
        {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in values.items()}}
    )
    return deployed


@pytest.fixture
def rules(cloud: LocalCloud, queues: dict[str, str], eventually: Callable[..., Any]) -> Iterator[Rules]:
    made = Rules(cloud, queues, eventually)
    yield made
    for name in made.made:
        made.iot.delete_topic_rule(ruleName=name)


@pytest.mark.parametrize(
    ("sql", "place"),
    {
        "SELECT *, celsius(t) AS c FROM 'a/b'": "Unknown function celsius at line 1, column 11",
        "SELECT *\nFROM 'a/b'\nWHERE a != 1": "Unexpected character '!' at line 3, column 9",
    }.items(),
)
def test_sql_that_aws_refuses_is_refused_with_the_place(rules: Rules, sql: str, place: str) -> None:
    with pytest.raises(ClientError, match=place) as refused:
        rules.make(sql)
    assert refused.value.response["Error"]["Code"] == "SqlParseException"
    name = rules.make("SELECT * FROM 'a/b'")
    with pytest.raises(ClientError, match=place):
        rules.iot.replace_topic_rule(ruleName=name, topicRulePayload=rules.payload(sql))
    assert rules.iot.get_topic_rule(ruleName=name)["rule"]["sql"] == "SELECT * FROM 'a/b'"


def test_a_rule_has_a_list_of_none_to_ten_actions(rules: Rules, queues: dict[str, str], stacks: Any) -> None:
    sends = {"sqs": {"queueUrl": queues["Queue"], "roleArn": queues["Arn"]}}
    rules.make("SELECT * FROM 'ten/actions'", *[sends] * 10)
    with pytest.raises(ClientError, match="length less than or equal to 10"):
        rules.make("SELECT * FROM 'eleven/actions'", *[sends] * 11)
    with pytest.raises(ClientError, match="Unknown SQL version 2020-01-01"):
        rules.make("SELECT * FROM 'other/version'", awsIotSqlVersion="2020-01-01")
    rule = {"Type": "AWS::IoT::TopicRule", "Properties": {"TopicRulePayload": {"Sql": "SELECT * FROM 'a'"}}}
    with pytest.raises(AssertionError, match="Member must not be null"):
        stacks.deploy({"Resources": {"Rule": rule}})
    rule["Properties"]["TopicRulePayload"]["Actions"] = []  # type: ignore[index]  # a template
    stacks.deploy({"Resources": {"Rule": rule}})


def test_a_rule_selects_what_a_message_says_of_itself(rules: Rules) -> None:
    rules.make(
        "SELECT get_mqtt_property('content_type') AS type, get_mqtt_property('correlation_data') AS data, "
        "get_user_properties('k') AS k, clientid() AS client, sourceip() AS ip FROM 'itself/http'"
    )
    rules.data.publish(
        topic="itself/http",
        payload="{}",
        contentType="text/plain",
        correlationData=base64.b64encode(b"one").decode(),
        userProperties=[{"k": "1"}, {"k": "2"}],
    )
    assert rules.take() == {"type": "text/plain", "data": "b25l", "k": ["1", "2"], "client": "n/a", "ip": "127.0.0.1"}


def test_a_message_over_mqtt_is_selected_and_published_again(cloud: LocalCloud, rules: Rules) -> None:
    arn = rules.payload("")["errorAction"]["sqs"]["roleArn"]
    rules.make(
        "SELECT clientid() AS client, (SELECT VALUE v FROM e WHERE v > 1) AS v, CASE kind WHEN 1 THEN 'one' END AS k "
        "FROM 'sent/+/reading' WHERE EXISTS (SELECT * FROM e)",
        {"republish": {"topic": "copied/${topic(2)}/${kind + 1}", "roleArn": arn, "qos": 1}},
    )
    host = endpoint(cloud, VIRGINIA)
    signer = Signer.user(cloud, "rule-sql", VIRGINIA, {"Effect": "Allow", "Action": "iot:*", "Resource": "*"})

    async def copied() -> tuple[str, Any]:
        async with over_web_socket(cloud, "meter", host, signer.query(host)) as client:
            await client.subscribe("copied/#", qos=1)
            await client.publish("sent/m/reading", json.dumps({"e": [], "kind": 0}), qos=1)
            await client.publish("sent/m/reading", json.dumps({"e": [{"v": 1}, {"v": 2}], "kind": 1}), qos=1)
            message = await anext(client.messages)
            return str(message.topic), json.loads(bytes(message.payload))  # type: ignore[arg-type]  # it has one

    expected = ("copied/m/2", {"client": "meter", "v": [2], "k": "one"})
    assert asyncio.run(asyncio.wait_for(copied(), 20)) == expected


def test_text_that_is_not_json_is_passed_on_as_it_is(rules: Rules) -> None:
    rules.make("SELECT * FROM 'raw/text'")
    rules.data.publish(topic="raw/text", payload="21 °C")
    assert rules.text("Queue") == "21 °C"


def test_what_cannot_be_evaluated_goes_to_the_error_action_and_the_next_message_is_selected(rules: Rules) -> None:
    rules.make("SELECT topic(2) AS n FROM 'poison/+' WHERE md5(a) <> '' OR n = 1")
    rules.data.publish(topic="poison/half", payload=HALF_A_CHARACTER)
    error = rules.take("Failed")
    assert error["failures"][0]["failedAction"] == "RuleExecution"
    assert base64.b64decode(error["base64OriginalPayload"]).decode() == HALF_A_CHARACTER
    rules.data.publish(topic="poison/good", payload='{"n": 1}')
    assert rules.take() == {"n": "good"}


@pytest.mark.parametrize("payload", ["no JSON", "[" * 100_000, '{"level": NaN}', b"\xff\xfe", "[1]"])
def test_what_an_action_does_not_take_goes_to_the_error_action(
    rules: Rules, queues: dict[str, str], payload: str | bytes
) -> None:
    action = {"dynamoDBv2": {"putItem": {"tableName": "readings"}, "roleArn": queues["Arn"]}}
    rules.make("SELECT * FROM 'raw/columns'", action)
    rules.data.publish(topic="raw/columns", payload=payload)
    [failure] = rules.take("Failed")["failures"]
    assert failure["failedAction"] == "DynamoDBv2Action"
    assert "takes JSON" in failure["errorMessage"]


def test_what_is_not_executed_goes_to_the_error_action(rules: Rules, queues: dict[str, str]) -> None:
    rules.make("SELECT machinelearning_predict('model', 'role', *) AS x FROM 'not/executed'")
    rules.data.publish(topic="not/executed", payload="{}")
    [failure] = rules.take("Failed")["failures"]
    assert failure["failedAction"] == "FunctionExecution"
    assert "does not execute machinelearning_predict" in failure["errorMessage"]
    alarm = {"alarmName": "a", "stateReason": "b", "stateValue": "OK", "roleArn": queues["Arn"]}
    rules.make("SELECT * FROM 'not/performed'", {"cloudwatchAlarm": alarm})
    rules.data.publish(topic="not/performed", payload="{}")
    [failure] = rules.take("Failed")["failures"]
    assert "does not perform the action cloudwatchAlarm" in failure["errorMessage"]
