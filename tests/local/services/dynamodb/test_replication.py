"""DynamoDB: replication of global tables, conflicts, and recovery from a suspension."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.services.dynamodb.tables import OREGON, TOKYO, changed, item, read, stream_records, table_template


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
        held = httpx.get(f"{cloud.endpoint}/_cdp/replication", headers=cloud.root.authorization).json()
        assert held["suspended"] == [OREGON]
        assert held["pending"][f"{TOKYO} -> {OREGON}"] == 20
    records = stream_records(cloud, OREGON, table)
    versions = [record["dynamodb"]["NewImage"]["version"]["S"] for record in records if changed(record, "ordered")]
    assert versions == [str(version) for version in range(20)]


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
