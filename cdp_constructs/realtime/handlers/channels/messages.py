"""Messages of a queue that are to be published: the attribute ``channel`` says where to, the JSON body is the event."""

from collections.abc import Iterable

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from pydantic_core import from_json

from .grammar import normalised


class UnpublishableError(Exception):
    """A message that can never be published; it ends in the dead-letter queue."""


def channel_of(record: SQSRecord) -> str:
    """Return the normalised channel of a message whose body is an event.

    Raises:
        UnpublishableError: for a message without a channel, or whose body is not JSON.
    """
    # SQS leaves the attributes out when there are none.
    named = (record.get("messageAttributes") or {}).get("channel", {}).get("stringValue") or ""
    channel = normalised(named)
    if channel is None:
        raise UnpublishableError(f"the message attribute channel is {named!r}")
    try:
        from_json(record.body.encode(), allow_inf_nan=False)
    except ValueError as error:
        raise UnpublishableError(f"the body is not JSON: {error}") from None
    return channel


def failures(message_ids: Iterable[str]) -> PartialItemFailureResponse:
    """Return the answer that lets Lambda deliver only these messages again."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}
