"""A global table of two Regions, and its items."""

from typing import Any

from cdp_constructs.local import LocalCloud

TOKYO, OREGON, IRELAND = "ap-northeast-1", "us-west-2", "eu-west-1"
STACK = "global-table"


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


def item(identity: str, **attributes: str) -> dict[str, Any]:
    return {"id": {"S": identity}, **{name: {"S": value} for name, value in attributes.items()}}


def read(client: Any, table: str, identity: str) -> Any:
    return client.get_item(TableName=table, Key=item(identity)).get("Item")


def stream_records(cloud: LocalCloud, region: str, table: str) -> list[dict[str, Any]]:
    streams = cloud.client("dynamodbstreams", region=region)
    arn = cloud.client("dynamodb", region=region).describe_table(TableName=table)["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records: list[dict[str, Any]] = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    return records


def changed(record: dict[str, Any], identity: str) -> bool:
    return bool(record["dynamodb"]["Keys"]["id"]["S"] == identity)
