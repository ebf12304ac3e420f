"""Opens, updates and closes tickets, by alerts and by the webhook of an issue tracker."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    SqsFifoPartialProcessor,
    process_partial_response,
)
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from correlation import carried_by, correlated

from .changes import read
from .trackers import connect

logger = Logger()


@correlated(logger)
def work(record: SQSRecord) -> None:
    """Apply one change to its ticket; the same change again has no effect."""
    change = read(record.body, from_webhook=_is_fifo(record.event_source_arn), traceparent=carried_by(record) or "")
    changed = connect().take(change)
    logger.info("ticket" if changed else "no change", ticket=change.key, status=change.status, event=change.event)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Work on a batch: alerts come in any order, deliveries of the webhook one after the other for each issue."""
    fifo = any(_is_fifo(record["eventSourceARN"]) for record in event["Records"])
    processor = SqsFifoPartialProcessor(skip_group_on_error=True) if fifo else BatchProcessor(event_type=EventType.SQS)
    processor.raise_on_entire_batch_failure = False
    return process_partial_response(event=event, record_handler=work, processor=processor, context=context)


def _is_fifo(queue: str) -> bool:
    # Only the webhook's queue is FIFO; SNS delivers to the other.
    return queue.endswith(".fifo")
