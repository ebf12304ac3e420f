"""Log events as lines: pure, of bytes and without AWS."""

import gzip
import json
import zlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

__all__ = ["UnreadableRecordError", "lines_of"]

# CloudWatch Logs sends up to 1 MB; a record that expands to more is none of its own.
_LARGEST = 16 * 1024 * 1024
_GZIP = zlib.MAX_WBITS | 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_402_300_799_999
"""The last millisecond of the year 9999."""


class UnreadableRecordError(ValueError):
    """A record is not what a subscription filter sends."""


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: str
    timestamp: Annotated[int, Field(ge=0, le=_LAST)]
    message: str


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="ignore")
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
    message_type: Annotated[Literal["DATA_MESSAGE", "CONTROL_MESSAGE"], Field(alias="messageType")]
    log_group: Annotated[str, Field(alias="logGroup")]
    log_stream: Annotated[str, Field(alias="logStream")]
    # The filter is named after the service, so that nothing else needs to know which log groups there are.
    filters: Annotated[
        list[Annotated[str, Field(pattern=r"\A[a-z0-9][a-z0-9-]{0,62}\z")]],
        Field(alias="subscriptionFilters", min_length=1),
    ]
    events: Annotated[list[_Event], Field(alias="logEvents")]


class _Kind(BaseModel):
    model_config = ConfigDict(extra="ignore")
    kind: Annotated[str, Field(alias="messageType")]


def lines_of(data: bytes) -> tuple[str, bytes] | None:
    """Return the service and its lines, compressed; None for what CloudWatch Logs sends to try a destination.

    Args:
        data: A record as Firehose has it.

    Raises:
        UnreadableRecordError: it is no record of a subscription filter.
    """
    text = _expanded(data)
    try:
        if _Kind.model_validate_json(text).kind == "CONTROL_MESSAGE":
            return None
        envelope = _Envelope.model_validate_json(text)
    except ValidationError as error:
        # Without the values, which may be anything.
        places = ", ".join(".".join(map(str, each["loc"])) or each["type"] for each in error.errors()[:5])
        raise UnreadableRecordError(f"is no record of a subscription filter: {places}") from None
    lines = "".join(f"{json.dumps(_line(envelope, event), ensure_ascii=False)}\n" for event in envelope.events)
    # Half a surrogate pair, which JSON can have and UTF-8 cannot.
    return envelope.filters[0], gzip.compress(lines.encode(errors="replace"), mtime=0)


def _expanded(data: bytes) -> bytes:
    expanding = zlib.decompressobj(_GZIP)
    try:
        text = expanding.decompress(data, _LARGEST)
    except zlib.error as error:
        raise UnreadableRecordError(f"is not compressed: {error}") from error
    if not expanding.eof or expanding.unused_data:
        raise UnreadableRecordError(f"does not end, or has more than {_LARGEST} bytes")
    return text


def _line(envelope: _Envelope, event: _Event) -> dict[str, str | None]:
    at = _EPOCH + timedelta(milliseconds=event.timestamp)
    return {
        # As Athena reads a timestamp.
        "at": at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d}",
        "id": event.id,
        "log_group": envelope.log_group,
        "log_stream": envelope.log_stream,
        "level": _level(event.message),
        "message": event.message,
    }


def _level(message: str) -> str | None:
    """Return the level that a structured message names, as Powertools and Lambda write it."""
    if not message.startswith("{"):
        return None
    try:
        document = from_json(message, allow_inf_nan=False)
    except ValueError:
        return None
    found = document.get("level") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None
