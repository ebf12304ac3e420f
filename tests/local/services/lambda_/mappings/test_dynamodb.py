"""DynamoDB streams: event source mappings isolate the records that a function fails on."""

import json
from collections.abc import Callable
from typing import Any

from cdp_constructs.local import LocalCloud
from tests.local.resources import allow, function, role

REGION = "us-west-2"
STREAM_HANDLER = """
import boto3, json, os
def handler(event, context):
    changes = [record["dynamodb"] for record in event["Records"]]
    if any(change["Keys"]["id"]["S"] == "poison" for change in changes):
        raise ValueError("poison")
    failed = []
    for change in changes:
        key = change["Keys"]["id"]["S"]
        if key == "partial":
            failed.append({"itemIdentifier": change["SequenceNumber"]})
        else:
            boto3.client("sqs").send_message(QueueUrl=os.environ["SEEN"], MessageBody=key)
    return {"batchItemFailures": failed}
"""
SEEN_ARN = {"Fn::GetAtt": ["Seen", "Arn"]}
STREAM = {
    "Resources": {
        "Seen": {"Type": "AWS::SQS::Queue"},
        "Failed": {"Type": "AWS::SQS::Queue"},
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
                "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
            },
        },
        "Role": role(
            allow(["sqs:SendMessage"], SEEN_ARN, {"Fn::GetAtt": ["Failed", "Arn"]}),
            allow(
                ["dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"],
                {"Fn::GetAtt": ["Table", "StreamArn"]},
            ),
            allow(["dynamodb:ListStreams"], "*"),
        ),
        "Function": function(STREAM_HANDLER, "Role", Environment={"Variables": {"SEEN": {"Ref": "Seen"}}}),
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": ["Table", "StreamArn"]},
                "FunctionName": {"Ref": "Function"},
                "StartingPosition": "TRIM_HORIZON",
                "BatchSize": 10,
                "BisectBatchOnFunctionError": True,
                "MaximumRetryAttempts": 1,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Failed", "Arn"]}}},
                "FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]},
            },
        },
    },
    "Outputs": {name: {"Value": {"Ref": name}} for name in ("Seen", "Failed", "Table")},
}


def test_a_stream_gets_past_a_poisonous_record(cloud: LocalCloud, stacks: Any, taken: Callable[..., Any]) -> None:
    outputs = stacks.deploy(STREAM, region=REGION)
    table = cloud.client("dynamodb", region=REGION)
    keys = ["a", "b", "poison", "c", "partial", "d"]
    items = [{"PutRequest": {"Item": {"id": {"S": key}}}} for key in keys]
    table.batch_write_item(RequestItems={outputs["Table"]: items})
    table.delete_item(TableName=outputs["Table"], Key={"id": {"S": "a"}})
    assert {message["Body"] for message in taken(outputs["Seen"], 5)} == {"a", "b", "c", "d"}
    failed = [json.loads(message["Body"]) for message in taken(outputs["Failed"], 2)]
    assert [record["requestContext"]["condition"] for record in failed] == ["RetryAttemptsExhausted"] * 2
    # What made a call fail is alone in the end; what was reported takes the rest of its batch along, as AWS says.
    sizes = [record["DDBStreamBatchInfo"]["batchSize"] for record in failed]
    assert sizes[0] == 1
    assert sizes[1] > 1
