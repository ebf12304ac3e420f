"""Events that the embedded cloud makes have the keys of AWS's documented examples."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.aws.documented import documented
from tests.local.conftest import Stacks
from tests.local.resources import arn, function, role

REGION = "us-east-1"

# Puts each event into a queue, and answers so that whoever called goes on.
RECORDER = textwrap.dedent("""
    import json, os, urllib.request, boto3

    sqs = boto3.client("sqs")

    def handler(event, context):
        sqs.send_message(QueueUrl=os.environ["RECORDED"], MessageBody=json.dumps(event))
        if "RequestType" in event:
            answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
            body = json.dumps(answer | {"Status": "SUCCESS", "PhysicalResourceId": "made"}).encode()
            urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], data=body, method="PUT"))
        if "deliveryStreamArn" in event:
            return {"records": [{**record, "result": "Ok"} for record in event["records"]]}
        return {"statusCode": 200, "body": "recorded"}
""")


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def permission(principal: str) -> dict[str, Any]:
    properties = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": ref("Recorder"),
        "Principal": f"{principal}.amazonaws.com",
    }
    return {"Type": "AWS::Lambda::Permission", "Properties": properties}


def mapping(source: Any, **options: Any) -> dict[str, Any]:
    properties = {"EventSourceArn": source, "FunctionName": ref("Recorder"), **options}
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}


def made(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
FROM_START = {"StartingPosition": "TRIM_HORIZON"}
TARGETS = [{"Id": "Recorder", "Arn": arn("Recorder")}]
INVOCATION = {
    "Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Recorder.Arn}/invocations"
}
BUCKET_NAME = "recorded-objects-of-event-shapes"
RESOURCES: dict[str, Any] = {
    "Recorded": made("SQS::Queue"),
    "Role": role(EVERYTHING),
    "Recorder": function(RECORDER, "Role", Environment={"Variables": {"RECORDED": ref("Recorded")}}),
    **{f"Permit{name.title()}": permission(name) for name in ("sns", "s3", "events", "apigateway", "secretsmanager")},
    "Queue": made("SQS::Queue", VisibilityTimeout=60),
    "Queued": mapping(arn("Queue")),
    "Fifo": made("SQS::Queue", FifoQueue=True, VisibilityTimeout=60),
    "InOrder": mapping(arn("Fifo")),
    "Topic": made("SNS::Topic"),
    "Subscribed": made("SNS::Subscription", TopicArn=ref("Topic"), Protocol="lambda", Endpoint=arn("Recorder")),
    "Bucket": made(
        "S3::Bucket",
        BucketName=BUCKET_NAME,
        VersioningConfiguration={"Status": "Enabled"},
        NotificationConfiguration={
            "EventBridgeConfiguration": {"EventBridgeEnabled": True},
            "LambdaConfigurations": [{"Event": "s3:ObjectCreated:*", "Function": arn("Recorder")}],
        },
    )
    | {"DependsOn": "PermitS3"},
    "OfBucket": made("Events::Rule", EventPattern={"source": ["aws.s3"]}, Targets=TARGETS),
    "Daily": made("Events::Rule", Name="event-shapes-daily", ScheduleExpression="rate(1 day)", Targets=TARGETS),
    "Table": made(
        "DynamoDB::Table",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "N"}],
        StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"},
    ),
    "Changed": mapping({"Fn::GetAtt": ["Table", "StreamArn"]}, **FROM_START),
    "Stream": made("Kinesis::Stream", ShardCount=1),
    "Streamed": mapping(arn("Stream"), **FROM_START),
    "DeliveryRole": role(EVERYTHING, service="firehose"),
    "Delivered": made("S3::Bucket"),
    "Delivery": made(
        "KinesisFirehose::DeliveryStream",
        ExtendedS3DestinationConfiguration={
            "BucketARN": arn("Delivered"),
            "RoleARN": arn("DeliveryRole"),
            "BufferingHints": {"IntervalInSeconds": 1, "SizeInMBs": 1},
            "ProcessingConfiguration": {
                "Enabled": True,
                "Processors": [
                    {
                        "Type": "Lambda",
                        "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": arn("Recorder")}],
                    }
                ],
            },
        },
    ),
    "HttpApi": made("ApiGatewayV2::Api", Name="http", ProtocolType="HTTP"),
    "Integration": made(
        "ApiGatewayV2::Integration",
        ApiId=ref("HttpApi"),
        IntegrationType="AWS_PROXY",
        IntegrationUri=arn("Recorder"),
        PayloadFormatVersion="2.0",
    ),
    "Route": made(
        "ApiGatewayV2::Route",
        ApiId=ref("HttpApi"),
        RouteKey="$default",
        Target={"Fn::Sub": "integrations/${Integration}"},
    ),
    "Stage": made("ApiGatewayV2::Stage", ApiId=ref("HttpApi"), StageName="$default", AutoDeploy=True),
    "RestApi": made("ApiGateway::RestApi", Name="rest"),
    "Method": made(
        "ApiGateway::Method",
        RestApiId=ref("RestApi"),
        ResourceId={"Fn::GetAtt": ["RestApi", "RootResourceId"]},
        HttpMethod="GET",
        AuthorizationType="NONE",
        Integration={"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": INVOCATION},
    ),
    "Deployment": made("ApiGateway::Deployment", RestApiId=ref("RestApi"), StageName="live") | {"DependsOn": "Method"},
    "Custom": {"Type": "Custom::Recorded", "Properties": {"ServiceToken": arn("Recorder"), "FunctionName": "any"}},
    "Secret": made("SecretsManager::Secret", SecretString="first"),
    "Rotated": made(
        "SecretsManager::RotationSchedule",
        SecretId=ref("Secret"),
        RotationLambdaARN=arn("Recorder"),
        RotationRules={"AutomaticallyAfterDays": 30},
    )
    | {"DependsOn": "PermitSecretsmanager"},
}
OUTPUTS = ("Recorded", "Queue", "Fifo", "Topic", "Table", "Stream", "Delivery", "HttpApi", "RestApi")

# What the application or the request decides, and no service.
FREE = {
    *("Keys", "NewImage", "OldImage", "MessageAttributes", "ResourceProperties", "headers", "multiValueHeaders"),
    *("messageAttributes", "multiValueQueryStringParameters", "pathParameters", "queryStringParameters"),
    *("stageVariables", "cookies", "clientCert", "authentication", "authorizer"),
}
KINDS = (
    *("custom-resource", "dynamodb", "firehose-transformation", "http-api", "kinesis", "rest-api", "s3"),
    *("s3-object-created", "s3-object-deleted", "schedule", "secret-rotation", "sns", "sqs", "sqs-fifo"),
)
STATED: Mapping[str, set[str]] = {
    # The page is older than this member: API_streams_StreamRecord has it.
    "dynamodb": {"+.Records[].dynamodb.ApproximateCreationDateTime"},
    # Of what came from a Kinesis stream only.
    "firehose-transformation": {
        "-.records[].kinesisRecordMetadata",
        *(
            f"-.records[].kinesisRecordMetadata.{name}"
            for name in (
                *("approximateArrivalTimestamp", "partitionKey", "sequenceNumber", "shardId", "subsequenceNumber"),
            )
        ),
    },
    # Of requests with a client certificate or an authorizer, and of stages with variables.
    "http-api": {"-.requestContext.authentication", "-.requestContext.authorizer", "-.stageVariables"},
    "rest-api": {"-.requestContext.authorizer", "-.requestContext.identity.clientCert"},
    # The bucket keeps versions, that of the page does not.
    "s3": {"+.Records[].s3.object.versionId"},
}
"""Differences, with "-" for what is documented only and "+" for what is made only."""


def kind_of(event: dict[str, Any]) -> str:
    """Which documented event this is one of."""
    if "Records" in event:
        record = event["Records"][0]
        source = record.get("eventSource", record.get("EventSource", "")).removeprefix("aws:")
        return f"{source}-fifo" if record.get("eventSourceARN", "").endswith(".fifo") else str(source)
    if "detail-type" in event:
        kinds = {"Scheduled Event": "schedule"}
        return kinds.get(event["detail-type"], f"s3-{event['detail-type'].lower().replace(' ', '-')}")
    marks = {
        "RequestType": "custom-resource",
        "deliveryStreamArn": "firehose-transformation",
        "Step": "secret-rotation",
        "resource": "rest-api",
    }
    return next((kind for mark, kind in marks.items() if mark in event), "http-api")


def keys(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all keys; of lists, those of the first entry."""
    if isinstance(value, list):
        yield from keys(value[0], f"{path}[]") if value else ()
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}.{name}"
            if name not in FREE:
                yield from keys(inner, f"{path}.{name}")


