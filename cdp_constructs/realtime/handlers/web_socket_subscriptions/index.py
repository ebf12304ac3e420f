"""Keeps who is subscribed to which channel of a WebSocket API: an item for each channel and connection.

A client sends ``{"action": "subscribe", "channel": "/rooms/one"}``, ``unsubscribe`` in the same form, and ``ping`` to
keep a silent connection from being closed after ten minutes. The function that the channel's namespace names decides
about a subscription; it gets the event that AppSync Events would send.
"""

import json
import os
import re
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

logger = Logger()
tracer = Tracer()
# A client waits for the answer, and API Gateway for at most 29 seconds.
config = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
functions = boto3.client("lambda", config=config)
table = boto3.resource("dynamodb", config=config).Table(os.environ["TABLE_NAME"])

SEGMENT = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?"
CHANNEL = re.compile(rf"/?{SEGMENT}(?:/{SEGMENT}){{0,4}}/?")
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
LONGEST_CONNECTION = 2 * 60 * 60


class RefusedError(Exception):
    """The user may not have the channel; the message goes to the client."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one route of the API."""
    del context
    request = event["requestContext"]
    route, connection = request["routeKey"], request["connectionId"]
    if route == "$connect":
        # The sub-protocol that the client offered beside its token; browsers insist on an answer.
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "channels"}}
    if route == "$disconnect":
        forget(connection)
        return {"statusCode": 200}
    if route == "ping":
        return reply({"type": "ka"})
    if route not in {"subscribe", "unsubscribe"}:
        return reply({"type": "error", **errors("BadRequestException", "The actions are subscribe, unsubscribe, ping")})
    asked = channel_in(event.get("body"))
    try:
        channel = normalise(asked)
        if route == "unsubscribe":
            table.delete_item(Key={"channel": channel, "connection": connection})
        else:
            subscribe(channel, connection, request)
    except RefusedError as error:
        refusal = errors("UnauthorizedException", str(error))
        return reply({"type": f"{route}_error", "channel": asked, **refusal})
    return reply({"type": f"{route}_success", "channel": channel})


def channel_in(body: str | None) -> str:
    """Return the channel that a client's message names; "" when it names none."""
    try:
        message = json.loads(body or "")
    except ValueError:
        return ""
    return str(message.get("channel", "")) if isinstance(message, dict) else ""


def errors(kind: str, message: str) -> dict[str, Any]:
    """Return an error as AppSync Events writes it."""
    return {"errors": [{"errorType": kind, "message": message}]}


def normalise(channel: str) -> str:
    """Return a channel with a slash before each segment.

    Raises:
        RefusedError: when it is no single channel.
    """
    if not CHANNEL.fullmatch(channel):
        raise RefusedError("There is no such channel")
    return f"/{channel.strip('/')}"


def subscribe(channel: str, connection: str, request: dict[str, Any]) -> None:
    """Remember that a connection wants a channel, if its user may have it.

    Raises:
        RefusedError: when the user may not.
    """
    segments = channel.strip("/").split("/")
    function = json.loads(os.environ["SUBSCRIBE_HANDLERS"]).get(segments[0])
    if function is None:
        raise RefusedError("There is no such channel")
    user = request["authorizer"]
    question: dict[str, Any] = {
        "identity": {
            "sub": user["sub"],
            "username": user["username"],
            "issuer": user["issuer"],
            "claims": json.loads(user["claims"]),
            "sourceIp": [request["identity"]["sourceIp"]],
        },
        "result": None,
        "request": {"headers": {}, "domainName": None},
        "info": {
            "channel": {"path": channel, "segments": segments},
            "channelNamespace": {"name": segments[0]},
            "operation": "SUBSCRIBE",
        },
        "error": None,
        "prev": None,
        "stash": {},
        "outErrors": [],
        "events": None,
    }
    answer = functions.invoke(FunctionName=function, Payload=json.dumps(question))
    said = json.loads(answer["Payload"].read() or "null")
    if answer.get("FunctionError"):
        logger.error("The subscribe handler failed", channel=channel, answer=said)
        raise RefusedError("The subscription could not be checked")
    if isinstance(said, dict) and said.get("error"):
        raise RefusedError(said["error"])
    connected_at = request.get("connectedAt", time.time() * 1000) // 1000
    item = {
        "channel": channel,
        "connection": connection,
        "user": user["sub"],
        "expires_at": int(connected_at) + LONGEST_CONNECTION,
    }
    table.put_item(Item=item)


def forget(connection: str) -> None:
    """Remove what a connection was subscribed to; what this misses is removed by the publisher, or expires."""
    arguments: dict[str, Any] = {
        "IndexName": "ByConnection",
        "KeyConditionExpression": "#connection = :connection",
        "ExpressionAttributeNames": {"#connection": "connection"},
        "ExpressionAttributeValues": {":connection": connection},
    }
    with table.batch_writer() as batch:
        while True:
            page = table.query(**arguments)
            for item in page["Items"]:
                batch.delete_item(Key={"channel": item["channel"], "connection": connection})
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def reply(message: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that API Gateway sends to the client."""
    return {"statusCode": 200, "body": json.dumps(message)}
