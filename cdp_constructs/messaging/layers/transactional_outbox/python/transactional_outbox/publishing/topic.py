"""The topic, with as few requests as SNS allows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from correlation import TRACEPARENT, about
from transactional_outbox.sizes import MOST_BYTES, size_of

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger
    from mypy_boto3_sns.type_defs import PublishBatchRequestEntryTypeDef

__all__ = ["Entry", "Outcome", "Topic"]

_MOST_ENTRIES = 10  # https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
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
        """Bytes that SNS counts."""
        return size_of(self.message, self.attributes)

    def to_request(self, number: int) -> "PublishBatchRequestEntryTypeDef":
        """Return its part of a request."""
        attributes = self.attributes.items()
        return {
            "Id": str(number),
            "Message": self.message,
            "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes},
        }


@dataclass
class Outcome:
    """What was not published, by the positions of the records in the batch."""

    failed: set[int] = field(default_factory=set)
    """Those that SNS may take another time."""
    refused: dict[int, str] = field(default_factory=dict)
    """Those that SNS never takes, with its reason."""

    @property
    def unpublished(self) -> set[int]:
        """All of them."""
        return self.failed | self.refused.keys()


class Topic:
    """A topic to which events are published in batches."""

    def __init__(self, arn: str, logger: "Logger") -> None:
        """Publish to a topic.

        Args:
            arn: The topic.
            logger: The function's own.
        """
        self._arn = arn
        self._logger = logger
        self.client = boto3.client("sns")

    def publish(self, entries: Iterable[Entry]) -> Outcome:
        """Publish entries in their order; return what was not published."""
        outcome = Outcome()
        for request in _in_requests(entries):
            self._publish(request, outcome)
        return outcome

    def _publish(self, entries: list[Entry], outcome: Outcome) -> None:
        request = [entry.to_request(number) for number, entry in enumerate(entries)]
        try:
            answer = self.client.publish_batch(TopicArn=self._arn, PublishBatchRequestEntries=request)
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            of_entry = code in _MAYBE_ONE_ENTRY or isinstance(error, ParamValidationError)
            if of_entry and len(entries) > 1:
                # Alone, only the one at fault is refused.
                for entry in entries:
                    self._publish([entry], outcome)
                return
            with about(self._logger, *(entry.attributes.get(TRACEPARENT) for entry in entries)):
                self._logger.exception("Not published", entries=len(entries))
            if of_entry:
                outcome.refused[entries[0].position] = str(error)
            else:
                outcome.failed |= {entry.position for entry in entries}
            return
        for failure in answer.get("Failed", []):
            entry = entries[int(failure["Id"])]
            with about(self._logger, entry.attributes.get(TRACEPARENT)):
                self._logger.error("Not published", failure=failure)
            if failure.get("SenderFault"):
                outcome.refused[entry.position] = f"{failure['Code']}: {failure.get('Message', '')}"
            else:
                outcome.failed.add(entry.position)


def _in_requests(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    request: list[Entry] = []
    size = 0
    for entry in entries:
        if request and (len(request) == _MOST_ENTRIES or size + entry.size > MOST_BYTES):
            yield request
            request, size = [], 0
        request.append(entry)
        size += entry.size
    if request:
        yield request
