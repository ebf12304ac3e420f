"""DynamoDB: global tables, their streams, expiry; faults of one Region."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.resources import allow, arn, function, role

TOKYO, OREGON, IRELAND = "ap-northeast-1", "us-west-2", "eu-west-1"
STACK = "global-table"

HANDLER = """
import boto3, os
def handler(event, context):
    sqs = boto3.client("sqs")
    for record in event["Records"]:
        change = record["dynamodb"]
        body = record["eventName"] + " " + change["Keys"]["id"]["S"]
        sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=body)
"""


def table_template(*regions: str, **properties: Any) -> dict[str, Any]:
    return {
        "Resources": {
            "Table": {
                "Type": "AWS::DynamoDB::GlobalTable",
                "Properties": {
                    "AttributeDefinitions": [
                        {"AttributeName": "id", "AttributeType": "S"},
                        {"AttributeName": "owner", "AttributeType": "S"},
                    ],
                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                    "BillingMode": "PAY_PER_REQUEST",
                    "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
                    "GlobalSecondaryIndexes": [
                        {
                            "IndexName": "by-owner",
                            "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                            "Projection": {"ProjectionType": "ALL"},
                        }
                    ],
                    "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
                    "Replicas": [
                        {"Region": region, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
                        for region in regions
                    ],
                    **properties,
                },
            }
        },
        "Outputs": {
            "Name": {"Value": {"Ref": "Table"}},
            "Arn": {"Value": {"Fn::GetAtt": ["Table", "Arn"]}},
            "StreamArn": {"Value": {"Fn::GetAtt": ["Table", "StreamArn"]}},
        },
    }


@pytest.fixture(scope="module")
def table(stacks: Any) -> str:
    outputs = stacks.deploy(table_template(TOKYO, OREGON), region=TOKYO, name=STACK)
    assert outputs["Arn"] == f"arn:aws:dynamodb:{TOKYO}:000000000000:table/{outputs['Name']}"
    assert outputs["StreamArn"].startswith(outputs["Arn"] + "/stream/")
    name: str = outputs["Name"]
    return name


@pytest.fixture
def tokyo(cloud: LocalCloud) -> Any:
    return cloud.client("dynamodb", region=TOKYO)


@pytest.fixture
def oregon(cloud: LocalCloud) -> Any:
    return cloud.client("dynamodb", region=OREGON)


def item(identity: str, **attributes: str) -> dict[str, Any]:
    return {"id": {"S": identity}, **{name: {"S": value} for name, value in attributes.items()}}


def read(client: Any, table: str, identity: str) -> Any:
    return client.get_item(TableName=table, Key=item(identity)).get("Item")


def test_a_replica_is_a_table_of_its_region(table: str, oregon: Any) -> None:
    description = oregon.describe_table(TableName=table)["Table"]
    assert description["TableArn"] == f"arn:aws:dynamodb:{OREGON}:000000000000:table/{table}"
    assert [replica["RegionName"] for replica in description["Replicas"]] == [TOKYO]
    assert description["LatestStreamArn"].startswith(description["TableArn"])
    time_to_live = oregon.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert time_to_live == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    backups = oregon.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_every_kind_of_write_reaches_the_other_region_within_a_tenth_of_a_second(
    table: str, tokyo: Any, oregon: Any, eventually: Callable[..., Any]
) -> None:
    tokyo.put_item(TableName=table, Item=item("put"))
    tokyo.update_item(
        TableName=table,
        Key=item("update"),
        UpdateExpression="SET #o = :o",
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":o": {"S": "ann"}},
    )
    tokyo.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item("batch")}}]})
    tokyo.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item("transaction")}}])
    for identity in ("put", "update", "batch", "transaction"):
        eventually(lambda identity=identity: read(oregon, table, identity), within=0.1)
    owned = oregon.query(
        TableName=table,
        IndexName="by-owner",
        KeyConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":o": {"S": "ann"}},
    )
    assert owned["Items"] == [item("update", owner="ann")]
    oregon.delete_item(TableName=table, Key=item("put"))
    oregon.transact_write_items(TransactItems=[{"Delete": {"TableName": table, "Key": item("batch")}}])
    eventually(lambda: not read(tokyo, table, "put") and not read(tokyo, table, "batch"), within=0.1)


def test_a_region_that_is_cut_off_catches_up(
    table: str, tokyo: Any, oregon: Any, cloud: LocalCloud, eventually: Callable[..., Any]
) -> None:
    with cloud.suspend_replication(OREGON):
        tokyo.put_item(TableName=table, Item=item("late"))
        assert read(oregon, table, "late") is None
    eventually(lambda: read(oregon, table, "late"))


def test_both_regions_can_win_a_conditional_write_and_the_later_item_survives_whole(
    table: str, tokyo: Any, oregon: Any, cloud: LocalCloud, eventually: Callable[..., Any]
) -> None:
    first, second = item("conflict", author="tokyo", first="1"), item("conflict", author="oregon", second="2")
    with cloud.suspend_replication(OREGON):
        tokyo.put_item(TableName=table, Item=first, ConditionExpression="attribute_not_exists(id)")
        oregon.put_item(TableName=table, Item=second, ConditionExpression="attribute_not_exists(id)")
        assert (read(tokyo, table, "conflict"), read(oregon, table, "conflict")) == (first, second)
    eventually(lambda: read(tokyo, table, "conflict") == second)
    assert read(oregon, table, "conflict") == second


def test_an_earlier_write_does_not_revive_a_deleted_item(
    table: str, tokyo: Any, oregon: Any, cloud: LocalCloud, eventually: Callable[..., Any]
) -> None:
    tokyo.put_item(TableName=table, Item=item("gone"))
    eventually(lambda: read(oregon, table, "gone"))
    with cloud.suspend_replication(OREGON):
        tokyo.put_item(TableName=table, Item=item("gone", changed="yes"))
        oregon.delete_item(TableName=table, Key=item("gone"))
    eventually(lambda: read(tokyo, table, "gone") is None)
    assert read(oregon, table, "gone") is None


def test_changes_to_one_item_arrive_in_order_after_a_partition(table: str, tokyo: Any, cloud: LocalCloud) -> None:
    with cloud.suspend_replication(OREGON):
        for version in range(20):
            tokyo.put_item(TableName=table, Item=item("ordered", version=str(version)))
        held = httpx.get(f"{cloud.endpoint}/_cdp/replication").json()
        assert held["suspended"] == [OREGON]
        assert held["pending"][f"{TOKYO} -> {OREGON}"] == 20
    records = stream_records(cloud, OREGON, table)
    versions = [record["dynamodb"]["NewImage"]["version"]["S"] for record in records if changed(record, "ordered")]
    assert versions == [str(version) for version in range(20)]


def stream_records(cloud: LocalCloud, region: str, table: str) -> list[dict[str, Any]]:
    streams = cloud.client("dynamodbstreams", region=region)
    arn = cloud.client("dynamodb", region=region).describe_table(TableName=table)["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records: list[dict[str, Any]] = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    return records


def changed(record: dict[str, Any], identity: str) -> bool:
    return bool(record["dynamodb"]["Keys"]["id"]["S"] == identity)


def test_expired_items_are_deleted_everywhere_with_a_record_that_names_the_service(
    table: str, tokyo: Any, oregon: Any, cloud: LocalCloud, eventually: Callable[..., Any]
) -> None:
    tokyo.put_item(TableName=table, Item={**item("expired"), "expires": {"N": "1"}})
    tokyo.put_item(TableName=table, Item={**item("kept"), "expires": {"N": "99999999999"}})
    assert httpx.post(f"{cloud.endpoint}/_cdp/dynamodb/expire").json()["expired"] >= 1
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


def test_a_strongly_consistent_table_is_the_same_everywhere_at_once(cloud: LocalCloud, stacks: Any) -> None:
    regions = (OREGON, "us-east-1", "us-east-2")
    template = table_template(*regions, MultiRegionConsistency="STRONG")
    table = stacks.deploy(template, region=OREGON)["Name"]
    clients = [cloud.client("dynamodb", region=region) for region in regions]
    for index, client in enumerate(clients):
        client.put_item(TableName=table, Item=item("strong", version=str(index)))
        assert [read(other, table, "strong")["version"]["S"] for other in clients] == [str(index)] * 3
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        clients[1].put_item(TableName=table, Item=item("strong"), ConditionExpression="attribute_not_exists(id)")


def test_an_injected_fault_meets_one_operation_of_one_region_until_it_ends(
    table: str, tokyo: Any, oregon: Any, cloud: LocalCloud
) -> None:
    with cloud.inject_fault("dynamodb", TOKYO, operation="GetItem"):
        with pytest.raises(ClientError) as failure:
            read(tokyo, table, "put")
        assert failure.value.response["Error"]["Code"] == "InternalServerError"
        assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        tokyo.put_item(TableName=table, Item=item("writable"))
        read(oregon, table, "put")
    assert read(tokyo, table, "writable")


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("sqs", lambda client: client.list_queues()),
        ("sns", lambda client: client.list_topics()),
        ("s3", lambda client: client.list_objects_v2(Bucket="any")),
        ("lambda", lambda client: client.list_functions()),
        ("kms", lambda client: client.list_keys()),
        ("cloudwatch", lambda client: client.list_metrics()),
    ],
)
def test_a_fault_reaches_the_client_as_the_error_of_the_service(
    cloud: LocalCloud, service: str, call: Callable[[Any], Any]
) -> None:
    with (
        cloud.inject_fault(service, TOKYO, error="ThrottlingException"),
        pytest.raises(ClientError) as failure,
    ):
        call(cloud.client(service, region=TOKYO))
    assert failure.value.response["Error"]["Code"] == "ThrottlingException"
