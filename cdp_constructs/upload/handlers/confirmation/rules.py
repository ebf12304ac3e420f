"""What is accepted: the rules of an upload, and how files of a type begin."""

import json
import re
from pathlib import Path
from typing import Any

from .environment import Environment

# By content type: "text", or alternatives of which one must match; all conditions of an alternative must hold.
SIGNATURES: dict[str, Any] = json.loads((Path(__file__).parent / "signatures.json").read_text())
# Enough for the first entry names of a zip file.
FIRST_BYTES = 64 * 1024
KEY_PARTS = 4
# The one reason for which nothing is kept: a form could be used without end for as long as it is valid.
FORM_USED_AGAIN = "form-used-again"
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class RejectedError(Exception):
    """The object breaks a rule; the message becomes its tag."""


def check_description(key: str, size: int, content_type: str, environment: Environment) -> None:
    """Check what S3 says of the object, before a byte of it is read.

    Raises:
        RejectedError: with the rule that the object breaks.
    """
    if len(key.split("/")) != KEY_PARTS:
        raise RejectedError("unknown-key")
    if not 0 < size <= environment.max_bytes:
        raise RejectedError("size")
    if content_type not in environment.content_types:
        raise RejectedError("content-type")


def check_content(content_type: str, first_bytes: bytes) -> None:
    """Check that the file begins as files of its type do.

    Raises:
        RejectedError: when it does not.
    """
    if not looks_like(content_type, first_bytes):
        raise RejectedError("content-differs-from-type")


def looks_like(content_type: str, first_bytes: bytes) -> bool:
    """Tell whether a file of this content type could begin like that; False for a type without a signature."""
    signature = SIGNATURES.get(content_type, [])
    if signature == "text":
        return is_text(first_bytes)
    return any(all(_holds(condition, first_bytes) for condition in alternative) for alternative in signature)


def _holds(condition: dict[str, Any], first_bytes: bytes) -> bool:
    if "contains" in condition:
        return condition["contains"].encode() in first_bytes
    return first_bytes.startswith(bytes.fromhex(condition["hex"]), condition["offset"])


def is_text(first_bytes: bytes) -> bool:
    """Tell whether the bytes are UTF-8 without control characters; the last character may be cut off."""
    try:
        text = first_bytes.decode()
    except UnicodeDecodeError as error:
        cut_off = error.reason == "unexpected end of data" and len(first_bytes) == FIRST_BYTES
        if not cut_off:
            return False
        text = first_bytes[: error.start].decode()
    return CONTROL_CHARACTERS.search(text) is None
