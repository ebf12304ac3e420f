"""Publishes the events of an outbox from the stream of its table.

An item that no topic takes goes to the dead-letter queue of events, and those behind it go on. When SNS does not
answer, Lambda tries the batch again from the first record that was not published.
"""

from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from correlation import TRACEPARENT, id_of
from transactional_outbox.publishing import Entry, Topic, answer

from .dead_letters import DeadLetters
from .environment import Environment
from .events import read

logger = Logger()
metrics = Metrics()
environment = Environment.read()
metrics.set_default_dimensions(function_name=environment.function_name)
topic = Topic(environment.topic_arn, logger)
dead_letters = DeadLetters(boto3.client("sqs"), environment.record_dead_letter_queue_url)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Publish a batch of the stream; Lambda retries from the first record that failed."""
    del context
    records: list[dict[str, Any]] = event["Records"]
    entries: list[Entry] = []
    refused: dict[int, str] = {}
    for position, record in enumerate(records):
        try:
            stream_record = DynamoDBRecord(record).dynamodb
            entries.append(read(position, (stream_record and stream_record.new_image) or {}))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is about this item
            refused[position] = f"{type(error).__name__}: {error}"
    outcome = topic.publish(entries)
    failed = set(outcome.failed)
    rejected = 0
    for position, reason in sorted({**refused, **outcome.refused}.items()):
        if failed and position > min(failed):
            # Lambda delivers it again, with what is behind the first record that failed.
            break
        if dead_letters.send(records[position], reason):
            rejected += 1
        else:
            failed.add(position)
    published = [entry for entry in entries if entry.position not in outcome.unpublished]
    for entry in published:
        if TRACEPARENT in entry.attributes:
            logger.info("Published", correlation_id=id_of(entry.attributes[TRACEPARENT]), attributes=entry.attributes)
    _count("PublishedEvents", len(published))
    _count("RejectedEvents", rejected)
    return answer([record["dynamodb"]["SequenceNumber"] for record in records], failed)


def _count(name: str, number: int) -> None:
    if number:
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=number)