def send(cloud: LocalCloud, outputs: Mapping[str, str]) -> None:
    """Let each source make an event."""
    sqs = cloud.client("sqs", REGION)
    sqs.send_message(QueueUrl=outputs["Queue"], MessageBody="Test message.")
    sqs.send_message(
        QueueUrl=outputs["Fifo"], MessageBody="Test message.", MessageGroupId="1", MessageDeduplicationId="1"
    )
    cloud.client("sns", REGION).publish(TopicArn=outputs["Topic"], Message="Hello from SNS!", Subject="TestInvoke")
    s3 = cloud.client("s3", REGION)
    s3.put_object(Bucket=BUCKET_NAME, Key="example-key", Body=b"12345")
    s3.delete_object(Bucket=BUCKET_NAME, Key="example-key")
    cloud.fire_schedule("event-shapes-daily", REGION)
    table = cloud.client("dynamodb", REGION)
    table.put_item(TableName=outputs["Table"], Item={"Id": {"N": "101"}, "Message": {"S": "New item!"}})
    cloud.client("kinesis", REGION).put_record(StreamName=outputs["Stream"], PartitionKey="1", Data=b"a test")
    cloud.client("firehose", REGION).put_record(DeliveryStreamName=outputs["Delivery"], Record={"Data": b"a test"})
    address = f"{cloud.http_api_url(outputs['HttpApi'], REGION)}/my/path?parameter1=value1"
    assert httpx.post(address, content="Hello", headers={"cookie": "cookie1; cookie2"}, timeout=20).status_code == 200
    rest = f"{cloud.endpoint}/restapis/{outputs['RestApi']}/live/_user_request_/?parameter1=value1"
    assert httpx.get(rest, timeout=20).status_code == 200


@pytest.fixture(scope="module")
def recorded(cloud: LocalCloud, stacks: Stacks) -> dict[str, Any]:
    outputs = stacks.deploy({"Resources": RESOURCES, "Outputs": {name: {"Value": ref(name)} for name in OUTPUTS}})
    send(cloud, outputs)
    sqs = cloud.client("sqs", REGION)
    found: dict[str, Any] = {}

    def all_of_them() -> bool:
        for message in sqs.receive_message(QueueUrl=outputs["Recorded"], MaxNumberOfMessages=10).get("Messages", []):
            event = json.loads(message["Body"])
            found.setdefault(kind_of(event), event)
        return found.keys() >= set(KINDS)

    eventually(all_of_them, within=60, what=f"{set(KINDS) - found.keys()}")
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_events_have_the_documented_keys(recorded: dict[str, Any], kind: str) -> None:
    event, example = set(keys(recorded[kind])), set(keys(documented(kind)))
    found = {f"-{path}" for path in example - event} | {f"+{path}" for path in event - example}
    assert sorted(found) == sorted(STATED.get(kind, set()))
