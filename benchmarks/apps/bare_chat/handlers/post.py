"""Stores a message of a member as the next of its room, once: one read and one transaction."""

import json
import os
import random
import time
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import boto3

TABLE, REGION = os.environ["TABLE"], os.environ["AWS_REGION"]
TRIES = 10
dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer 201 when this call stored the message, 200 when it was stored before, 404 to who is no member."""
    user = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    room, body = event["pathParameters"]["room"], json.loads(event["body"])
    message = {
        "room": room,
        "region": REGION,
        "author": user,
        "text": body["text"],
        "client_message_id": body["client_message_id"],
        "id": str(uuid5(NAMESPACE_URL, f"{room}/{user}/{body['client_message_id']}")),
    }
    for attempt in range(TRIES):
        time.sleep(random.uniform(0, 0.01 * 2**attempt) if attempt else 0)  # noqa: S311 - jitter
        head = dynamodb.get_item(TableName=TABLE, Key=_key(room, "HEAD"), ConsistentRead=True).get("Item")
        before = int(head["sequence"]["N"]) if head else 0
        clock = max(time.time_ns() // 1_000_000, int(head["clock"]["N"]) + 1 if head else 0)
        message |= {"sequence": before + 1, "clock": clock}
        try:
            dynamodb.transact_write_items(TransactItems=_writes(message, before))
        except dynamodb.exceptions.TransactionCanceledException as refused:
            member, _, _, note = (reason["Code"] for reason in refused.response["CancellationReasons"])
            if member == "ConditionalCheckFailed":
                return _answer(404, {})
            if note == "ConditionalCheckFailed":
                return _answer(200, {"id": message["id"]})
        else:
            return _answer(201, message)
    return _answer(503, {})


def _writes(message: dict[str, Any], before: int) -> list[Any]:
    room = message["room"]
    place = {"sequence": {"N": str(message["sequence"])}, "clock": {"N": str(message["clock"])}}
    stored = {name: {"S": value} for name, value in message.items() if isinstance(value, str)}
    last: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
    if before:
        last = {"ConditionExpression": "#s = :s", "ExpressionAttributeNames": {"#s": "sequence"}}
        last["ExpressionAttributeValues"] = {":s": {"N": str(before)}}
    member = {"pk": {"S": f"ROOM#{room}"}, "sk": {"S": f"MEMBER#{message['author']}"}}
    new = {"TableName": TABLE, "ConditionExpression": "attribute_not_exists(pk)"}
    return [
        {"ConditionCheck": {"TableName": TABLE, "Key": member, "ConditionExpression": "attribute_exists(pk)"}},
        {"Put": {"TableName": TABLE, "Item": _key(room, "HEAD") | place, **last}},
        {"Put": {**new, "Item": _key(room, f"MESSAGE#{message['sequence']:012}") | stored | place}},
        {"Put": {**new, "Item": _key(room, f"NOTE#{message['id']}") | place}},
    ]


def _key(room: str, name: str) -> dict[str, Any]:
    return {"pk": {"S": f"ROOM#{room}#{REGION}"}, "sk": {"S": name}}


def _answer(status: int, document: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": status, "body": json.dumps(document)}
