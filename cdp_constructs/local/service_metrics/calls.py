"""Counts the requests to every API operation since the server started: what a message or a request costs in calls.

`GET /_cdp/calls` lists them. Requests count as they arrive, also those that are refused; what the server's parts ask of
each other (SNS a queue, an event source mapping a stream) sends no request and is not counted.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.patch import patch

_CALLS: Counter[tuple[str, str, str]] = Counter()
"""By Region, service and operation."""

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z]+)")
_NAMED = re.compile(r"/[A-Za-z]+")


def _operation(method: str, path: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return the operation as the service calls it; of services with REST paths the method and the path's beginning."""
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    if found := _ACTION.search(body[:2000]):
        return found[1].decode()
    beginning = _NAMED.match(path)
    return f"{method} {beginning[0] if beginning else '/'}"


@patch("ministack.app:_dispatch_service_request")
async def _count(
    original: Callable[..., Awaitable[Any]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *rest: Any,
) -> Any:
    if scope := _SCOPE.search(headers.get("authorization", "")):
        region, service = scope.groups()
        # A bucket's name is no operation.
        operation = method if service == "s3" else _operation(method, path, headers, body)
        _CALLS[region, service, operation] += 1
    return await original(method, path, headers, body, *rest)


@route("GET", "calls")
def _list(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "calls": [
            {"region": region, "service": service, "operation": operation, "calls": calls}
            for (region, service, operation), calls in sorted(_CALLS.items())
        ]
    }
