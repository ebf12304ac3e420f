"""SNS: an empty message, and a subject with line breaks, control characters, or 100 characters or more are refused.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html. MiniStack delivers any; those of `PublishBatch` are not
checked here either.
"""

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

__all__: list[str] = []

_sns: Any = ministack.module("services.sns", "_error", "_p")

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
    return original(parameters)
