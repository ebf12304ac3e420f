"""Publishes new messages of a replica: to the topic, ten at a time, and to the room's live channel, five at a time."""

import itertools
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import boto3
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

DOMAIN, TOPIC = os.environ["LIVE_DOMAIN"], os.environ["TOPIC_ARN"]
ENDPOINT = os.environ.get("AWS_ENDPOINT_URL", f"https://{DOMAIN}")
OK = 200
session = boto3.Session()
sns = boto3.client("sns")
http = urllib3.PoolManager()
T = TypeVar("T")


def handler(event: dict[str, Any], _context: object) -> None:
    """Publish a batch; an error lets Lambda deliver all of it again."""
    messages = [_message(record["dynamodb"]["NewImage"]) for record in event["Records"]]
    for some in _portions(messages, 10):
        entries: Any = [{"Id": str(number), "Message": json.dumps(one)} for number, one in enumerate(some)]
        if sns.publish_batch(TopicArn=TOPIC, PublishBatchRequestEntries=entries).get("Failed"):
            raise RuntimeError("the topic did not take every message")
    by_room = sorted(messages, key=lambda one: one["room"])
    for room, of_room in itertools.groupby(by_room, key=lambda one: one["room"]):
        for some in _portions(list(of_room), 5):
            _publish_live(f"/rooms/{room}", some)


def _publish_live(channel: str, messages: Sequence[dict[str, Any]]) -> None:
    events = [json.dumps({"kind": "message", "message": one}) for one in messages]
    body = json.dumps({"channel": channel, "events": events})
    headers = {"Content-Type": "application/json", "Host": DOMAIN}
    request = AWSRequest("POST", f"https://{DOMAIN}/event", data=body, headers=headers)
    credentials: Any = session.get_credentials()
    SigV4Auth(credentials.get_frozen_credentials(), "appsync", os.environ["AWS_REGION"]).add_auth(request)
    answer = http.request("POST", f"{ENDPOINT}/event", body=body, headers=dict(request.headers))
    if answer.status != OK:
        raise RuntimeError(f"AppSync answered {answer.status}")


def _message(image: dict[str, Any]) -> dict[str, Any]:
    return {name: int(value["N"]) if "N" in value else value["S"] for name, value in image.items()}


def _portions(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (items[start : start + most] for start in range(0, len(items), most))
