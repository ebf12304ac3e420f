"""Keeps each thing's latest state and windows from a Kinesis stream, and publishes crossed thresholds.

A record that cannot be read, or on which the work itself fails, goes to the dead-letter queue of records, and those
behind it go on. When a service does not answer, Lambda tries the batch again from the first record that met it. What
takes the whole function down is isolated by Lambda, which halves the batch.
"""

from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from correlation import about

from .alerts import Alerts
from .dead_letters import DeadLetters
from .environment import Environment
from .records import Reading, read_all, traceparent_of
from .store import Store
from .things import Things

logger = Logger()
metrics = Metrics()

# Together these end well before the function does, whatever does not answer.
CALLS = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=16
)
environment = Environment.read()
metrics.set_default_dimensions(function_name=environment.function_name)
dead_letters = DeadLetters(boto3.client("sqs", config=CALLS), environment.record_dead_letter_queue_url)
things = Things(
    Store(boto3.resource("dynamodb", config=CALLS).meta.client, environment.table_name),
    Alerts(boto3.client("sns", config=CALLS), environment.topic_arn),
    environment,
)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Work on a batch; Lambda tries again from the first record that is returned."""
    del context
    records = {record["kinesis"]["sequenceNumber"]: record for record in event["Records"]}
    by_thing: dict[str, list[Reading]] = {}
    # Of a record with several measurements the others are done; it is rejected once, with what is wrong with it.
    rejected: dict[str, list[str]] = {}
    for number, record in records.items():
        readings, wrong = read_all(record, environment.measures)
        for reading in readings:
            by_thing.setdefault(reading.thing, []).append(reading)
        if wrong:
            rejected[number] = wrong
    results = things.record(by_thing)
    for result in results:
        for number, reasons in result.rejected.items():
            rejected.setdefault(number, []).extend(reasons)
    done = [reading for readings in by_thing.values() for reading in readings]
    with about(logger, *(reading.traceparent for reading in done)):
        logger.info("Worked on a batch", records=len(records), rejected=len(rejected))
    failed = [result.retry_from for result in results if result.retry_from is not None]
    failed += [number for number, reasons in rejected.items() if not reject(records[number], "; ".join(reasons))]
    _count("RejectedRecords", len(rejected))
    _count("DuplicateRecords", sum(result.duplicates for result in results))
    _count("TooLateRecords", sum(result.too_late for result in results))
    return {"batchItemFailures": [{"itemIdentifier": number} for number in sorted(failed, key=int)[:1]]}


def reject(record: dict[str, Any], reason: str) -> bool:
    """Send a record to the dead-letter queue; return whether it is there."""
    with about(logger, traceparent_of(record)):
        return dead_letters.send(record, reason)


def _count(name: str, number: int) -> None:
    if number:
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=number)
