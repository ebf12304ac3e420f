"""IoT Core: functions of rules that ask other services, as far as the role that they name may."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.iot.lookups import asking
from cdp_constructs.local.services.iot.sql import UNDEFINED
from tests.local.messaging import LAMBDA_ROLE, outputs
from tests.local.resources import table

ROLE = {"Fn::GetAtt": ["Role", "Arn"]}
TRUST = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "iot.amazonaws.com"}}]}
LOOKUPS = {
    "place": "get_dynamodb('${Table}', 'device', topic(2), '${%s.Arn}').place.floor",
    "whole": "get_secret('${Secret}', 'SecretString', '${%s.Arn}').user",
    "word": "get_secret('${Secret}', 'SecretString', 'word', '${%s.Arn}')",
    "on": "get_thing_shadow(topic(2), '${%s.Arn}').state.reported.on",
    "maker": "get_registry_data('DescribeThing', topic(2), '${%s.Arn}').attributes.maker",
}
DOUBLES = "aws_lambda('${Function.Arn}', {'n': n}).twice"


def role(*actions: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": ["sqs:SendMessage", *actions], "Resource": "*"}
    policy = {"PolicyName": "Own", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    properties = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", **TRUST}, "Policies": [policy]}
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def rule(selection: str, topic_filter: str, **fields: Any) -> dict[str, Any]:
    payload = {
        "Sql": {"Fn::Sub": f"SELECT {selection} FROM '{topic_filter}'"},  # noqa: S608 - SQL of IoT
        "Actions": [{"Sqs": {"QueueUrl": {"Ref": "Queue"}, "RoleArn": ROLE}}],
        "ErrorAction": {"Sqs": {"QueueUrl": {"Ref": "Failed"}, "RoleArn": ROLE}},
    }
    return {"Type": "AWS::IoT::TopicRule", "Properties": {"TopicRulePayload": {**payload, **fields}}}


def template() -> dict[str, Any]:
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "Function"},
        "Principal": "iot.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": ["Asks", "Arn"]},
    }
    reads = ("dynamodb:GetItem", "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")
    fields = ", ".join(f"{expression % 'Role'} AS {name}" for name, expression in LOOKUPS.items())
    refused = {
        f"Denied{name.capitalize()}": rule(f"{expression % 'Powerless'} AS {name}", f"denied/+/{name}")
        for name, expression in LOOKUPS.items()
    }
    sent_to = {"Fn::Join": ["", ["${get_thing_shadow(topic(2), '", ROLE, "').state.reported.queue}"]]}
    code = "def handler(event, context):\n    return {'twice': event['n'] * 2}\n"
    function = {"Handler": "index.handler", "Runtime": "python3.12", "Role": {"Fn::GetAtt": ["Executes", "Arn"]}}
    resources = {
        "Role": role(*reads, "iot:GetThingShadow", "iot:DescribeThing"),
        "Powerless": role(),
        "Executes": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": LAMBDA_ROLE}},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Failed": {"Type": "AWS::SQS::Queue"},
        "Table": table("device"),
        "Secret": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"SecretString": json.dumps({"user": "lamp", "word": "sesame"})},
        },
        "Thing": {"Type": "AWS::IoT::Thing", "Properties": {"AttributePayload": {"Attributes": {"maker": "acme"}}}},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": {**function, "Code": {"ZipFile": code}}},
        "Asks": rule(f"{fields}, {DOUBLES} AS twice", "asks/+"),
        "Allowed": {"Type": "AWS::Lambda::Permission", "Properties": permission},
        **refused,
        "DeniedTwice": rule(f"{DOUBLES} AS twice", "denied/+/twice"),
        "Elsewhere": rule("*", "elsewhere/+", Actions=[{"Sqs": {"QueueUrl": sent_to, "RoleArn": ROLE}}]),
        "Defaults": rule(f"get_or_default({LOOKUPS['on'] % 'Powerless'}, 'unknown') AS on", "defaults/+"),
    }
    return {"Resources": resources, "Outputs": outputs("Queue", "Failed", "Table", "Thing")}


@pytest.fixture(scope="module")
def names(cloud: LocalCloud, stacks: Any) -> dict[str, str]:
    deployed: dict[str, str] = stacks.deploy(template())
    item = {"device": {"S": deployed["Thing"]}, "place": {"M": {"floor": {"N": "3"}}}}
    cloud.client("dynamodb").put_item(TableName=deployed["Table"], Item=item)
    shadow = json.dumps({"state": {"reported": {"on": True, "queue": deployed["Queue"]}}})
    cloud.client("iot-data").update_thing_shadow(thingName=deployed["Thing"], payload=shadow)
    return deployed


@pytest.fixture
def receive(cloud: LocalCloud, names: dict[str, str], eventually: Callable[..., Any]) -> Callable[[str], Any]:
    sqs = cloud.client("sqs")

    def one(queue: str) -> Any:
        [message] = eventually(lambda: sqs.receive_message(QueueUrl=names[queue]).get("Messages"))
        sqs.delete_message(QueueUrl=names[queue], ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    return one


def test_a_rule_asks_other_services(cloud: LocalCloud, names: dict[str, str], receive: Callable[[str], Any]) -> None:
    cloud.client("iot-data").publish(topic=f"asks/{names['Thing']}", payload='{"n": 21}')
    expected = {"place": 3, "whole": "lamp", "word": "sesame", "on": True, "maker": "acme", "twice": 42}
    assert receive("Queue") == expected


@pytest.mark.parametrize(
    ("name", "reason"),
    {
        "place": "may not do dynamodb:GetItem",
        "whole": "may not do secretsmanager:DescribeSecret",
        "on": "may not do iot:GetThingShadow",
        "maker": "may not do iot:DescribeThing",
        "twice": "does not allow lambda:InvokeFunction",
    }.items(),
)
def test_what_the_role_may_not_ask_goes_to_the_error_action(
    cloud: LocalCloud, names: dict[str, str], receive: Callable[[str], Any], name: str, reason: str
) -> None:
    cloud.client("iot-data").publish(topic=f"denied/{names['Thing']}/{name}", payload='{"n": 21}')
    [failure] = receive("Failed")["failures"]
    assert failure["failedAction"] == "FunctionExecution"
    assert reason in failure["errorMessage"]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("aws_lambda", ["arn"]),
        ("get_dynamodb", ["table", "key", "value", "sort", "role"]),
        ("get_registry_data", ["DescribeThing", 5, "role"]),
        ("get_secret", ["secret", "SecretString", "key", UNDEFINED]),
        ("get_thing_shadow", ["thing", "name", "other", "role"]),
    ],
)
def test_other_arguments_are_undefined_and_ask_nobody(name: str, arguments: list[Any]) -> None:
    assert asking("rule", "000000000000", "us-east-1")(name, *arguments) is UNDEFINED


def test_a_template_asks_other_services(
    cloud: LocalCloud, names: dict[str, str], receive: Callable[[str], Any]
) -> None:
    cloud.client("iot-data").publish(topic=f"elsewhere/{names['Thing']}", payload='{"n": 1}')
    assert receive("Queue") == {"n": 1}


def test_a_default_takes_the_place_of_what_fails(
    cloud: LocalCloud, names: dict[str, str], receive: Callable[[str], Any]
) -> None:
    cloud.client("iot-data").publish(topic=f"defaults/{names['Thing']}", payload="{}")
    assert receive("Queue") == {"on": "unknown"}
