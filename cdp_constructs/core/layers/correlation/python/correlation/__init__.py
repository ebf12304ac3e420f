"""One id for an item on its way through a system: every log line about the item has it.

Carried as ``traceparent`` of W3C Trace Context, in HTTP headers, message attributes, metadata of objects and fields of
items; logged as ``correlation_id``, the 32 hexadecimal digits of its trace id (https://www.w3.org/TR/trace-context/).

    @correlated(logger)
    def work(record: SQSRecord) -> None:
        logger.info("Worked on an order")                      # has the correlation_id of the record
        sqs.send_message(…, MessageAttributes=attributes(carried_by(record)))
"""

import functools
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

__all__ = ["TRACEPARENT", "about", "attributes", "carried_by", "correlated", "id_of", "started", "valid"]

TRACEPARENT = "traceparent"

# Of a later version than 00, what follows is not read.
_FORM = re.compile(r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_LONGEST = 512
# Ids that became known in the middle of the work on a message, which then failed: for the line that says so.
_failed_with: ContextVar[dict[str, None] | None] = ContextVar("_failed_with", default=None)
_Done = TypeVar("_Done")


def started(trace_id: str | None = None) -> str:
    """Return a new ``traceparent``.

    Args:
        trace_id: 32 hexadecimal digits. Default: random ones.
    """
    return f"00-{trace_id or secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def valid(value: object) -> str | None:
    """Return a ``traceparent`` that another party sent, in version 00, or None for anything else."""
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    found = _FORM.fullmatch(value)
    if found is None or not found["trace"].strip("0") or not found["parent"].strip("0"):
        return None
    if found["version"] == "00" and found[4]:
        return None
    return f"00{value[2:55]}"


def id_of(traceparent: object) -> str | None:
    """Return the correlation id of a ``traceparent``, or None for what is none."""
    known = valid(traceparent)
    return known.split("-")[1] if known else None


def carried_by(record: "SQSRecord") -> str | None:
    """Return the ``traceparent`` of a message of SQS, which has it as an attribute; None without one."""
    # SQS leaves the attributes out when there are none.
    return valid((record.get("messageAttributes") or {}).get(TRACEPARENT, {}).get("stringValue"))


def attributes(traceparent: object) -> dict[str, Any]:
    """Return the attributes of a message of SQS or SNS that carry a ``traceparent``; none for what is none."""
    known = valid(traceparent)
    return {TRACEPARENT: {"DataType": "String", "StringValue": known}} if known else {}


@contextmanager
def about(logger: "Logger", *traceparents: object) -> Iterator[None]:
    """Give log lines the id of the item that they are about, or the ids of several.

    All threads of the function share the lines' keys: in threads, pass ``correlation_id`` to the line itself.
    """
    ids = [found for found in map(id_of, traceparents) if found]
    keys: dict[str, Any] = {}
    if ids:
        keys = {"correlation_id": ids[0]} if len(traceparents) == 1 else {"correlation_ids": ids}
    before = {name: value for name, value in logger.get_current_keys().items() if name in keys}
    logger.append_keys(**keys)
    try:
        yield
    except Exception:
        if (outside := _failed_with.get()) is not None:
            outside.update(dict.fromkeys(ids))
        raise
    finally:
        logger.remove_keys(keys)
        logger.append_keys(**before)


def correlated(logger: "Logger") -> "Callable[[Callable[[SQSRecord], _Done]], Callable[[SQSRecord], _Done]]":
    """Decorate what works on one message of a queue: its log lines, and that of its failure, say which message it is.

    They have the ``message_id`` of SQS too, by which a dead-letter queue knows it.

    Args:
        logger: The function's own.
    """

    def decorate(work: "Callable[[SQSRecord], _Done]") -> "Callable[[SQSRecord], _Done]":
        @functools.wraps(work)
        def worked(record: "SQSRecord") -> _Done:
            carried = carried_by(record)
            inside: dict[str, None] = {}
            token = _failed_with.set(inside)
            try:
                with about(logger, carried), logger.append_context_keys(message_id=record.get("messageId")):
                    try:
                        return work(record)
                    except Exception:
                        # Powertools leaves out what is None.
                        more = None if carried or not inside else list(inside)
                        logger.exception("Failed; the message is delivered again", correlation_ids=more)
                        raise
            finally:
                _failed_with.reset(token)

        return worked

    return decorate
