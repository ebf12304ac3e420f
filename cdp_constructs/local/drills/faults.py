"""Makes a service of one Region fail on demand, to test failure paths with real clients.

- `POST /_cdp/faults` takes `service` (as in credential scopes: `monitoring` for CloudWatch) and `region`, optionally
  `operation` (as in its API, for example `GetItem`), `error` (an error code), `status` and `message`.
- `DELETE /_cdp/faults` with the same `service`, `region` and `operation` ends that fault, without them every fault.
- `GET /_cdp/faults` lists them.
- `POST /_cdp/delays` takes `service`, `region` and `seconds`: requests are answered that much later, and nothing fails.
  With `caller_region` these are requests of functions and containers of that Region only. `DELETE` with the same
  `service`, `region` and `caller_region` ends it.

Faults apply after routing and before authorisation, to functions and to other clients.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.admin import route
from cdp_constructs.local.kit.callers import region_of_caller
from cdp_constructs.local.kit.faults import DELAYS, FAULTS, Fault, fault_of
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refusals import refused

_app: Any = ministack.module("app", "_routing_params")
_iam_actions: Any = ministack.module("core.iam_actions", "extract_iam_action")
_router: Any = ministack.module("core.router", "detect_service", "extract_region")
_ses_v2: Any = ministack.module("services.ses_v2", "_json_err")


# Services that MiniStack distinguishes although requests to them are signed under one name.
_SIGNED_AS = {"appsync-events": "appsync"}


def _status(error: str) -> int:
    if "Unavailable" in error:
        return 503
    return 500 if error.startswith("Internal") else 400


@route("POST", "faults")
def _inject(request: Mapping[str, Any]) -> Mapping[str, Any]:
    error = request.get("error", "InternalServerError")
    fault = Fault(
        service=request["service"],
        region=request["region"],
        operation=request.get("operation"),
        error=error,
        status=int(request.get("status") or _status(error)),
        message=request.get("message") or f"{error} injected by the embedded cloud",
    )
    FAULTS[fault.service, fault.region, fault.operation] = fault
    return asdict(fault)


@route("DELETE", "faults")
def _clear(request: Mapping[str, Any]) -> Mapping[str, Any]:
    if not request:
        FAULTS.clear()
    else:
        FAULTS.pop((request["service"], request["region"], request.get("operation")), None)
    return _list({})


@route("GET", "faults")
def _list(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"faults": [asdict(fault) for fault in FAULTS.values()]}


@route("POST", "delays")
def _delay(request: Mapping[str, Any]) -> Mapping[str, Any]:
    DELAYS[request["service"], request["region"], request.get("caller_region")] = float(request["seconds"])
    return {}


@route("DELETE", "delays")
def _hurry(request: Mapping[str, Any]) -> Mapping[str, Any]:
    DELAYS.pop((request["service"], request["region"], request.get("caller_region")), None)
    return {}


async def _wait(method: str, path: str, headers: Any, body: bytes, query: Any) -> None:
    """Let a request wait for the delay of its service."""
    service, region, _ = _routed(method, path, headers, body, query)
    signed = _SIGNED_AS.get(service, service)
    callers = {None, region_of_caller(headers, query)}
    await asyncio.sleep(sum(DELAYS.get((signed, region, caller), 0) for caller in callers))


def _routed(method: str, path: str, headers: Any, body: bytes, query: Any) -> tuple[str, str, Any]:
    """Return the service as MiniStack names it, the Region, and the parameters that tell them."""
    parameters = _app._routing_params(method, path, headers, body, query)
    return _router.detect_service(method, path, headers, parameters), _router.extract_region(headers, query), parameters


def _find(method: str, path: str, headers: Any, body: bytes, query: Any) -> Fault | None:
    service, region, parameters = _routed(method, path, headers, body, query)
    action = _iam_actions.extract_iam_action(service, method, path, headers, body, parameters) or ""
    return fault_of(_SIGNED_AS.get(service, service), region, action.rpartition(":")[2])


@patch("ministack.app:_dispatch_service_request")
async def _fail(
    original: Callable[..., Any], method: str, path: str, headers: Any, body: bytes, query: Any, request_id: str
) -> Any:
    # Without delays and faults, the usual case, requests are not routed twice.
    if DELAYS:
        await _wait(method, path, headers, body, query)
    fault = _find(method, path, headers, body, query) if FAULTS else None
    if fault is None:
        return await original(method, path, headers, body, query, request_id)
    return refused(fault.service, fault.error, fault.message, fault.status, headers, request_id)


@patch("ministack.app:_handle_ses_v2_request")
async def _fail_mail(
    original: Callable[..., Any], method: str, path: str, headers: Any, body: bytes, query: Any, request_id: str
) -> Any:
    # Version 2 of SES is answered before other services are looked for.
    fault = _find(method, path, headers, body, query) if FAULTS and path.startswith("/v2/email/") else None
    if fault is None:
        return await original(method, path, headers, body, query, request_id)
    return _ses_v2._json_err(fault.error, fault.message, fault.status)
