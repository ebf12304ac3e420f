"""What is accepted: the rules of an upload, and how files of a type begin."""

import codecs
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .environment import Environment

# By content type: "text", or alternatives of which one must match; all conditions of an alternative must hold.
SIGNATURES: dict[str, Any] = json.loads((Path(__file__).parent / "signatures.json").read_text())
# Enough for the first entry names of a zip file.
FIRST_BYTES = 64 * 1024
KEY_PARTS = 4
BRAND = 4
LONGEST_BRANDS = 4096
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
    parts = key.split("/")
    # The owner goes into an attribute of the message, which is never empty and has no control characters.
    if len(parts) != KEY_PARTS or not all(parts) or not parts[1].isprintable():
        raise RejectedError("unknown-key")
    if not 0 < size <= environment.max_bytes:
        raise RejectedError("size")
    if content_type not in environment.content_types:
        raise RejectedError("content-type")


def check_content(content_type: str, first_bytes: bytes, text_encodings: Iterable[str] = ("utf-8",)) -> None:
    """Check that the file begins as files of its type do.

    Raises:
        RejectedError: when it does not.
    """
    if not looks_like(content_type, first_bytes, text_encodings):
        raise RejectedError("content-differs-from-type")


def looks_like(content_type: str, first_bytes: bytes, text_encodings: Iterable[str] = ("utf-8",)) -> bool:
    """Tell whether a file of this content type could begin like that; False for a type without a signature."""
    signature = SIGNATURES.get(content_type, [])
    if signature == "text":
        return is_text(first_bytes, text_encodings)
    return any(all(_holds(condition, first_bytes) for condition in alternative) for alternative in signature)


def _holds(condition: dict[str, Any], first_bytes: bytes) -> bool:
    if "contains" in condition:
        return condition["contains"].encode() in first_bytes
    if "within" in condition:
        return bytes.fromhex(condition["hex"]) in first_bytes[: condition["within"]]
    if "brands" in condition:
        return any(
            brand.startswith(tuple(name.encode() for name in condition["brands"])) for brand in brands(first_bytes)
        )
    return first_bytes.startswith(bytes.fromhex(condition["hex"]), condition["offset"])


def brands(first_bytes: bytes) -> list[bytes]:
    """Return the brands of a file of the ISO base media format (ISO/IEC 14496-12): the major one, then the others."""
    if first_bytes[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(first_bytes[:4]), LONGEST_BRANDS)
    listed = (first_bytes[start : start + 4] for start in range(16, end, 4))
    return [first_bytes[8:12], *(brand for brand in listed if len(brand) == BRAND)]


def is_text(first_bytes: bytes, encodings: Iterable[str] = ("utf-8",)) -> bool:
    """Tell whether the bytes are text of one of these encodings without control characters."""
    return any(_is_text_in(encoding, first_bytes) for encoding in encodings)


def _is_text_in(encoding: str, first_bytes: bytes) -> bool:
    # Without its mark any two bytes are a character of UTF-16.
    if encoding == "utf-16" and not first_bytes.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    # The last character may be cut off.
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        text = decoder.decode(first_bytes, final=len(first_bytes) < FIRST_BYTES)
    except UnicodeDecodeError:
        return False
    return CONTROL_CHARACTERS.search(text) is None
