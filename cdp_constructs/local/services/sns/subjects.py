"""SNS: what of a message is refused: that it is empty, its subject, its attributes, its JSON for several protocols.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html. MiniStack delivers any; of the messages of `PublishBatch`
only their length is checked here.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services import message_attributes

__all__: list[str] = []

_sns: Any = ministack.module(
    "services.sns", "_error", "_message_payload_size", "_p", "_parse_batch_entries", "_parse_message_attributes"
)

_MOST_BYTES = 256 * 1024

_TOO_LONG = 100
# Control characters, and the line and paragraph separators of Unicode.
_REFUSED = {"Cc", "Zl", "Zp"}


@patch("ministack.services.sns:_publish")
def _publish(original: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    if not _sns._p(parameters, "Message"):
        return _sns._error("InvalidParameter", "Invalid parameter: Empty message", 400)
    subject = _sns._p(parameters, "Subject") or ""
    if len(subject) >= _TOO_LONG or any(unicodedata.category(character) in _REFUSED for character in subject):
        return _sns._error("InvalidParameter", "Invalid parameter: Subject", 400)
    if _sns._p(parameters, "MessageStructure") == "json" and (problem := _structure(_sns._p(parameters, "Message"))):
        return _sns._error("InvalidParameter", f"Invalid parameter: Message Structure - {problem}", 400)
    if problem := message_attributes.problem_of(_sns._parse_message_attributes(parameters)):
        return _sns._error("ParameterValueInvalid", problem, 400)
    return original(parameters)


def _structure(message: str) -> str | None:
    try:
        document = json.loads(message)
    except (RecursionError, ValueError):
        return "JSON message body failed to parse"
    if not isinstance(document, dict) or not isinstance(document.get("default"), str):
        return "No default entry in JSON message body"
    return None


@patch("ministack.services.sns:_publish_batch")
def _publish_batch(original: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    entries = _sns._parse_batch_entries(parameters)
    sizes = [_sns._message_payload_size(entry["message"], entry["message_attributes"]) for entry in entries]
    # One that is too long by itself fails alone.
    if len(sizes) > 1 and max(sizes) <= _MOST_BYTES < sum(sizes):
        message = f"The length of all the messages put together is more than the limit of {_MOST_BYTES} bytes."
        return _sns._error("BatchRequestTooLong", message, 400)
    return original(parameters)
