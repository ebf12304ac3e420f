"""REST APIs in front of services of AWS and functions, without a proxy: mapping templates, roles and responses."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import allow, arn, function, role, table

CODE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("Bad request: " + event["fail"])
    return {"event": event}
"""
ITEM = """
#set($inputRoot = $input.path('$'))
{"TableName": "$stageVariables.table", "Item": {
  "id": {"S": "$inputRoot.id"},
  "tags": {"L": [#foreach($tag in $inputRoot.tags){"S": "$tag"}#if($foreach.hasNext),#end#end]},
  "text": {"S": "$util.escapeJavaScript($inputRoot.text).replaceAll("\\\\'", "'")"},
  "request": {"S": "$context.extendedRequestId"}
}}
"""
FORM = "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"
PASS = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}
BY_GATEWAY = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "apigateway.amazonaws.com"}}


def _role(*statements: dict[str, Any]) -> dict[str, Any]:
    made = role(*statements)
    made["Properties"]["AssumeRolePolicyDocument"] = {"Statement": [BY_GATEWAY]}
    return made


def _method(uri: Any, template: str | None, *, method: str = "POST", **integration: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "Type": "AWS",
        "IntegrationHttpMethod": "POST",
        "Credentials": arn("Role"),
        "Uri": {"Fn::Sub": f"arn:aws:apigateway:${{AWS::Region}}:{uri}"},
        "IntegrationResponses": [{"StatusCode": "200"}],
        **integration,
    }
    if template is not None:
        settings["RequestTemplates"] = {"application/json": template}
    responses = [{"StatusCode": code, "ResponseParameters": {"method.response.header.X-Kind": True}} for code in CODES]
    properties = {"HttpMethod": method, "AuthorizationType": "NONE", "MethodResponses": responses}
    return {"Type": "AWS::ApiGateway::Method", "Properties": {**properties, "Integration": settings}}


