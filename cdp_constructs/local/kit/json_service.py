"""Adds a service that MiniStack does not have, of AWS's JSON protocol: an operation is a function.

```python
@json_service("redshift-data", target="RedshiftData")
def _serve(operation: str, request: dict[str, Any], caller: Caller) -> dict[str, Any]: ...
```
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import Change

__all__ = ["Caller", "ServiceError", "json_service"]

_actions: Any = ministack.module("core.iam_actions", "SERVICE_TO_IAM_NAMESPACE")
_app: Any = ministack.module("app", "SERVICE_HANDLERS")
_evaluator: Any = ministack.module("core.iam_evaluator", "caller_arn", "resolve_credential")
_responses: Any = ministack.module("core.responses")
_router: Any = ministack.module("core.router", "SERVICE_PATTERNS", "extract_access_key_id")

_CONTENT_TYPE = "application/x-amz-json-1.1"

_Response: TypeAlias = tuple[int, dict[str, str], bytes]


class ServiceError(Exception):
    """An error that the client gets.

    Args:
        code: Its name, for example `ResourceNotFoundException`.
        message: Its text.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True)
class Caller:
    """Who sends a request: the ARN, and what the policy variable `aws:userid` is for this principal."""

    arn: str
    user_id: str


_Serve: TypeAlias = Callable[[str, dict[str, Any], Caller], Mapping[str, Any]]


def _caller(headers: Mapping[str, str], query: Mapping[str, Any]) -> Caller:
    key = _router.extract_access_key_id(headers, query)
    credential = _evaluator.resolve_credential(key, _responses.get_account_id()) if key else None
    return Caller(_evaluator.caller_arn(), getattr(credential, "principal_id", "") or "")


def _answer(status: int, document: Mapping[str, Any]) -> _Response:
    return status, {"Content-Type": _CONTENT_TYPE}, json.dumps(document).encode()


def _handler(serve: _Serve) -> Callable[..., Awaitable[_Response]]:
    async def handle(_method: str, _path: str, headers: Mapping[str, str], body: bytes, query: Any) -> _Response:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        caller = _caller(headers, query)
        try:
            # Off the event loop, because an operation may call this server.
            return _answer(200, await asyncio.to_thread(serve, operation, json.loads(body or b"{}"), caller))
        except ServiceError as error:
            return _answer(400, {"__type": error.code, "message": str(error)})

    return handle


class JsonService(Change):
    """Registers a service: its handler, by what requests are recognised, and the namespace of its IAM actions."""

    def __init__(self, name: str, target: str, serve: _Serve) -> None:
        self._name = name
        self._target = target
        self._serve = serve

    def apply(self) -> None:
        """Add the service."""
        _app.SERVICE_HANDLERS[self._name] = _handler(self._serve)
        _router.SERVICE_PATTERNS[self._name] = {"target_prefixes": [f"{self._target}."], "host_patterns": []}
        _actions.SERVICE_TO_IAM_NAMESPACE[self._name] = self._name

    def undo(self) -> None:
        """Remove the service."""
        for registry in (_app.SERVICE_HANDLERS, _router.SERVICE_PATTERNS, _actions.SERVICE_TO_IAM_NAMESPACE):
            del registry[self._name]


def json_service(name: str, *, target: str) -> Callable[[_Serve], JsonService]:
    """Serve a service with the decorated function, which gets the operation's name, its input and who calls.

    Args:
        name: The service as requests are signed for it and as its IAM actions begin.
        target: The part of the header `X-Amz-Target` before the operation.
    """
    return lambda serve: JsonService(name, target, serve)
