"""Keeps messages and their changes, all of a batch in one object: ``messages/<yyyy>/<mm>/<dd>/<hh>/<id>.jsonl``.

The time is that of the earliest line in the object. The id follows from which lines there are, so a batch that is
delivered again writes the same object again. A message that is delivered again in another batch is in two objects.
"""

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json

from correlation import about, carried_by

from ..domain.entries import Position
from ..domain.events import entry_in
from ..domain.messages import Message

logger = Logger()
s3 = boto3.client("s3")


@dataclass(frozen=True, order=True)
class Line:
    """A message or a change as it is kept, in the order of readers.

    Room, log and sequence identify it. Its id does not: a message that two Regions accepted has one id, and both are
    kept.
    """

    position: Position
    room: str
    log: str
    posted_at: datetime
    text: bytes
    traceparent: str | None = field(compare=False)

    @classmethod
    def of(cls, record: SQSRecord) -> "Line":
        """Read a record of the queue."""
        entry = entry_in(record.body)
        name, time = ("message", entry.posted_at) if isinstance(entry, Message) else ("change", entry.changed_at)
        # As it was published, with what a newer publisher may have added.
        published = from_json(record.body, allow_inf_nan=False)[name]
        return cls(
            entry.position,
            room=entry.room,
            log=entry.log,
            posted_at=datetime.fromisoformat(time).astimezone(UTC),
            text=json.dumps(published, ensure_ascii=False, allow_nan=False).encode(),
            traceparent=entry.traceparent,
        )


def archive(lines: Collection[Line]) -> None:
    """Write messages as one object, each once and in their order: the same messages are the same object."""
    ordered = sorted(set(lines))
    with about(logger, *(line.traceparent for line in ordered)):
        try:
            s3.put_object(
                Bucket=os.environ["BUCKET_NAME"],
                Key=key_of(ordered),
                Body=b"".join(line.text + b"\n" for line in ordered),
                ContentType="application/jsonl",
            )
        except Exception:
            logger.exception("Not archived; all are delivered again", messages=len(ordered))
            raise
        logger.info("Archived", key=key_of(ordered), messages=len(ordered))


def key_of(ordered: list[Line]) -> str:
    """Return where messages are kept, which are in order."""
    names = "\n".join(f"{line.room}/{line.log}/{line.position.sequence}" for line in ordered)
    name = hashlib.sha256(names.encode()).hexdigest()[:32]
    earliest = min(line.posted_at for line in ordered)
    return f"messages/{earliest:%Y/%m/%d/%H}/{name}.jsonl"


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Archive a batch of the queue; what is neither message nor change fails alone."""
    del context
    lines: list[Line] = []
    failed: list[str] = []
    for record in map(SQSRecord, event["Records"]):
        with about(logger, carried_by(record)):
            try:
                lines.append(Line.of(record))
            except Exception:
                logger.exception("neither message nor change", message_id=record.message_id)
                failed.append(record.message_id)
    if lines:
        # When S3 does not take them this raises, and all are delivered again.
        archive(lines)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