CODES = ("200", "400", "403")
ERRORS = [
    {"StatusCode": "200", "ResponseParameters": {"method.response.header.X-Kind": "'done'"}},
    {
        "StatusCode": "400",
        "SelectionPattern": "4\\d{2}",
        "ResponseTemplates": {"application/json": "{\"error\": $input.json('$.__type')}"},
    },
]
OF_FUNCTION = [
    {"StatusCode": "200", "ResponseTemplates": {"application/json": "$input.json('$.event')"}},
    {
        "StatusCode": "400",
        "SelectionPattern": "Bad request.*",
        "ResponseTemplates": {"application/json": '{"message": "$input.path(\'$.errorMessage\')"}'},
    },
]
FUNCTION = "lambda:path/2015-03-31/functions/${Function.Arn}/invocations"
METHODS = {
    "item": _method("dynamodb:action/PutItem", ITEM, IntegrationResponses=ERRORS),
    "refused": _method("dynamodb:action/DeleteTable", '{"TableName": "other"}', IntegrationResponses=ERRORS),
    "stranger": _method("dynamodb:action/PutItem", ITEM, Credentials=arn("OfFunctions")),
    "topic": _method("sns:action/Publish", "TopicArn=$util.urlEncode($input.params('topic'))&Message=$input.json('$')"),
    "queue": _method("sqs:path/${AWS::AccountId}/${Queue.QueueName}", FORM),
    "record": _method(
        "kinesis:action/PutRecord",
        '{"StreamName": "$input.params(\'stream\')", "Data": "$util.base64Encode($input.body)", "PartitionKey": "1"}',
    ),
    "event": _method("events:action/PutEvents", '{"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]}'),
    "execution": _method(
        "states:action/StartSyncExecution",
        '{"stateMachineArn": "$input.params(\'machine\')", "input": "$util.escapeJavaScript($input.json(\'$\'))"}',
        IntegrationResponses=[
            {"StatusCode": "200", "ResponseTemplates": {"application/json": "$input.path('$.output')"}}
        ],
    ),
    "object": _method(
        "s3:path/${Bucket}/{key}",
        None,
        IntegrationHttpMethod="PUT",
        RequestParameters={"integration.request.path.key": "method.request.querystring.key"},
    ),
    "function": _method(
        FUNCTION,
        '{"fail": $input.json(\'$.fail\'), "by": "$context.httpMethod"}',
        Credentials={"Ref": "AWS::NoValue"},
        IntegrationResponses=OF_FUNCTION,
    ),
    "never": _method(FUNCTION, "{}", Credentials={"Ref": "AWS::NoValue"}, PassthroughBehavior="WHEN_NO_TEMPLATES"),
}


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    api = {"Ref": "Api"}
    resources: dict[str, Any] = {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "direct"}},
        "Table": table("id"),
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineType": "EXPRESS",
                "RoleArn": arn("OfMachine"),
                "DefinitionString": json.dumps(PASS),
            },
        },
        "OfMachine": role(service="states"),
        "Role": _role(
            allow(["dynamodb:PutItem"], arn("Table")),
            allow(["sns:Publish"], {"Ref": "Topic"}),
            allow(["sqs:SendMessage"], arn("Queue")),
            allow(["kinesis:PutRecord"], arn("Stream")),
            allow(["events:PutEvents"], {"Fn::Sub": "arn:aws:events:*:${AWS::AccountId}:event-bus/default"}),
            allow(["states:StartSyncExecution"], "*"),
            allow(["s3:PutObject"], {"Fn::Sub": "${Bucket.Arn}/*"}),
        ),
        "OfFunctions": role(allow(["dynamodb:PutItem"], arn("Table"))),
        "Function": function(CODE, "OfFunctions"),
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Function"},
                "Principal": "apigateway.amazonaws.com",
            },
        },
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment",
            "DependsOn": [f"{name.title()}Method" for name in METHODS],
            "Properties": {"RestApiId": api},
        },
        "Stage": {
            "Type": "AWS::ApiGateway::Stage",
            "Properties": {
                "RestApiId": api,
                "DeploymentId": {"Ref": "Deployment"},
                "StageName": "live",
                "Variables": {"table": {"Ref": "Table"}},
            },
        },
    }
    for name, method in METHODS.items():
        resources[f"{name.title()}Path"] = {
            "Type": "AWS::ApiGateway::Resource",
            "Properties": {"RestApiId": api, "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]}, "PathPart": name},
        }
        placed = {"RestApiId": api, "ResourceId": {"Ref": f"{name.title()}Path"}}
        resources[f"{name.title()}Method"] = {**method, "Properties": {**method["Properties"], **placed}}
    named = ("Api", "Table", "Topic", "Queue", "Stream", "Bucket", "Machine")
    outputs: dict[str, str] = stacks.deploy(
        {"Resources": resources, "Outputs": {name: {"Value": {"Ref": name}} for name in named}}
    )
    return outputs


@pytest.fixture
def post(cloud: LocalCloud, deployed: dict[str, str]) -> Callable[..., httpx.Response]:
    def send(path: str, body: Any = None, **query: str) -> httpx.Response:
        url = f"{cloud.endpoint}/_aws/execute-api/{deployed['Api']}/live/{path}"
        return httpx.post(url, json=body if body is not None else {}, params=query, timeout=60)

    return send


def test_a_template_makes_the_request_to_a_table(
    cloud: LocalCloud, deployed: dict[str, str], post: Callable[..., httpx.Response]
) -> None:
    answer = post("item", {"id": "7", "tags": ["a", "b"], "text": 'says "hello"'})
    assert (answer.status_code, answer.text, answer.headers["x-kind"]) == (200, "{}", "done")
    item = cloud.client("dynamodb").get_item(TableName=deployed["Table"], Key={"id": {"S": "7"}})["Item"]
    assert item["tags"] == {"L": [{"S": "a"}, {"S": "b"}]}
    assert item["text"] == {"S": 'says "hello"'}
    assert item["request"]["S"].endswith("=")


@pytest.mark.parametrize("text", ["it's", "\\'", "\\\\' \\", "$context.stage #set($x = 1)"])
def test_a_text_of_the_body_is_no_part_of_the_template(
    cloud: LocalCloud, deployed: dict[str, str], post: Callable[..., httpx.Response], text: str
) -> None:
    assert post("item", {"id": "9", "tags": [], "text": text}).status_code == 200
    item = cloud.client("dynamodb").get_item(TableName=deployed["Table"], Key={"id": {"S": "9"}})["Item"]
    assert item["text"] == {"S": text}


def test_what_the_role_may_not_do_is_an_error_that_the_responses_map(post: Callable[..., httpx.Response]) -> None:
    answer = post("refused")
    assert answer.status_code == 400
    assert "AccessDenied" in answer.json()["error"]


def test_a_role_that_does_not_trust_the_gateway_is_an_error(
    cloud: LocalCloud, deployed: dict[str, str], post: Callable[..., httpx.Response]
) -> None:
    assert post("stranger", {"id": "8", "tags": [], "text": ""}).status_code == 500
    assert "Item" not in cloud.client("dynamodb").get_item(TableName=deployed["Table"], Key={"id": {"S": "8"}})


def test_services_of_every_protocol_are_called(
    cloud: LocalCloud, deployed: dict[str, str], post: Callable[..., httpx.Response]
) -> None:
    published = post("topic", {"a": 1}, topic=deployed["Topic"]).json()
    assert published["PublishResponse"]["PublishResult"]["MessageId"]
    sent = post("queue", {"b": 2}).json()
    [message] = cloud.client("sqs").receive_message(QueueUrl=deployed["Queue"])["Messages"]
    assert message["MessageId"] == sent["SendMessageResponse"]["SendMessageResult"]["MessageId"]
    assert json.loads(message["Body"]) == {"b": 2}
    assert post("record", {"c": 3}, stream=deployed["Stream"]).json()["ShardId"].startswith("shardId-")
    assert post("event").json()["FailedEntryCount"] == 0
    assert post("execution", {"d": 4}, machine=deployed["Machine"]).json() == {"d": 4}
    assert post("object", {"e": 5}, key="folder/name.json").status_code == 200
    stored = cloud.client("s3").get_object(Bucket=deployed["Bucket"], Key="folder/name.json")
    assert json.load(stored["Body"]) == {"e": 5}


def test_a_function_gets_what_the_template_makes(post: Callable[..., httpx.Response]) -> None:
    assert post("function", {"fail": ""}).json() == {"fail": "", "by": "POST"}
    failed = post("function", {"fail": "no name"})
    assert (failed.status_code, failed.json()) == (400, {"message": "Bad request: no name"})


def test_a_type_without_a_template_is_refused_where_the_integration_says_so(
    cloud: LocalCloud, deployed: dict[str, str]
) -> None:
    url = f"{cloud.endpoint}/_aws/execute-api/{deployed['Api']}/live/never"
    assert httpx.post(url, content="<a/>", headers={"Content-Type": "text/xml"}).status_code == 415
    assert httpx.post(url, json={}).status_code == 200
