"""Keeps notices until they are sent, once each, and starts the timer of their user and topic.

A notice is a message ``{"notice_id", "user", "topic", "title", "body", "link", "language"?}``. Anything else fails and
ends in the dead-letter queue.
"""

import os
from typing import Annotated, Any, Literal

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from correlation import TRACEPARENT, carried_by, correlated
from notices.texts import one_line, plain
from notices.timers import arm
from notices.waiting import Waiting

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
sqs = boto3.client("sqs")
timer_queue = os.environ["TIMER_QUEUE"]
waiting = Waiting(boto3.resource("dynamodb").Table(os.environ["WAITING_TABLE"]))

_Id = Annotated[str, Field(min_length=1, max_length=256)]


def _shortened(longest: int) -> AfterValidator:
    return AfterValidator(lambda text: text if len(text) <= longest else text[: longest - 1] + "…")


class Notice(BaseModel):
    """One notice for one user.

    Texts are cut and lose their control characters: a notice says that there is something to read.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    notice_id: _Id
    user: _Id
    topic: _Id
    title: Annotated[str, Field(min_length=1), AfterValidator(one_line), _shortened(100)]
    body: Annotated[str, Field(min_length=1), AfterValidator(plain), _shortened(300)]
    link: Annotated[str, Field(max_length=1000, pattern=r"^https://[!-~]+$")]
    language: Literal["en", "ja"] | None = None


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Keep a batch of notices; only those that could not be kept are delivered again."""
    return process_partial_response(event=event, record_handler=keep, processor=processor, context=context)


@correlated(logger)
def keep(record: SQSRecord) -> None:
    """Keep the notice of one message."""
    notice = Notice.model_validate_json(record.body)
    content = notice.model_dump(exclude={"user", "topic"}, exclude_none=True)
    if traceparent := carried_by(record):
        content[TRACEPARENT] = traceparent
    timer = waiting.accept(notice.user, notice.topic, content)
    if timer is not None:
        arm(sqs, timer_queue, waiting, timer)
    logger.info("Notice kept", user=notice.user, topic=notice.topic, timer=timer is not None)
