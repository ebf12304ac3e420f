"""Events that the embedded cloud makes have the keys of AWS's documented examples."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.conftest import Stacks
from tests.local.recorded_events import EVERYTHING, REGION, collected, differences, made, mapping, recorder, ref
from tests.local.resources import arn, role

FROM_START = {"StartingPosition": "TRIM_HORIZON"}
TARGETS = [{"Id": "Recorder", "Arn": arn("Recorder")}]
INVOCATION = {
    "Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Recorder.Arn}/invocations"
}
BUCKET_NAME = "recorded-objects-of-event-shapes"
RESOURCES: dict[str, Any] = {
    **recorder("sns", "s3", "events", "apigateway", "secretsmanager"),
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
    return collected(cloud, outputs["Recorded"], KINDS, kind_of)


@pytest.mark.parametrize("kind", KINDS)
def test_events_have_the_documented_keys(recorded: dict[str, Any], kind: str) -> None:
    assert differences(recorded[kind], kind) == sorted(STATED.get(kind, set()))
