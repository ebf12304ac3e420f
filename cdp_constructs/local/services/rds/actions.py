"""RDS: operations of its API that MiniStack lacks, or that do more here."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import Change

__all__ = ["Answer", "Handler", "Parameters", "action", "answered", "error", "failed"]

Answer: TypeAlias = tuple[int, dict[str, str], bytes]
Parameters: TypeAlias = Mapping[str, Any]
Handler: TypeAlias = Callable[[Parameters], Answer]

_rds: Any = ministack.module("services.rds", "_ACTION_MAP", "_error", "_xml")
_BAD_REQUEST = 400


class _Action(Change):
    """Handles an operation; without MiniStack's handler, the function gets one that refuses it as unknown."""

    def __init__(self, name: str, function: Callable[[Handler, Parameters], Answer]) -> None:
        self._name, self._function = name, function
        self._original: Handler | None = None

    def __call__(self, parameters: Parameters) -> Answer:
        """Handle a request."""
        return self._function(self._original or self._unknown, parameters)

    def _unknown(self, _parameters: Parameters) -> Answer:
        return error("InvalidAction", f"Unknown RDS action: {self._name}")

    def apply(self) -> None:
        """Take the place of MiniStack's handler."""
        self._original = _rds._ACTION_MAP.get(self._name)
        _rds._ACTION_MAP[self._name] = self

    def undo(self) -> None:
        """Restore MiniStack's handler."""
        if self._original is None:
            del _rds._ACTION_MAP[self._name]
        else:
            _rds._ACTION_MAP[self._name] = self._original


def action(name: str) -> Callable[[Callable[[Handler, Parameters], Answer]], _Action]:
    """Let the decorated function handle an operation of the API; it gets MiniStack's handler and the parameters."""
    return lambda function: _Action(name, function)


def error(code: str, message: str, status: int = _BAD_REQUEST) -> Answer:
    """Return what RDS answers to a request that it refuses."""
    answer: Answer = _rds._error(code, message, status)
    return answer


def failed(answer: Answer) -> bool:
    """Whether a request was refused."""
    return answer[0] >= _BAD_REQUEST


def answered(name: str, inner: str) -> Answer:
    """Return the answer of an operation, around the XML of its result."""
    answer: Answer = _rds._xml(200, f"{name}Response", f"<{name}Result>{inner}</{name}Result>")
    return answer
