"""JSONPath and the Velocity Template Language: expressions are parsed once, and the libraries are imported when needed.

Parsing takes hundreds of times as long as evaluating, and the import of the libraries delays the start of the server.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

__all__ = ["json_path", "render"]

_MOST_KEPT = 512


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


@lru_cache(_MOST_KEPT)
def _template(text: str) -> Any:
    import airspeed  # type: ignore[import-untyped]  # it ships no types

    template = airspeed.Template(text)
    template.ensure_compiled()  # evaluating changes nothing of it: variables and macros are kept in the namespace
    return template


def render(template: str, names: Mapping[str, Any]) -> str:
    """Return what a template makes of variables by their names.

    Raises:
        Exception: the template is wrong, or fails with these values.
    """
    return str(_template(template).merge(dict(names)))
