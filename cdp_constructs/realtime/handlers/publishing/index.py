"""Publishes messages of a queue to the channels of an AppSync Events API.

A message's attribute ``channel`` says where to, and its body, a JSON text, is the event. Messages of a batch go out in
the order in which they came, channel by channel, five at a time. Only what was not published is delivered again; what
can never be published ends in the queue's dead-letter queue in the same way. A repeated message is published again:
clients know events by their own ids.
"""

import json
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import urllib3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

logger = Logger()
tracer = Tracer()
session = boto3.Session()

# https://docs.aws.amazon.com/general/latest/gr/appsync.html
EVENTS_PER_PUBLISH = 5
LARGEST_EVENT = 240 * 1024
SEGMENT = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?"
CHANNEL = re.compile(rf"/?{SEGMENT}(?:/{SEGMENT}){{0,4}}/?")
# What one bad event among five can cause; anything else is about the whole request.
MAYBE_ONE_EVENT = {400, 413}
CHANNELS_AT_A_TIME = 8

# Throttles and short failures are tried again here, because the queue would wait for its visibility timeout.
http = urllib3.PoolManager(
    maxsize=CHANNELS_AT_A_TIME,
    timeout=urllib3.Timeout(connect=2, read=4),
    retries=urllib3.Retry(
        total=2,
        backoff_factor=0.2,
        backoff_jitter=0.2,
        status_forcelist=[429, 500, 502, 503, 504],
        allowed_methods=None,
        raise_on_status=False,
    ),
)


class UnpublishableError(Exception):
    """A message that AppSync can never take."""


class PublishError(Exception):
    """A request that AppSync did not take."""

    def __init__(self, status: int, answer: str) -> None:
        super().__init__(f"AppSync answered {status}: {answer}")
        self.status = status


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publish a batch and say which messages are to be delivered again."""
    del context
    failed: list[str] = []
    channels: dict[str, list[SQSRecord]] = {}
    for record in map(SQSRecord, event["Records"]):
        try:
            channels.setdefault(channel_of(record), []).append(record)
        except UnpublishableError as error:
            logger.warning("Unpublishable", message_id=record.message_id, reason=str(error))
            failed.append(record.message_id)
    with ThreadPoolExecutor(CHANNELS_AT_A_TIME) as pool:
        for unpublished in pool.map(publish_in_order, channels, channels.values()):
            failed += unpublished
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def channel_of(record: SQSRecord) -> str:
    """Return where a message goes.

    Raises:
        UnpublishableError: for a message without a channel, or whose body is too large or no JSON.
    """
    attribute = record.message_attributes["channel"]
    channel = (attribute.string_value if attribute else None) or ""
    if not CHANNEL.fullmatch(channel):
        raise UnpublishableError(f"the message attribute channel is {channel!r}")
    size = len(record.body.encode())
    if size > LARGEST_EVENT:
        raise UnpublishableError(f"the event has {size} bytes; {LARGEST_EVENT} fit")
    try:
        json.loads(record.body)
    except ValueError:
        raise UnpublishableError("the body is no JSON") from None
    return channel


def publish_in_order(channel: str, records: Sequence[SQSRecord]) -> list[str]:
    """Publish the messages of one channel and return the ids of those that were not."""
    failed: list[str] = []
    for start in range(0, len(records), EVENTS_PER_PUBLISH):
        some = records[start : start + EVENTS_PER_PUBLISH]
        try:
            failed += publish_some(channel, some)
        except (PublishError, urllib3.exceptions.HTTPError) as error:
            logger.warning("Not published", channel=channel, reason=str(error))
            # Later ones would overtake these, and would most likely fail, too.
            return failed + [record.message_id for record in records[start:]]
    return failed


def publish_some(channel: str, records: Sequence[SQSRecord]) -> list[str]:
    """Publish up to five messages, one by one if one of them spoils the request.

    Raises:
        PublishError: when AppSync takes none, for a reason that is not in a single message.
    """
    try:
        refused = publish(channel, [record.body for record in records])
    except PublishError as error:
        if error.status not in MAYBE_ONE_EVENT:
            raise
        if len(records) > 1:
            return [message_id for record in records for message_id in publish_some(channel, [record])]
        logger.warning("Refused", channel=channel, message_id=records[0].message_id, reason=str(error))
        return [records[0].message_id]
    return [records[index].message_id for index in refused]


def publish(channel: str, events: Iterable[str]) -> list[int]:
    """Send one request, signed by this function's role, and return the indexes of the events that failed.

    Raises:
        PublishError: when AppSync does not take the request.
    """
    domain = os.environ["HTTP_DOMAIN"]
    body = json.dumps({"channel": channel, "events": list(events)})
    headers = {"Content-Type": "application/json", "Host": domain}
    request = AWSRequest("POST", f"https://{domain}/event", data=body, headers=headers)
    credentials: Any = session.get_credentials()
    SigV4Auth(credentials.get_frozen_credentials(), "appsync", os.environ["AWS_REGION"]).add_auth(request)
    # The SDKs' setting for another endpoint; the host stays the API's, as it was signed.
    endpoint = os.environ.get("AWS_ENDPOINT_URL", f"https://{domain}")
    answer = http.request("POST", f"{endpoint}/event", body=body, headers=dict(request.headers))
    if answer.status != 200:  # noqa: PLR2004
        raise PublishError(answer.status, answer.data[:500].decode(errors="replace"))
    failures = answer.json().get("failed", [])
    for failure in failures:
        logger.warning("Event failed", channel=channel, reason=failure.get("errorMessage") or failure.get("message"))
    return [failure["index"] for failure in failures]
