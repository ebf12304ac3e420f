"""Functions of strings: other types are converted; for Null and Undefined the value is Undefined."""

import base64
import binascii
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit.time_limits import MOST_SECONDS, TimeLimitError, limited
from cdp_constructs.local.services.iot.sql.functions.function import Function, of
from cdp_constructs.local.services.iot.sql.message import EvaluationError, read_payload
from cdp_constructs.local.services.iot.sql.values import UNDEFINED, as_integer, as_text

__all__ = ["STRINGS"]

_WIDEST = 1000
_ASCII = 128
_LONGEST = 1_000_000
"""Characters of a text with replacements: eight messages of AWS IoT, so that none takes the server's memory."""
_REFERENCE = re.compile(r"\\(.)|\$(\d)|\$\{(\w+)\}")


def _texts(call: Callable[..., Any]) -> Callable[..., Any]:
    def converted(*values: Any) -> Any:
        texts = [as_text(value) for value in values]
        return UNDEFINED if None in texts else call(*texts)

    return converted


def _chr(value: Any) -> Any:
    code = as_integer(value)
    return chr(code) if code is not None and 0 <= code < _ASCII else UNDEFINED


def _pad(*, left: bool) -> Callable[[Any, Any], Any]:
    def call(value: Any, count: Any) -> Any:
        text, width = as_text(value), as_integer(count)
        if text is None or width is None:
            return UNDEFINED
        spaces = " " * max(0, min(width, _WIDEST))
        return spaces + text if left else text + spaces

    return call


def _substring(value: Any, start: Any, end: Any = None) -> Any:
    text, first = as_text(value), as_integer(start)
    last = len(text or "") if end is None else as_integer(end)
    return UNDEFINED if text is None or first is None or last is None else text[max(first, 0) : max(last, 0)]


def _concat(*values: Any) -> Any:
    if len(values) == 1:
        return values[0]
    if any(isinstance(value, list) for value in values):
        arrays = [value if isinstance(value, list) else [value] for value in values if value is not UNDEFINED]
        return [item for array in arrays for item in array]
    if any(isinstance(value, str) for value in values):
        return _texts(lambda *texts: "".join(texts))(*values)
    return UNDEFINED


@functools.lru_cache(maxsize=512)
def _pattern(expression: str) -> re.Pattern[str] | None:
    try:
        # Java, and so AWS IoT, writes named groups without the P.
        return re.compile(re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", expression))
    except (re.error, OverflowError, RecursionError):
        return None


def _expression(name: str, call: Callable[..., Any]) -> Mapping[str, Callable[..., Any]]:
    """Return a function of a regular expression, by its name."""

    def matched(text: str, expression: str, *rest: str) -> Any:
        pattern = _pattern(expression)
        return UNDEFINED if pattern is None else call(pattern, text, *rest)

    def within_limits(*texts: str) -> Any:
        try:
            return limited(MOST_SECONDS, functools.partial(matched, *texts))
        except TimeLimitError as error:
            raise EvaluationError(f"{name} took {error}", name) from None

    return {name: _texts(within_limits)}


def _check_length(length: int, name: str) -> None:
    if length > _LONGEST:
        raise EvaluationError(f"the result of {name} has more than {_LONGEST:,} characters", name)


def _replace(text: str, sought: str, replacement: str) -> str:
    _check_length(len(text) + text.count(sought) * (len(replacement) - len(sought)), "replace")
    return text.replace(sought, replacement)


def _regexp_replace(pattern: re.Pattern[str], text: str, replacement: str) -> Any:
    length = 0

    def filled(match: re.Match[str]) -> str:
        nonlocal length
        part = _REFERENCE.sub(lambda one: one[1] or match[int(one[2]) if one[2] else one[3]] or "", replacement)
        length += len(part)
        _check_length(length, "regexp_replace")
        return part

    try:
        return pattern.sub(filled, text)
    except IndexError:
        return UNDEFINED


def _regexp_substr(pattern: re.Pattern[str], text: str) -> Any:
    match = pattern.search(text)
    return UNDEFINED if match is None else match[0]


def _encode(value: Any, scheme: Any) -> Any:
    text = value if isinstance(value, bytes) else (as_text(value) or "").encode()
    if scheme != "base64" or value is None or value is UNDEFINED:
        return UNDEFINED
    return base64.b64encode(text).decode()


def _decode(value: Any, scheme: Any) -> Any:
    text = as_text(value)
    if scheme != "base64" or text is None:
        return UNDEFINED
    try:
        decoded = read_payload(base64.b64decode(text, validate=True))
        return decoded.decode() if isinstance(decoded, bytes) else decoded
    except (binascii.Error, ValueError):
        return None


STRINGS: Mapping[str, Function] = {
    **of(0, {"concat": lambda *values: _concat(*values) if values else UNDEFINED}, most=1000),
    **of(
        1,
        {
            "chr": _chr,
            "length": _texts(len),
            "lower": _texts(str.lower),
            "ltrim": _texts(lambda text: text.lstrip(" \t")),
            "numbytes": _texts(lambda text: len(text.encode())),
            "rtrim": _texts(lambda text: text.rstrip(" \t")),
            "trim": _texts(str.strip),
            "upper": _texts(str.upper),
        },
    ),
    **of(
        2,
        {
            "decode": _decode,
            "encode": _encode,
            "endswith": _texts(str.endswith),
            "indexof": _texts(str.find),
            "lpad": _pad(left=True),
            **_expression("regexp_matches", lambda pattern, text: pattern.search(text) is not None),
            **_expression("regexp_substr", _regexp_substr),
            "rpad": _pad(left=False),
            "startswith": _texts(str.startswith),
        },
    ),
    **of(2, {"substring": _substring}, most=3),
    **of(3, {**_expression("regexp_replace", _regexp_replace), "replace": _texts(_replace)}),
}
