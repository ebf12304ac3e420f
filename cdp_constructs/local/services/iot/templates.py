"""IoT Core: substitution templates, in every field of an action, against the message whose rule is running."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

from cdp_constructs.local.kit.time_limits import to_thread
from cdp_constructs.local.services.iot.sql import Message, template_of

__all__ = ["fill", "running"]

_running: contextvars.ContextVar[tuple[Message, frozenset[str]] | None] = contextvars.ContextVar(
    "running", default=None
)


@contextlib.contextmanager
def running(message: Message, variables: frozenset[str]) -> Iterator[None]:
    """Fill templates for a message, with the variables of the rule's SQL."""
    token = _running.set((message, variables))
    try:
        yield
    finally:
        _running.reset(token)


def _asks(value: Any, variables: frozenset[str]) -> bool:
    if isinstance(value, dict | list):
        return any(_asks(each, variables) for each in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and "${" in value and template_of(value, variables).asks


def _filled(value: Any, message: Message, variables: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, message, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, message, variables) for item in value]
    if isinstance(value, str) and "${" in value:
        return template_of(value, variables).fill(message)
    return value


async def fill(action: dict[str, Any]) -> dict[str, Any]:
    """Return an action whose templates are filled in.

    Raises:
        SqlError: an expression cannot be read.
        EvaluationError: a function failed, or is not executed.
    """
    current = _running.get()
    if current is None:
        return action
    message, variables = current
    if _asks(action, variables):
        filled: dict[str, Any] = await to_thread(_filled, action, message, variables)
        return filled
    return _filled(action, message, variables)  # type: ignore[no-any-return]  # a dict becomes a dict
