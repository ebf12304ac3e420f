"""IAM: policy variables such as `${aws:userid}` in resources and conditions, which MiniStack leaves as they are.

A variable whose key the request does not have matches nothing, unless it names a default: `${aws:username, 'nobody'}`.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_evaluator: Any = ministack.module("core.iam_evaluator", "_resolve_condition_key")

_VARIABLE = re.compile(r"\$\{\s*([\w:/.-]+)\s*(?:,\s*'([^']*)')?\s*\}")
_MARK = "_has_variables"
"""Attribute of a parsed statement, which is kept for many requests."""


class _Missing(Exception):  # noqa: N818 - decides, and is no error
    """The request does not have the key of a variable."""


def _filled_in(value: Any, context: Any) -> Any:
    if isinstance(value, list):
        return [_filled_in(item, context) for item in value]
    if isinstance(value, dict):
        return {key: _filled_in(item, context) for key, item in value.items()}
    if not isinstance(value, str):
        return value

    def of_request(match: re.Match[str]) -> str:
        found = _evaluator._resolve_condition_key(match[1], context)
        if isinstance(found, str) and found:
            return found
        if match[2] is None:
            raise _Missing
        return match[2]

    return _VARIABLE.sub(of_request, value)


def _has_variables(statement: Any) -> bool:
    known = statement.__dict__.get(_MARK)
    if known is None:
        texts = (statement.resources, statement.not_resources, statement.conditions)
        known = statement.__dict__[_MARK] = any("${" in str(text) for text in texts)
    return bool(known)


@patch("ministack.core.iam_evaluator:_first_match")
def _match(original: Callable[..., Any], context: Any, statements: Sequence[Any], effect: str) -> Any:
    if not any(map(_has_variables, statements)):
        return original(context, statements, effect)
    meant = []
    for statement in statements:
        if not _has_variables(statement):
            meant.append(statement)
            continue
        try:
            filled = {
                name: _filled_in(getattr(statement, name), context)
                for name in ("resources", "not_resources", "conditions")
            }
        except _Missing:
            continue
        meant.append(dataclasses.replace(statement, **filled))
    return original(context, meant, effect)
