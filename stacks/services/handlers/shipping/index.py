"""Reacts to the events that this service receives; only the messages that failed are delivered again."""

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from correlation import correlated
from transactional_outbox import Outbox, connect

from ..contracts.working import Service, each_message
from .rules import RULES

logger = Logger()
service = Service(Outbox(connect()), RULES, logger)


@correlated(logger)
def work(record: SQSRecord) -> None:
    """Work on one message."""
    service.work(record)


handler = each_message(work, logger)
