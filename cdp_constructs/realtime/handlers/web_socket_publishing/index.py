"""Publishes messages of a queue to the channels of a WebSocket API: to each connection, one by one.

A message's attribute ``channel`` says where to, and its body, a JSON text, is the event. Connections are queried by
channel. To each of them the messages of a batch go in the order in which they came. A connection that is gone is
removed. Only what was not published is delivered again, to all connections of its channel: clients know events by
their own ids. What can never be published ends in the queue's dead-letter queue in the same way.
"""

import json
import os
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

logger = Logger()
tracer = Tracer()
CONNECTIONS_AT_A_TIME = 32


def endpoint() -> str:
    """Return where connections are posted to; with the SDKs' setting for another endpoint, APIs are found by path."""
    base, address = os.environ.get("AWS_ENDPOINT_URL"), os.environ["CALLBACK_URL"]
    if base is None:
        return address
    host, _, stage = address.removeprefix("https://").partition("/")
    return f"{base}/_aws/execute-api/{host.partition('.')[0]}/{stage}"


# Short: the queue is the place to wait, and the batch must be done within the function's minute.
config = Config(
    connect_timeout=2,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=CONNECTIONS_AT_A_TIME,
)
table = boto3.resource("dynamodb", config=config).Table(os.environ["TABLE_NAME"])
connections = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint(), config=config)

SEGMENT = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?"
CHANNEL = re.compile(rf"/?{SEGMENT}(?:/{SEGMENT}){{0,4}}/?")
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
LARGEST_MESSAGE = 128 * 1024


class UnpublishableError(Exception):
    """A message that no connection can ever take."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publish a batch and say which messages are to be delivered again."""
    del context
    failed: set[str] = set()
    channels: dict[str, list[tuple[str, bytes]]] = {}
    for record in map(SQSRecord, event["Records"]):
        try:
            channel, frame = frame_of(record)
            channels.setdefault(channel, []).append((record.message_id, frame))
        except UnpublishableError as error:
            logger.warning("Unpublishable", message_id=record.message_id, reason=str(error))
            failed.add(record.message_id)
    with ThreadPoolExecutor(CONNECTIONS_AT_A_TIME) as pool:
        for channel, messages in channels.items():
            try:
                for unpublished in pool.map(partial(post_in_order, channel, messages), subscribed(channel)):
                    failed.update(unpublished)
            except (BotoCoreError, ClientError) as error:
                logger.warning("Subscribers not found", channel=channel, reason=str(error))
                failed.update(message_id for message_id, _ in messages)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(failed)]}


def frame_of(record: SQSRecord) -> tuple[str, bytes]:
    """Return where a message goes, and what clients get.

    Raises:
        UnpublishableError: for a message without a channel, or whose body is too large or no JSON.
    """
    attribute = record.message_attributes["channel"]
    channel = (attribute.string_value if attribute else None) or ""
    if not CHANNEL.fullmatch(channel):
        raise UnpublishableError(f"the message attribute channel is {channel!r}")
    channel = f"/{channel.strip('/')}"
    try:
        json.loads(record.body)
    except ValueError:
        raise UnpublishableError("the body is no JSON") from None
    frame = json.dumps({"type": "data", "channel": channel, "event": record.body}).encode()
    if len(frame) > LARGEST_MESSAGE:
        raise UnpublishableError(f"the message has {len(frame)} bytes; {LARGEST_MESSAGE} fit")
    return channel, frame


def subscribed(channel: str) -> Iterator[str]:
    """Yield the connections that want a channel."""
    arguments: dict[str, Any] = {
        "KeyConditionExpression": "#channel = :channel",
        "ExpressionAttributeNames": {"#channel": "channel", "#connection": "connection"},
        "ExpressionAttributeValues": {":channel": channel},
        "ProjectionExpression": "#connection",
        "ConsistentRead": True,
    }
    while True:
        page = table.query(**arguments)
        yield from (str(item["connection"]) for item in page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


# Clients of boto3 may be used by several threads, tables may not.
removing = threading.Lock()


def post_in_order(channel: str, messages: Sequence[tuple[str, bytes]], connection: str) -> list[str]:
    """Send messages to one connection and return the ids of those that it could not be sent."""
    for number, (_, frame) in enumerate(messages):
        try:
            connections.post_to_connection(ConnectionId=connection, Data=frame)
        except connections.exceptions.GoneException:
            with removing:
                table.delete_item(Key={"channel": channel, "connection": connection})
            logger.info("Gone", channel=channel, connection=connection)
            return []
        except (BotoCoreError, ClientError) as error:
            logger.warning("Not published", channel=channel, connection=connection, reason=str(error))
            return [message_id for message_id, _ in messages[number:]]
    return []
