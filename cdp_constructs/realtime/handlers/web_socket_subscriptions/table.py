"""The table of subscriptions: an item for each channel and connection."""

import time
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTableQueryTypeDef

# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
LONGEST_CONNECTION_SECONDS = 2 * 60 * 60


class Subscriptions:
    """Who is subscribed to what.

    Args:
        table_name: Name of the table.
        config: Timeouts and retries.
    """

    def __init__(self, table_name: str, config: Config) -> None:
        self.table = boto3.resource("dynamodb", config=config).Table(table_name)

    def add(self, channel: str, request: dict[str, Any]) -> None:
        """Keep a subscription until the connection must have ended."""
        connected_at = request.get("connectedAt", time.time() * 1000) // 1000
        self.table.put_item(
            Item={
                "channel": channel,
                "connection": request["connectionId"],
                "user": request["authorizer"]["sub"],
                "expires_at": int(connected_at) + LONGEST_CONNECTION_SECONDS,
            }
        )

    def remove(self, channel: str, connection: str) -> None:
        """Remove a subscription."""
        self.table.delete_item(Key={"channel": channel, "connection": connection})

    def remove_all(self, connection: str) -> None:
        """Remove what a connection was subscribed to; what this misses is removed by the publisher, or expires."""
        request: QueryInputTableQueryTypeDef = {
            "IndexName": "ByConnection",
            "KeyConditionExpression": "#connection = :connection",
            "ExpressionAttributeNames": {"#connection": "connection"},
            "ExpressionAttributeValues": {":connection": connection},
        }
        with self.table.batch_writer() as batch:
            while True:
                page = self.table.query(**request)
                for item in page["Items"]:
                    batch.delete_item(Key={"channel": item["channel"], "connection": connection})
                if "LastEvaluatedKey" not in page:
                    return
                request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
