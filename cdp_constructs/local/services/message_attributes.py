"""Attributes of messages that SQS and SNS refuse.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["problem_of"]

_KINDS = {"Binary": "BinaryValue", "Number": "StringValue", "String": "StringValue"}
_RESERVED = ("aws.", "amazon.")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def problem_of(attributes: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return what is wrong with the first attribute that is refused; None when all are taken."""
    for name, attribute in attributes.items():
        given = str(attribute.get("DataType") or "")
        member = _KINDS.get(given.partition(".")[0])
        if name.lower().startswith(_RESERVED):
            return "Message (user) attribute name can't start with 'AWS.' or 'Amazon.'"
        if member is None:
            kinds = "Binary, Number, and String"
            return (
                f"The message attribute '{name}' has an invalid message attribute type, the set of supported type "
                f"prefixes is {kinds}."
            )
        value = attribute.get(member)
        if not value:
            return f"The message attribute '{name}' must contain non-empty message attribute value for type '{given}'."
        if given.startswith("Number") and not _NUMBER.fullmatch(str(value).strip()):
            return f"Can't cast the value of message (user) attribute '{name}' to a number."
    return None
