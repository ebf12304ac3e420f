"""Events as AWS sends them: of queues, streams, tables and APIs."""

import base64
import json
from typing import Any

from tests.properties.tables import typed

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def sqs(message_id: str, body: str, *, fifo: bool = False, **attributes: str) -> dict[str, Any]:
    """Return a record of a queue, with string attributes of the message."""
    named = {"traceparent": TRACEPARENT, **attributes}
    return {
        "messageId": message_id,
        "receiptHandle": "handle",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": message_id},
        "messageAttributes": {
            name: {"stringValue": value, "dataType": "String"} for name, value in named.items() if value
        },
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:111122223333:queue{'.fifo' if fifo else ''}",
        "awsRegion": "us-east-1",
    }


def kinesis(number: str, data: bytes) -> dict[str, Any]:
    """Return a record of a stream."""
    return {
        "kinesis": {
            "sequenceNumber": number,
            "partitionKey": "p",
            "approximateArrivalTimestamp": 1_800_000_000.123,
            "data": base64.b64encode(data).decode(),
        },
        "eventID": f"shardId-0:{number}",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:111122223333:stream/s",
    }


def dynamodb(number: str, image: dict[str, Any]) -> dict[str, Any]:
    """Return a record of a table's stream: an item that was written."""
    return {
        "eventID": number,
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "SequenceNumber": number,
            "Keys": typed({name: image[name] for name in ("pk", "sk")}),
            "NewImage": typed(image),
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:111122223333:table/t/stream/s",
    }


def http(
    body: str | None = None,
    *,
    method: str = "POST",
    path: str = "/",
    route: str = "$default",
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    encoded: bool = False,
    parameters: dict[str, str] | None = None,
    user: str | None = "u1",
) -> dict[str, Any]:
    """Return a request of an HTTP API (payload format 2.0)."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", **(headers or {})},
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "203.0.113.7"},
            "stage": "$default",
            "requestId": "r",
            "timeEpoch": 1_800_000_000_000,
        },
        "isBase64Encoded": encoded,
    }
    if user is not None:
        event["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": user}, "scopes": None}}
    given = {"body": body, "queryStringParameters": query, "pathParameters": parameters}
    return event | {name: value for name, value in given.items() if value is not None}


def web_socket(route: str, body: str | None = None) -> dict[str, Any]:
    """Return a message of a WebSocket API."""
    user = {"sub": "u1", "username": "anna", "issuer": "https://issuer", "claims": json.dumps({"sub": "u1"})}
    return {
        "requestContext": {
            "routeKey": route,
            "connectionId": "connection",
            "connectedAt": 1_800_000_000_000,
            "identity": {"sourceIp": "203.0.113.7"},
            "authorizer": user,
        },
        "headers": {},
        "body": body,
        "isBase64Encoded": False,
    }
