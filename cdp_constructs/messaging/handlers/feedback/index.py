"""Switches mail off for addresses that do not exist or complained; the source is a queue of SES's events."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json

from notices import Notices

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, logger=logger)  # type: ignore[arg-type]  # stands for one
people = Notices.from_environment()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch of events; only those that failed are delivered again."""
    return process_partial_response(event=event, record_handler=record_feedback, processor=processor, context=context)


def record_feedback(record: SQSRecord) -> None:
    """Switch mail off where one event says so.

    Raises:
        KeyError, TypeError, ValueError: for an event that is neither a bounce nor a complaint.
    """
    logger.append_keys(message_id=record.message_id)
    detail = from_json(record.body, allow_inf_nan=False)["detail"]
    kind = detail["eventType"]
    if kind == "Bounce":
        # A full mailbox or an absence note is no reason; SES itself tries again for a while.
        if detail["bounce"]["bounceType"] == "Permanent":
            for recipient in detail["bounce"]["bouncedRecipients"]:
                people.switch_mail_off(recipient["emailAddress"], "bounce")
    elif kind == "Complaint":
        # Somebody who says that a mail is no spam also sends a report.
        if detail["complaint"].get("complaintFeedbackType") != "not-spam":
            for recipient in detail["complaint"]["complainedRecipients"]:
                people.switch_mail_off(recipient["emailAddress"], "complaint")
    else:
        raise ValueError(f"{kind} is neither a bounce nor a complaint")
    logger.info("Feedback recorded", kind=kind)
