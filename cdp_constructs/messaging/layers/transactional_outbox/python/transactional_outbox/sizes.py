"""How large a message of SNS is."""

from collections.abc import Mapping

__all__ = ["MOST_ATTRIBUTES", "MOST_BYTES", "size_of"]

MOST_BYTES = 256 * 1024
"""https://docs.aws.amazon.com/sns/latest/api/API_Publish.html; of a batch all messages together."""
MOST_ATTRIBUTES = 10
"""With raw delivery a queue takes no more: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html."""


def size_of(message: str, attributes: Mapping[str, str]) -> int:
    """Return the bytes that SNS counts: the body, and each attribute's name, type and value."""
    parts = (f"{name}String{value}" for name, value in attributes.items())
    return len(message.encode()) + sum(len(part.encode()) for part in parts)
