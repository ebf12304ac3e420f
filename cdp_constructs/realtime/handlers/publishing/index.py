"""Publishes messages of a queue to the channels of an AppSync Events API.

Messages of a batch are published in the order in which they came, channel by channel, five at a time. Only what was not
published is delivered again; what can never be published ends in the queue's dead-letter queue in the same way. A
message that is delivered again is published again: clients recognise events by their own ids.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import urllib3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from correlation import about, carried_by, id_of

from ..channels.lag import LagNote
from ..channels.messages import UnpublishableError, channel_of, failures
from .environment import Environment
from .events_api import EventsApi, PublishError

logger = Logger()

# https://docs.aws.amazon.com/general/latest/gr/appsync.html
EVENTS_PER_PUBLISH = 5
LARGEST_EVENT = 240 * 1024
# What one bad event among five can cause; anything else is about the whole request.
MAYBE_ONE_EVENT = {400, 413}
CHANNELS_AT_A_TIME = 8
THROTTLED = 429

api = EventsApi(Environment.read(), connections=CHANNELS_AT_A_TIME)
lag = LagNote.read()
# Kept from batch to batch: starting its threads would be a fifth of a batch's CPU.
pool = ThreadPoolExecutor(CHANNELS_AT_A_TIME)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Publish a batch and say which messages are to be delivered again."""
    del context
    failed: list[str] = []
    channels: dict[str, list[SQSRecord]] = {}
    for record in map(SQSRecord, event["Records"]):
        try:
            channel = channel_of(record)
            check_size(record)
            channels.setdefault(channel, []).append(record)
        except UnpublishableError as error:
            with about(logger, carried_by(record)):
                logger.warning("Unpublishable", message_id=record.message_id, reason=str(error))
            failed.append(record.message_id)
    # One channel, the usual case, needs no other thread.
    publish = map if len(channels) == 1 else pool.map
    for unpublished in publish(publish_in_order, channels, channels.values()):
        failed += unpublished
    lag.see(record for records in channels.values() for record in records if record.message_id not in failed)
    return failures(failed)


def check_size(record: SQSRecord) -> None:
    """Refuse an event that AppSync would not accept.

    Raises:
        UnpublishableError: for a body that is too large.
    """
    size = len(record.body.encode())
    if size > LARGEST_EVENT:
        raise UnpublishableError(f"the event has {size} bytes; {LARGEST_EVENT} fit")


def publish_in_order(channel: str, records: Sequence[SQSRecord]) -> list[str]:
    """Publish the messages of one channel and return the ids of those that were not."""
    failed: list[str] = []
    for start in range(0, len(records), EVENTS_PER_PUBLISH):
        some = records[start : start + EVENTS_PER_PUBLISH]
        try:
            failed += publish_some(channel, some)
        except (PublishError, urllib3.exceptions.HTTPError) as error:
            logger.warning("Not published", channel=channel, reason=str(error), correlation_ids=ids_of(records[start:]))
            if isinstance(error, PublishError) and error.status == THROTTLED:
                # These are late already: they wait for the visibility timeout.
                lag.write(0)
            # Later ones would overtake these, and would most likely fail, too.
            return failed + [record.message_id for record in records[start:]]
    return failed


def publish_some(channel: str, records: Sequence[SQSRecord]) -> list[str]:
    """Publish up to five messages, one by one if the request as a whole was refused.

    Raises:
        PublishError: when AppSync accepts none, for a reason that is not in a single message.
    """
    try:
        refused = api.publish(channel, [record.body for record in records])
    except PublishError as error:
        if error.status not in MAYBE_ONE_EVENT:
            raise
        if len(records) > 1:
            return [message_id for record in records for message_id in publish_some(channel, [record])]
        message_id = records[0].message_id
        logger.warning(
            "Refused", channel=channel, message_id=message_id, reason=str(error), correlation_ids=ids_of(records)
        )
        return [message_id]
    for index, reason in refused.items():
        logger.warning("Event failed", channel=channel, reason=reason, correlation_ids=ids_of([records[index]]))
    published = [record for index, record in enumerate(records) if index not in refused]
    if ids := ids_of(published):
        logger.info("Published", channel=channel, correlation_ids=ids)
    return [records[index].message_id for index in refused]


def ids_of(records: Sequence[SQSRecord]) -> list[str] | None:
    """Return the correlation ids of messages for a log line; None, which Powertools leaves out, when none has one."""
    return [found for found in map(id_of, map(carried_by, records)) if found] or None
