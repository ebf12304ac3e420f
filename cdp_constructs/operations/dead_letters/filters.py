"""Whether a record passes the filters of an event source mapping, which only Lambda applies."""

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

__all__ = ["passes"]


def passes(record: Mapping[str, Any], patterns: Sequence[str]) -> bool:
    """Return whether a record fits at least one pattern; without patterns every record does.

    Args:
        record: As the function gets it.
        patterns: ``FilterCriteria`` of the mapping
            (https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html).
    """
    return not patterns or any(_fits(json.loads(pattern), record) for pattern in patterns)


def _fits(pattern: Any, value: Any) -> bool:
    if isinstance(pattern, Mapping):
        return all(_fits(part, value.get(key) if isinstance(value, Mapping) else None) for key, part in pattern.items())
    return any(_is(one, value) for one in pattern)


def _is(wanted: Any, value: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return bool(wanted == value)
    ((operator, operand),) = wanted.items()
    # An operator that is not known lets the record through: the function judges it, too.
    return _OPERATORS.get(operator, lambda _operand, _value: True)(operand, value)


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "prefix": lambda operand, value: isinstance(value, str) and value.startswith(operand),
        "suffix": lambda operand, value: isinstance(value, str) and value.endswith(operand),
        "exists": lambda operand, value: (value is not None) == operand,
        "equals-ignore-case": lambda operand, value: isinstance(value, str) and value.lower() == operand.lower(),
        "anything-but": lambda operand, value: value not in (operand if isinstance(operand, list) else [operand]),
    }
)
