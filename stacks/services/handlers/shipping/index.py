"""Reacts to the events that this service hears; only the messages that failed are delivered again."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from correlation import correlated
from transactional_outbox import Outbox, connect

from ..contracts.working import Service
from .rules import RULES

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS)
service = Service(Outbox(connect()), RULES, logger)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch."""
    return process_partial_response(event=event, record_handler=work, processor=processor, context=context)


@correlated(logger)
def work(record: SQSRecord) -> None:
    """Work on one message."""
    service.work(record)
