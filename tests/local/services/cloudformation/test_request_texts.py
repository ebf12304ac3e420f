"""What a client gives directly to an API is refused as in a template, with the error code of the service."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.serialize import create_serializer

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.cloudformation.text_rules.requests import CREATED, may_create

TRUST = json.dumps(
    {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}
)
ROLE = "arn:aws:iam::000000000000:role/front-desk"
FUNCTION = {"Role": ROLE, "Code": {"ZipFile": b"code"}, "Runtime": "python3.13", "Handler": "index.handler"}
ALARM = {
    "MetricName": "Late",
    "Namespace": "Shop",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Statistic": "Sum",
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanThreshold",
}
RULE = {"sql": "SELECT * FROM 'a'", "actions": [{"republish": {"topic": "b", "roleArn": ROLE}}]}
INGRESS = [
    {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "192.0.2.0/24", "Description": "外"}]}
]


@pytest.mark.parametrize(
    ("service", "operation", "request_", "code", "place"),
    [
        (
            "iam",
            "create_role",
            {"RoleName": "front desk", "AssumeRolePolicyDocument": TRUST},
            "ValidationError",
            "Role",
        ),
        (
            "iam",
            "create_role",
            {"RoleName": "front-desk", "AssumeRolePolicyDocument": TRUST, "Description": "監査役"},
            "ValidationError",
            "Description",
        ),
        ("iam", "create_user", {"UserName": "front desk"}, "ValidationError", "UserName"),
        (
            "ec2",
            "create_security_group",
            {"GroupName": "g", "Description": "受付"},
            "InvalidParameterValue",
            "GroupDescription",
        ),
        (
            "ec2",
            "authorize_security_group_ingress",
            {"GroupId": "sg-1", "IpPermissions": INGRESS},
            "InvalidParameterValue",
            "Description",
        ),
        ("sqs", "create_queue", {"QueueName": "受付"}, "InvalidParameterValue", "QueueName"),
        ("sns", "create_topic", {"Name": "news flash"}, "InvalidParameter", "Name"),
        (
            "sns",
            "create_topic",
            {"Name": "news", "Attributes": {"DisplayName": "a" * 101}},
            "InvalidParameter",
            "DisplayName",
        ),
        (
            "lambda",
            "create_function",
            {"FunctionName": "front desk", **FUNCTION},
            "ValidationException",
            "FunctionName",
        ),
        (
            "lambda",
            "create_function",
            {"FunctionName": "desk", "Description": "a" * 257, **FUNCTION},
            "ValidationException",
            "Description",
        ),
        ("logs", "create_log_group", {"logGroupName": "/受付"}, "InvalidParameterException", "logGroupName"),
        (
            "events",
            "put_rule",
            {"Name": "every hour", "ScheduleExpression": "rate(1 hour)"},
            "ValidationException",
            "Name",
        ),
        ("cloudwatch", "put_metric_alarm", {"AlarmName": "late\n", **ALARM}, "ValidationError", "AlarmName"),
        ("ssm", "put_parameter", {"Name": "/a b", "Value": "x", "Type": "String"}, "ValidationException", "Name"),
        ("secretsmanager", "create_secret", {"Name": "a b", "SecretString": "x"}, "ValidationException", "Name"),
        ("cognito-idp", "create_user_pool", {"PoolName": "会員"}, "InvalidParameterException", "PoolName"),
        ("kinesis", "create_stream", {"StreamName": "a b", "ShardCount": 1}, "ValidationException", "StreamName"),
        ("iot", "create_topic_rule", {"ruleName": "a-b", "topicRulePayload": RULE}, "InvalidRequestException", "Rule"),
    ],
)
def test_the_service_refuses_what_its_template_could_not_have(
    cloud: LocalCloud, service: str, operation: str, request_: Mapping[str, Any], code: str, place: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(cloud.client(service), operation)(**request_)
    error = caught.value.response["Error"]
    assert (error["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]) == (code, 400)
    assert f"at '{place}" in error["Message"]


def test_what_a_template_may_have_is_taken(cloud: LocalCloud, name: Callable[[str], str]) -> None:
    iam, own = cloud.client("iam"), name("texts")
    iam.create_role(RoleName=own, AssumeRolePolicyDocument=TRUST, Description="Prüfer")
    cloud.client("cloudwatch").put_metric_alarm(AlarmName=f"遅延 {own}", **ALARM)
    assert cloud.client("sqs").create_queue(QueueName=f"{own}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    topic = cloud.client("sns").create_topic(Name=own, Attributes={"DisplayName": "新着"})["TopicArn"]
    assert topic.endswith(f":{own}")


def test_who_may_not_create_is_told_so_and_nothing_else(cloud: LocalCloud, name: Callable[[str], str]) -> None:
    user = name("nobody")
    iam = cloud.client("iam")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    sqs = cloud.client("sqs", credentials=(key["AccessKeyId"], key["SecretAccessKey"]))
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.create_queue(QueueName="受付")


def _may_create(service: str, operation: str, protocol: str, **parameters: Any) -> bool:
    """Say whether a request, as SDKs write it in a protocol, is looked at."""
    sdk = {"monitoring": "cloudwatch", "states": "stepfunctions"}.get(service, service)
    model = botocore.session.get_session().get_service_model(sdk).operation_model(operation)
    texts = {name: "x" for name, shape in model.input_shape.members.items() if shape.type_name == "string"}
    request = create_serializer(protocol, include_validation=False).serialize_to_request(texts | parameters, model)
    headers = {name.lower(): value for name, value in request["headers"].items()}
    body = request["body"]
    if isinstance(body, dict):
        body = urlencode(body).encode()
        headers["content-type"] = "application/x-www-form-urlencoded; charset=utf-8"
    return may_create(service, request["method"], request["url_path"], headers, body, {})


@pytest.mark.parametrize("service", CREATED)
def test_what_creates_is_looked_at_in_each_protocol_of_its_service(service: str) -> None:
    sdk = {"monitoring": "cloudwatch", "states": "stepfunctions"}.get(service, service)
    model = botocore.session.get_session().get_service_model(sdk)
    # MiniStack's own reading of requests does not find the operation of those in CBOR.
    protocols = {*model.metadata.get("protocols", [model.protocol])} - {"smithy-rpc-v2-cbor"}
    assert protocols
    for protocol in protocols:
        assert [name for name in CREATED[service] if not _may_create(service, name, protocol)] == []


@pytest.mark.parametrize(
    ("service", "operation", "protocol"),
    [
        ("sns", "Publish", "query"),
        ("sqs", "SendMessage", "json"),
        ("lambda", "Invoke", "rest-json"),
        ("lambda", "GetFunction", "rest-json"),
        ("dynamodb", "PutItem", "json"),
        ("iot", "DescribeThing", "rest-json"),
    ],
)
def test_what_creates_nothing_is_passed_on_unread(service: str, operation: str, protocol: str) -> None:
    assert not _may_create(service, operation, protocol)
