"""DynamoDB: replicas from a template, expiry of items, streams of a replica."""

from collections.abc import Callable
from typing import Any

import httpx

from cdp_constructs.local import LocalCloud
from tests.local.resources import allow, arn, function, role
from tests.local.services.dynamodb.tables import (
    IRELAND,
    OREGON,
    TOKYO,
    changed,
    item,
    read,
    stream_records,
    table_template,
)

HANDLER = """
import boto3, os
def handler(event, context):
    sqs = boto3.client("sqs")
    for record in event["Records"]:
        change = record["dynamodb"]
        body = record["eventName"] + " " + change["Keys"]["id"]["S"]
        sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=body)
"""


def test_a_replica_is_a_table_of_its_region(table: str, oregon: Any) -> None:
    description = oregon.describe_table(TableName=table)["Table"]
    assert description["TableArn"] == f"arn:aws:dynamodb:{OREGON}:000000000000:table/{table}"
    assert [replica["RegionName"] for replica in description["Replicas"]] == [TOKYO]
    assert description["LatestStreamArn"].startswith(description["TableArn"])
    time_to_live = oregon.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert time_to_live == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    backups = oregon.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_expired_items_are_deleted_everywhere_with_a_record_that_names_the_service(
    table: str, tokyo: Any, oregon: Any, cloud: LocalCloud, eventually: Callable[..., Any]
) -> None:
    tokyo.put_item(TableName=table, Item={**item("expired"), "expires": {"N": "1"}})
    tokyo.put_item(TableName=table, Item={**item("kept"), "expires": {"N": "99999999999"}})
    assert httpx.post(f"{cloud.endpoint}/_cdp/dynamodb/expire", headers=cloud.root.authorization).json()["expired"] >= 1
    eventually(lambda: read(oregon, table, "expired") is None)
    assert read(tokyo, table, "expired") is None
    assert read(tokyo, table, "kept")
    removals = [
        record
        for record in stream_records(cloud, TOKYO, table)
        if changed(record, "expired") and record["eventName"] == "REMOVE"
    ]
    assert [record["userIdentity"]["PrincipalId"] for record in removals] == ["dynamodb.amazonaws.com"]


def test_a_stream_of_the_other_region_calls_its_function(
    table: str, tokyo: Any, oregon: Any, stacks: Any, cloud: LocalCloud, eventually: Callable[..., Any]
) -> None:
    arn = oregon.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    outputs = stacks.deploy(consumer_template(arn), region=OREGON)
    tokyo.put_item(TableName=table, Item=item("streamed"))
    sqs = cloud.client("sqs", region=OREGON)
    seen: list[str] = []

    def received() -> bool:
        messages = sqs.receive_message(QueueUrl=outputs["Queue"], MaxNumberOfMessages=10).get("Messages", [])
        seen.extend(message["Body"] for message in messages)
        return "INSERT streamed" in seen

    eventually(received, within=20)


def consumer_template(stream_arn: str) -> dict[str, Any]:
    return {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Role": role(allow(["dynamodb:*"], stream_arn), allow(["sqs:SendMessage"], arn("Queue"))),
            "Function": function(HANDLER, "Role", Environment={"Variables": {"QUEUE": {"Ref": "Queue"}}}),
            "Mapping": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "EventSourceArn": stream_arn,
                    "FunctionName": {"Ref": "Function"},
                    "StartingPosition": "TRIM_HORIZON",
                },
            },
        },
        "Outputs": {"Queue": {"Value": {"Ref": "Queue"}}},
    }


def test_replicas_come_and_go_with_the_template_and_the_items_stay(
    cloud: LocalCloud, stacks: Any, eventually: Callable[..., Any]
) -> None:
    tokyo, ireland = cloud.client("dynamodb", region=TOKYO), cloud.client("dynamodb", region=IRELAND)
    name = "growing-table"
    table = stacks.deploy(table_template(TOKYO), region=TOKYO, name=name)["Name"]
    tokyo.put_item(TableName=table, Item=item("before"))
    grown = stacks.deploy(table_template(TOKYO, IRELAND), region=TOKYO, name=name)
    assert grown["Name"] == table
    assert read(tokyo, table, "before") == read(ireland, table, "before") == item("before")
    ireland.put_item(TableName=table, Item=item("after"))
    eventually(lambda: read(tokyo, table, "after"))
    stacks.delete(name, region=TOKYO)
    assert table not in tokyo.list_tables()["TableNames"]
    assert table not in ireland.list_tables()["TableNames"]
