"""Who may send requests: an ASGI application around the whole gateway.

It is for the user who started the server, on a machine on which others work and browsers show any page. So it refuses

- a `Host` that is neither of this machine nor served here: another name that leads here is DNS rebinding;
- an `Origin` that is neither this cloud's own, nor one of its sites, nor allowed by the CORS of what is asked;
- administration (`/_cdp/`, `/_ministack/`) without the root key.

To pages that it lets in it answers CORS for the services that AWS opens to browsers. What a request then may do is
decided by signatures and policies, as on AWS.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from cdp_constructs.local.kit import admin, ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.root import root_key
from cdp_constructs.local.services.gateway import origins
from cdp_constructs.local.services.gateway.names import OF_AWS, addressed, header, is_local, is_of_cloud
from cdp_constructs.local.services.lambda_ import downloads

__all__ = ["Admission"]

_router: Any = ministack.module("core.router", "detect_service")

_App = Callable[[Any, Any, Any], Awaitable[None]]

_ADMINISTRATION = (admin.PREFIX, "/_ministack/", "/_localstack/")
_WITHOUT_KEY = (
    "/_ministack/ready",
    # Addresses that CloudFormation and EKS give to whoever is to answer them; each has a secret of its own.
    "/_ministack/cfn-response/",
    "/_ministack/cfn-signal/",
    "/_ministack/eks-auth/",
    "/_ministack/rds/iam-auth",
)
_BROWSER_SERVICES = frozenset(
    {"appsync", "appsync-events", "cognito-identity", "cognito-idp", "dynamodb", "dynamodbstreams", "sns"}
)
_SIGN_IN_PATHS = ("/oauth2/", "/.well-known/")
_EXPOSED = "x-amzn-errormessage, x-amzn-errortype, x-amzn-requestid, x-amz-request-id, date"
_PREFLIGHT_SECONDS = "86400"


def _host_problem(host: str) -> str | None:
    name = host.lower().rpartition(":")[0] or host.lower()
    if is_local(host) or name.endswith(OF_AWS) or is_of_cloud(name):
        return None
    return f"the host {host!r} is not served here"


def _key_problem(path: str, scope: Any) -> tuple[HTTPStatus, str] | None:
    if not path.startswith(_ADMINISTRATION) or path.startswith(_WITHOUT_KEY):
        return None
    if path.startswith(downloads.PATHS) and downloads.is_signed(path, scope.get("query_string", b"")):
        return None
    given = header(scope["headers"], b"authorization").encode("latin-1")
    if not given:
        return (
            HTTPStatus.UNAUTHORIZED,
            "administration needs the root key: Authorization: Bearer <AWS_SECRET_ACCESS_KEY>",
        )
    expected = root_key().authorization["Authorization"].encode()
    return None if hmac.compare_digest(given, expected) else (HTTPStatus.FORBIDDEN, "this is not the root key")


def _is_for_browsers(scope: Any, host: str, path: str, *, preflight: bool) -> bool:
    """Whether it is for a service of AWS, and one that answers CORS."""
    if scope["type"] != "http" or path.startswith(_ADMINISTRATION) or not origins.is_service(host, path):
        return False
    if any(part in path for part in _SIGN_IN_PATHS):
        return True
    if preflight and is_local(host) and not path.strip("/"):
        return True  # it does not say for which service it asks; the request itself does
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    method = header(scope["headers"], b"access-control-request-method") if preflight else scope["method"]
    return _router.detect_service(method, path, {**headers, "host": host}, query) in _BROWSER_SERVICES


async def _refuse(scope: Any, receive: Any, send: Any, status: HTTPStatus, reason: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps({"message": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _preflight(scope: Any, send: Any, origin: str) -> None:
    asked = header(scope["headers"], b"access-control-request-headers")
    answer = {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        **({"access-control-allow-headers": asked} if asked else {}),
        "access-control-max-age": _PREFLIGHT_SECONDS,
        "vary": "Origin",
        "content-length": "0",
    }
    headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.items()]
    await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


class Admission:
    """The gateway with its conditions for being used."""

    def __init__(self, app: _App) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request, or refuse it and say why."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        if problem := _host_problem(header(headers, b"host")):
            await _refuse(scope, receive, send, HTTPStatus.FORBIDDEN, problem)
            return
        origin = header(headers, b"origin")
        if origin:
            await self._serve_page(scope, receive, send, origin)
        else:
            await self._serve(scope, receive, send, addressed(scope)[1])

    async def _serve(self, scope: Any, receive: Any, send: Any, path: str) -> None:
        if refused := _key_problem(path, scope):
            await _refuse(scope, receive, send, *refused)
        else:
            await self._app(scope, receive, send)

    async def _serve_page(self, scope: Any, receive: Any, send: Any, origin: str) -> None:
        host, path = addressed(scope)
        site = origins.is_site(origin, header(scope["headers"], b"host"), scope["server"][1])
        if not site and not origins.is_allowed(origin, host, path):
            reason = f"pages of the origin {origin!r} may not use this: no deployed CORS configuration allows it"
            await _refuse(scope, receive, send, HTTPStatus.FORBIDDEN, reason)
            return
        preflight = scope["type"] == "http" and scope["method"] == "OPTIONS"
        if not _is_for_browsers(scope, host, path, preflight=preflight):
            await self._serve(scope, receive, send, path)
        elif preflight:
            await _preflight(scope, send, origin)
        else:
            await self._serve(scope, receive, _opened(send, origin), path)


def _opened(send: Callable[..., Awaitable[None]], origin: str) -> Callable[..., Awaitable[None]]:
    async def answer(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            cors = {"access-control-allow-origin": origin, "access-control-expose-headers": _EXPOSED, "vary": "Origin"}
            added = [(name.encode(), value.encode("latin-1")) for name, value in cors.items()]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return answer


# --- MiniStack's own CORS, which allows every page everything ---------------------------------------------------------

_BLANKET = {"access-control-allow-origin": "*", "access-control-expose-headers": "*"}


def _without_blanket(response: Any) -> Any:
    if response is None:
        return None
    status, headers, body = response
    lower: Mapping[str, str] = {name.lower(): value for name, value in headers.items()}
    if all(lower.get(name) == value for name, value in _BLANKET.items()):
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("access-control-")}
    return status, headers, body


@patch("ministack.app:_dispatch_service_request")
async def _dispatch(original: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    return _without_blanket(await original(*arguments))


@patch("ministack.app:_handle_options_request")
def _options(original: Callable[..., Any], *arguments: Any) -> Any:
    return _without_blanket(original(*arguments))


@patch("ministack.app:_with_data_plane_headers")
def _data_plane(original: Callable[..., Any], response: Any, request_id: str, **options: Any) -> Any:
    return original(response, request_id, **{**options, "wildcard_cors": False})
