"""Makes a service of one Region fail on demand, so that failure paths can be tested with real clients.

- `POST /_cdp/faults` takes `service` (as in credential scopes: `monitoring` for CloudWatch) and `region`, optionally
  `operation` (as in its API, for example `GetItem`), `error` (an error code), `status` and `message`.
- `DELETE /_cdp/faults` with the same `service`, `region` and `operation` ends that fault, without them every fault.
- `GET /_cdp/faults` lists them.

Faults are met after routing and before authorisation, by functions and by outside clients alike.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cdp_constructs.local.kit import admin, ministack

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.app:_dispatch_service_request",
    "ministack.app:_handle_ses_v2_request",
    "ministack.app:_routing_params",
    "ministack.core.iam_actions:access_denied_response",
    "ministack.core.iam_actions:extract_iam_action",
    "ministack.core.router:detect_service",
    "ministack.core.router:extract_region",
    "ministack.services.ses_v2:_json_err",
)

_app: Any = ministack.module("app")
_iam_actions: Any = ministack.module("core.iam_actions")
_router: Any = ministack.module("core.router")
_ses_v2: Any = ministack.module("services.ses_v2")


@dataclass(frozen=True)
class _Fault:
    service: str
    region: str
    operation: str | None
    error: str
    status: int
    message: str

    def meets(self, service: str, region: str, operation: str) -> bool:
        return (self.service, self.region) == (service, region) and self.operation in {None, operation}


# Services that MiniStack tells apart although requests to them are signed under one name.
_SIGNED_AS = {"appsync-events": "appsync"}

_faults: dict[tuple[str, str, str | None], _Fault] = {}


def _status(error: str) -> int:
    if "Unavailable" in error:
        return 503
    return 500 if error.startswith("Internal") else 400


def _inject(request: Mapping[str, Any]) -> Mapping[str, Any]:
    error = request.get("error", "InternalServerError")
    fault = _Fault(
        service=request["service"],
        region=request["region"],
        operation=request.get("operation"),
        error=error,
        status=int(request.get("status") or _status(error)),
        message=request.get("message") or f"{error} injected by the embedded cloud",
    )
    _faults[fault.service, fault.region, fault.operation] = fault
    return asdict(fault)


def _clear(request: Mapping[str, Any]) -> Mapping[str, Any]:
    if not request:
        _faults.clear()
    else:
        _faults.pop((request["service"], request["region"], request.get("operation")), None)
    return _list({})


def _list(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"faults": [asdict(fault) for fault in _faults.values()]}


def _find(method: str, path: str, headers: Any, body: bytes, query: Any) -> _Fault | None:
    parameters = _app._routing_params(method, path, headers, body, query)
    service = _router.detect_service(method, path, headers, parameters)
    region = _router.extract_region(headers, query)
    action = _iam_actions.extract_iam_action(service, method, path, headers, body, parameters) or ""
    service, operation = _SIGNED_AS.get(service, service), action.rpartition(":")[2]
    return next((fault for fault in _faults.values() if fault.meets(service, region, operation)), None)


def install() -> None:
    """Let the faults meet every request to a service, and serve their administration."""
    dispatch, mail = _app._dispatch_service_request, _app._handle_ses_v2_request

    async def faulty(method: str, path: str, headers: Any, body: bytes, query: Any, request_id: str) -> Any:
        # Without faults, which is nearly always, requests are not routed twice.
        fault = _find(method, path, headers, body, query) if _faults else None
        if fault is None:
            return await dispatch(method, path, headers, body, query, request_id)
        # MiniStack's denial is the one formatter of errors that knows the protocol of every service.
        _, response_headers, response_body = _iam_actions.access_denied_response(
            fault.service, "", "", request_id, error_code=fault.error, message=fault.message, headers=headers
        )
        return fault.status, response_headers, response_body

    async def faulty_mail(method: str, path: str, headers: Any, body: bytes, query: Any, request_id: str) -> Any:
        # Version 2 of SES is answered before other services are looked for.
        fault = _find(method, path, headers, body, query) if _faults and path.startswith("/v2/email/") else None
        if fault is None:
            return await mail(method, path, headers, body, query, request_id)
        return _ses_v2._json_err(fault.error, fault.message, fault.status)

    _app._dispatch_service_request, _app._handle_ses_v2_request = faulty, faulty_mail
    admin.route("POST", "faults", _inject)
    admin.route("DELETE", "faults", _clear)
    admin.route("GET", "faults", _list)
