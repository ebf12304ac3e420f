"""Publishes messages of a queue to the channels of a WebSocket API: to each connection, one by one.

Connections are queried by channel. To each of them the messages of a batch are sent in the order in which they came. A
connection that is gone is removed. Only what was not published is delivered again, to all connections of its channel:
clients recognise events by their own ids. What can never be published ends in the queue's dead-letter queue in the same
way.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from correlation import about, carried_by, id_of

from ..channels.lag import LagNote
from ..channels.messages import UnpublishableError, channel_of, failures
from .environment import Environment
from .subscribers import Subscribers

logger = Logger()

CONNECTIONS_AT_A_TIME = 32
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
LARGEST_MESSAGE = 128 * 1024

subscribers = Subscribers(Environment.read(), connections=CONNECTIONS_AT_A_TIME)
lag = LagNote.read()
# Kept from batch to batch: starting its threads would be half of a batch's CPU.
pool = ThreadPoolExecutor(CONNECTIONS_AT_A_TIME)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Publish a batch and say which messages are to be delivered again."""
    del context
    failed: set[str] = set()
    channels: dict[str, list[tuple[str, bytes]]] = {}
    ids: dict[str, str] = {}
    for record in map(SQSRecord, event["Records"]):
        if traceparent := carried_by(record):
            ids[record.message_id] = str(id_of(traceparent))
        try:
            channel = channel_of(record)
            channels.setdefault(channel, []).append((record.message_id, frame_of(channel, record.body)))
        except UnpublishableError as error:
            with about(logger, traceparent):
                logger.warning("Unpublishable", message_id=record.message_id, reason=str(error))
            failed.add(record.message_id)
    for channel, messages in channels.items():
        post = partial(subscribers.post_in_order, channel, messages)
        posted: list[Future[list[str]]] = []
        try:
            posted += (pool.submit(post, connection) for connection in subscribers.of(channel))
            for future in posted:
                failed.update(future.result())
        except (BotoCoreError, ClientError) as error:
            logger.warning("Subscribers not found", channel=channel, reason=str(error))
            failed.update(message_id for message_id, _ in messages)
        finally:
            # Nothing goes on when the call has ended: Lambda would stop it in the middle.
            wait(posted)
        log_published(channel, [message_id for message_id, _ in messages], failed, ids)
    lag.see(record for record in map(SQSRecord, event["Records"]) if record.message_id not in failed)
    return failures(sorted(failed))


def log_published(channel: str, messages: Sequence[str], failed: Collection[str], ids: Mapping[str, str]) -> None:
    """Log what became of the messages that have a correlation id."""
    published = [ids[name] for name in messages if name in ids and name not in failed]
    unpublished = [ids[name] for name in messages if name in ids and name in failed]
    if published:
        logger.info("Published", channel=channel, correlation_ids=published)
    if unpublished:
        logger.warning("Not published", channel=channel, correlation_ids=unpublished)


def frame_of(channel: str, event: str) -> bytes:
    """Return what clients get.

    Raises:
        UnpublishableError: for an event that is too large.
    """
    frame = json.dumps({"type": "data", "channel": channel, "event": event}, ensure_ascii=False).encode()
    if len(frame) > LARGEST_MESSAGE:
        raise UnpublishableError(f"the message has {len(frame)} bytes; {LARGEST_MESSAGE} fit")
    return frame
