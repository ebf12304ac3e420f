"""Switches mail off for addresses that do not exist or complained; the source is a queue of SES's events."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json

from correlation import about, correlated, started
from notices import Notices
from notices.values import Reason

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
people = Notices.from_environment()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch of events; only those that failed are delivered again."""
    return process_partial_response(event=event, record_handler=record_feedback, processor=processor, context=context)


@correlated(logger)
def record_feedback(record: SQSRecord) -> None:
    """Switch mail off where one event says so.

    Raises:
        Exception: for an event that is neither a bounce nor a complaint, or a recipient that cannot be recorded.
    """
    detail = from_json(record.body, allow_inf_nan=False)["detail"]
    with about(logger, *map(started, ids_of(detail))):
        switch_off(detail)


def ids_of(detail: dict[str, Any]) -> list[str]:
    """Return the correlation ids of the mail that an event is about; SES returns its headers."""
    try:
        headers = detail["mail"]["headers"]
        values = [header["value"] for header in headers if header["name"].lower() == "x-correlation-id"]
        return [found for value in values for found in value.split(", ")]
    except (AttributeError, KeyError, TypeError):
        # They are for the log only: the addresses matter.
        return []


def switch_off(detail: dict[str, Any]) -> None:
    """Switch mail off for the addresses of a bounce or complaint.

    Raises:
        Exception: the first failure, after all other addresses were switched off.
    """
    kind = detail["eventType"]
    failures = [error for recipient, reason in recipients(detail) if (error := switched_off(recipient, reason))]
    if failures:
        logger.error("Feedback not recorded whole", kind=kind, failures=len(failures))
        raise failures[0]
    logger.info("Feedback recorded", kind=kind)


def recipients(detail: dict[str, Any]) -> list[tuple[Any, Reason]]:
    """Return the recipients that get no more mail, and why."""
    kind = detail["eventType"]
    if kind == "Bounce":
        # A full mailbox or an absence note is no reason; SES itself tries again for a while.
        lasting = detail["bounce"]["bounceType"] == "Permanent"
        return [(recipient, "bounce") for recipient in detail["bounce"]["bouncedRecipients"] if lasting]
    if kind == "Complaint":
        # Somebody who says that a mail is no spam also sends a report.
        serious = detail["complaint"].get("complaintFeedbackType") != "not-spam"
        return [(recipient, "complaint") for recipient in detail["complaint"]["complainedRecipients"] if serious]
    raise ValueError(f"{kind} is neither a bounce nor a complaint")


def switched_off(recipient: Any, reason: Reason) -> Exception | None:
    """Switch mail off for one recipient, and return what failed: it must not hold up the others."""
    try:
        people.switch_mail_off(recipient["emailAddress"], reason)
    except Exception as error:  # noqa: BLE001 - raised by the caller, after the others
        return error
    return None
