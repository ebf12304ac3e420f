"""Which message an item of the outbox is."""

from collections.abc import Mapping
from typing import Any

from transactional_outbox.publishing import Entry
from transactional_outbox.sizes import MOST_BYTES

__all__ = ["UnreadableEventError", "read"]


class UnreadableEventError(ValueError):
    """The item is no event that a topic takes."""


def read(position: int, image: Mapping[str, Any]) -> Entry:
    """Return the message of an item that was written.

    Args:
        position: Of its record in the batch.
        image: The item.

    Raises:
        UnreadableEventError: when it is none, saying why.
    """
    message, attributes = image.get("message"), image.get("attributes", {})
    if not isinstance(message, str) or not message:
        raise UnreadableEventError("message is no text, or empty")
    if not isinstance(attributes, Mapping):
        raise UnreadableEventError("attributes is no map")
    for name, value in attributes.items():
        if not name or not isinstance(value, str) or not value:
            raise UnreadableEventError("an attribute is no text, or empty")
    entry = Entry(position, message, dict(attributes))
    try:
        size = entry.size
    except UnicodeEncodeError as error:
        raise UnreadableEventError("text that is no UTF-8") from error
    if size > MOST_BYTES:
        raise UnreadableEventError(f"{size} bytes, and SNS takes {MOST_BYTES}")
    return entry
