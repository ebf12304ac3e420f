"""The topic, with as few requests as SNS allows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from correlation import TRACEPARENT, about

if TYPE_CHECKING:
    from mypy_boto3_sns.type_defs import PublishBatchRequestEntryTypeDef

logger = Logger(child=True)

# https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html; the bytes are those of all messages together.
_MOST_ENTRIES = 10
_MOST_BYTES = 256 * 1024
# What one bad entry can cause to a whole request; anything else is about the topic or the caller.
_MAYBE_ONE_ENTRY = {
    "BatchRequestTooLong",
    "InvalidParameter",
    "InvalidParameterValue",
    "ParameterValueInvalid",
    "ValidationError",
}


@dataclass(frozen=True)
class Entry:
    """An event to be published."""

    position: int
    """Of its record in the batch."""
    message: str
    attributes: dict[str, str]

    @property
    def size(self) -> int:
        """Bytes that SNS counts: the body, and each attribute's name, type and value."""
        parts = (f"{name}String{value}" for name, value in self.attributes.items())
        return len(self.message.encode()) + sum(len(part.encode()) for part in parts)

    def to_request(self, number: int) -> "PublishBatchRequestEntryTypeDef":
        """Return its part of a request."""
        attributes = self.attributes.items()
        return {
            "Id": str(number),
            "Message": self.message,
            "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes},
        }


class Topic:
    """A topic to which events are published in batches."""

    def __init__(self, arn: str) -> None:
        self._arn = arn
        self.client = boto3.client("sns")

    def publish(self, entries: Iterable[Entry]) -> set[int]:
        """Publish entries in their order; return the positions of the records that were not published."""
        return {position for request in _in_requests(entries) for position in self._publish(request)}

    def _publish(self, entries: list[Entry]) -> set[int]:
        request = [entry.to_request(number) for number, entry in enumerate(entries)]
        try:
            answer = self.client.publish_batch(TopicArn=self._arn, PublishBatchRequestEntries=request)
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            if len(entries) > 1 and (code in _MAYBE_ONE_ENTRY or isinstance(error, ParamValidationError)):
                # Alone, only the one at fault is refused.
                return {position for entry in entries for position in self._publish([entry])}
            with about(logger, *(entry.attributes.get(TRACEPARENT) for entry in entries)):
                logger.exception("Not published", entries=len(entries))
            return {entry.position for entry in entries}
        failed = answer.get("Failed", [])
        for failure in failed:
            with about(logger, entries[int(failure["Id"])].attributes.get(TRACEPARENT)):
                logger.error("Not published", failure=failure)
        return {entries[int(failure["Id"])].position for failure in failed}


def _in_requests(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    request: list[Entry] = []
    size = 0
    for entry in entries:
        if request and (len(request) == _MOST_ENTRIES or size + entry.size > _MOST_BYTES):
            yield request
            request, size = [], 0
        request.append(entry)
        size += entry.size
    if request:
        yield request
