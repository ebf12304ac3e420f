"""The connections of a channel: found in the table, posted to, and removed when they are gone."""

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .environment import Environment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTableQueryTypeDef

logger = Logger(child=True)


class Subscribers:
    """Who is subscribed to the channels of one API.

    Args:
        environment: Names the table and the API's stage.
        connections: How many requests are sent at a time.
    """

    def __init__(self, environment: Environment, *, connections: int) -> None:
        # Short: messages wait in the queue, and the batch must be finished within the function's minute.
        config = Config(
            connect_timeout=2,
            read_timeout=4,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=connections,
        )
        self.table = boto3.resource("dynamodb", config=config).Table(environment.table_name)
        # No types: the development dependencies have no stubs of this service.
        self.api: Any = boto3.client("apigatewaymanagementapi", endpoint_url=environment.endpoint, config=config)
        # Clients of boto3 may be used by several threads, tables may not.
        self._removing = threading.Lock()

    def of(self, channel: str) -> Iterator[str]:
        """Yield the connections that are subscribed to a channel."""
        request: QueryInputTableQueryTypeDef = {
            "KeyConditionExpression": "#channel = :channel",
            "ExpressionAttributeNames": {"#channel": "channel", "#connection": "connection"},
            "ExpressionAttributeValues": {":channel": channel},
            "ProjectionExpression": "#connection",
            "ConsistentRead": True,
        }
        while True:
            page = self.table.query(**request)
            yield from (str(item["connection"]) for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def post_in_order(self, channel: str, messages: Sequence[tuple[str, bytes]], connection: str) -> list[str]:
        """Send messages, each an id and its bytes, to one connection; return the ids of those that were not sent."""
        for number, (_, frame) in enumerate(messages):
            try:
                self.api.post_to_connection(ConnectionId=connection, Data=frame)
            except self.api.exceptions.GoneException:
                self._remove(channel, connection)
                return []
            except (BotoCoreError, ClientError) as error:
                logger.warning("Not published", channel=channel, connection=connection, reason=str(error))
                return [message_id for message_id, _ in messages[number:]]
        return []

    def _remove(self, channel: str, connection: str) -> None:
        with self._removing:
            self.table.delete_item(Key={"channel": channel, "connection": connection})
        logger.info("Gone", channel=channel, connection=connection)
