"""JSONPath and the Velocity Template Language: expressions are parsed once, and the libraries are imported when needed.

Parsing takes hundreds of times as long as evaluating, and the import of the libraries delays the start of the server.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

__all__ = ["json_path", "render"]

_MOST_KEPT = 512
_NAME = r"[a-z_][a-z0-9_-]*"
_OF_TEXTS = {
    "endsWith": lambda text, end: text.endswith(end),
    "equals": lambda text, other: text == other,
    "equalsIgnoreCase": lambda text, other: text.lower() == str(other).lower(),
    "indexOf": lambda text, part: text.find(part),
    "isEmpty": lambda text: not text,
    "matches": lambda text, pattern: re.fullmatch(pattern, text) is not None,
    "substring": lambda text, start, end=None: text[start:end],
    "toLowerCase": lambda text: text.lower(),
    "toUpperCase": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
}
"""Methods of Java's strings that airspeed does not have, or has otherwise: `matches` compares the whole text."""


@lru_cache(_MOST_KEPT)
def _path(expression: str) -> Any:
    from jsonpath_ng.ext import parse  # type: ignore[attr-defined]  # its __init__ exports nothing by name

    return parse(expression)


def json_path(expression: str, document: Any) -> list[Any]:
    """Return what a JSONPath leads to in a document.

    Raises:
        Exception: the expression is no JSONPath.
    """
    return [match.value for match in _path(expression).find(document)]


@cache
def _velocity() -> Any:
    import airspeed  # type: ignore[import-untyped]  # it ships no types

    # Names have hyphens in Velocity, as headers do in `$context.responseOverride.header`.
    airspeed.NameOrCall.NAME = re.compile(f"({_NAME})", re.IGNORECASE)
    airspeed.SetDirective.PLACE = re.compile(rf"\s*\$({_NAME}(?:\.{_NAME})*)", re.IGNORECASE)
    # Velocity keeps backslashes in texts as they are: they are the regular expressions' own.
    airspeed.StringLiteral.ESCAPED_CHAR = airspeed.InterpolatedStringLiteral.ESCAPED_CHAR = re.compile(r"(?!)")
    airspeed.__additional_methods__[str].update(_OF_TEXTS)
    return airspeed


@lru_cache(_MOST_KEPT)
def _template(text: str) -> Any:
    template = _velocity().Template(text)
    template.ensure_compiled()  # evaluating changes nothing of it: variables and macros are kept in the namespace
    return template


def render(template: str, names: Mapping[str, Any]) -> str:
    """Return what a template makes of variables by their names.

    Raises:
        Exception: the template is wrong, or fails with these values.
    """
    return str(_template(template).merge(dict(names)))
