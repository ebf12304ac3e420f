"""Refuses values that AWS refuses, with one check for requests and for templates.

```python
@validate(types=("AWS::SNS::Topic",), requests={"sns": ("CreateTopic",)})
def _topic(values: Mapping[str, Any]) -> None:
    if len(values.get("DisplayName", "")) > 100:
        raise InvalidValueError("InvalidParameter", "Invalid parameter: DisplayName")
```

The function gets the properties of a resource, or the parameters of a request by the same names. A request is checked
after it has been authorised, and answered with the error code; a resource fails with the message.
"""

import functools
import importlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import Change, Group, Patch
from cdp_constructs.local.kit.refine import before
from cdp_constructs.local.kit.refusals import Response, refused

__all__ = ["BODY", "InvalidValueError", "validate"]

_app: Any = ministack.module("app", "SERVICE_HANDLERS", "_routing_params")
_iam_actions: Any = ministack.module("core.iam_actions", "extract_iam_action")

BODY = "Body"
"""The name of a request's body where that is the value, as in `PutBucketPolicy`."""

_Handler: TypeAlias = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Response]]
Check: TypeAlias = Callable[[Mapping[str, Any]], None]

_BAD_REQUEST = 400
_UNREADABLE = (AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""What a check meets in a request that is malformed, which is the service's to refuse."""
_FORM = "application/x-www-form-urlencoded"
_checks: dict[str, dict[str, list[Check]]] = {}
"""By service, as MiniStack names it, and operation."""


class InvalidValueError(ValueError):
    """A value that a service refuses.

    Args:
        code: The service's error code.
        message: What is wrong.
        status: HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = _BAD_REQUEST) -> None:
        self.code = code
        self.message = message
        self.status = status
        super().__init__(f"{message} (Status Code: {status}, Error Code: {code})")


def _values(headers: Mapping[str, str], body: bytes, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters of a request in whatever protocol it came."""
    if "cbor" in headers.get("content-type", "") + headers.get("smithy-protocol", ""):
        # Only the server's environment has the module.
        decoded: Mapping[str, Any] = importlib.import_module("cbor2").loads(body)
        return decoded
    text = body.decode(errors="replace")
    try:
        document = json.loads(text) if text.startswith("{") else _collected(_nested(parameters))
    except ValueError:
        document = {}  # a body that is a value may be wrong in this way, too
    return {**document, BODY: text}


def _nested(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"A": {"member": {"1": "x"}}}` for `A.member.1=x`, as the Query protocol writes lists and maps."""
    nested: dict[str, Any] = {}
    for name, value in parameters.items():
        *outer, last = name.split(".")
        place = functools.reduce(lambda inner, step: inner.setdefault(step, {}), outer, nested)
        place[last] = value[0] if isinstance(value, list) and value else value
    return nested


def _collected(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value.keys() == {"member"} or value.keys() == {"entry"}:
        ((kind, numbered),) = value.items()
        items = [_collected(numbered[number]) for number in sorted(numbered, key=int)]
        return items if kind == "member" else {item["key"]: item.get("value", "") for item in items}
    return {name: _collected(inner) for name, inner in value.items()}


def _problem(checks: Sequence[Check], values: Callable[[], Mapping[str, Any]]) -> InvalidValueError | None:
    try:
        given = values()
    except _UNREADABLE:
        return None
    return next(filter(None, (_refusal(check, given) for check in checks)), None)


def _refusal(check: Check, given: Mapping[str, Any]) -> InvalidValueError | None:
    try:
        check(given)
    except InvalidValueError as error:
        return error
    except _UNREADABLE:
        pass
    return None


def _operation(
    service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> str:
    """Return which operation is asked for; empty for most that are not checked, since every request comes here."""
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    if "/operation/" in path:
        return path.rpartition("/")[2]
    if headers.get("content-type", "").startswith(_FORM):
        named = body if b"Action=" in body else str(query.get("Action")).encode()
        if not any(name.encode() in named for name in _checks[service]):
            return ""
    elif method == "GET" or (service == "s3" and "policy" not in query):
        return ""
    parameters = _app._routing_params(method, path, headers, body, query)
    action = _iam_actions.extract_iam_action(service, method, path, headers, body, parameters) or ""
    return str(action).rpartition(":")[2]


def _checked(service: str) -> Callable[[_Handler], _Handler]:
    def make(original: _Handler) -> _Handler:
        async def handle(
            method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
        ) -> Response:
            checks = _checks[service].get(_operation(service, method, path, headers, body, query))
            # Who has not signed is for the service to refuse, which looks at the resource's policy first.
            if checks and ("authorization" in headers or "X-Amz-Signature" in query):
                parameters = _app._routing_params(method, path, headers, body, query)
                if problem := _problem(checks, lambda: _values(headers, body, parameters)):
                    return refused(service, problem.code, problem.message, problem.status, headers)
            return await original(method, path, headers, body, query)

        return handle

    return make


class Requests(Change):
    """Checks the requests of some operations of a service; the first such change of a service replaces its handler."""

    def __init__(self, service: str, operations: Sequence[str], check: Check) -> None:
        self._service = service
        self._operations = operations
        self._check = check
        self._handler = Patch(f"ministack.app:SERVICE_HANDLERS[{service}]", _checked(service))
        self.needs = self._handler.needs
        self._first = False

    def apply(self) -> None:
        """Register the check."""
        self._first = self._service not in _checks
        if self._first:
            self._handler.apply()
        for operation in self._operations:
            _checks.setdefault(self._service, {}).setdefault(operation, []).append(self._check)

    def undo(self) -> None:
        """Remove the check."""
        for operation in self._operations:
            _checks[self._service][operation].remove(self._check)
        if self._first:
            self._handler.undo()
            del _checks[self._service]


def validate(
    *, types: Sequence[str] = (), requests: Mapping[str, Sequence[str]] | None = None
) -> Callable[[Check], Group]:
    """Call the decorated function with what a resource or a request has; it raises `InvalidValueError`.

    Args:
        types: Resource types that MiniStack provides; those that the embedded cloud adds are made by requests.
        requests: Operations by service, as MiniStack names it.
    """
    return lambda check: Group(
        [
            *(before(each)(check) for each in types),
            *(Requests(service, operations, check) for service, operations in (requests or {}).items()),
        ]
    )
