"""Messages as AWS IoT takes them."""

import json
from typing import Any

# AWS IoT ends the connection of a client that publishes more: https://docs.aws.amazon.com/general/latest/gr/iot-core.html
LARGEST_MESSAGE = 128 * 1024


def encoded(document: Any) -> str:
    """Return a document as JSON that fits into a message.

    Raises:
        ValueError: it is too large, or has NaN, an infinite number or half a surrogate pair, which are no JSON.
    """
    text = json.dumps(document, allow_nan=False, ensure_ascii=False)
    size = len(text.encode())
    if size > LARGEST_MESSAGE:
        raise ValueError(f"the message has {size} bytes; {LARGEST_MESSAGE} fit")
    return text
