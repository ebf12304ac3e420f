"""Lets a browser open sites, APIs and services under the host names that they have on AWS.

`https://<host>/…` of AWS is `http://<host>.localhost:<port>/…` here, and `wss` is `ws`: browsers resolve every name
under `localhost` to the loopback address by themselves and count it as a secure context. It holds for the names of
distributions and their aliases, of APIs and their custom domains, and for every host of AWS. A page that was opened
this way has the local name as its origin; services see the origin on AWS, so that allowed origins need no change, and
the response has the local origin again. Local names are added to a content security policy.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.cloudfront import distributions as cloudfront

__all__ = ["LocalNames"]

_app: Any = ministack.module("app", "_resolve_custom_domain_request")

_Headers = list[tuple[bytes, bytes]]

_SUFFIX = ".localhost"
_OF_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws", ".cloudfront.net")
_API = re.compile(r"([a-z0-9]+)\.execute-api\.")
_SOURCE = re.compile(r"(https|wss)://([^\s/;]+)([^\s;]*)")
_SCHEMES = {"https": "http", "wss": "ws"}


def _name_on_aws(authority: str) -> str | None:
    """Return the name that a local name stands for, or None when it is none: MiniStack has names of its own."""
    name, _, suffix = authority.partition(":")[0].lower().rpartition(_SUFFIX)
    if suffix or "." not in name:
        return None
    known = (
        name.endswith(_OF_AWS)
        or cloudfront.distribution_of(name) is not None
        or _app._resolve_custom_domain_request(name, "/") is not None
    )
    return name if known else None


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), "")


def _replaced(headers: Iterable[tuple[bytes, bytes]], name: bytes, value: str) -> _Headers:
    return [(key, value.encode("latin-1") if key.lower() == name else old) for key, old in headers]


def _folder(name: str) -> str:
    """Return the path below which the gateway finds what a name stands for; what it finds by Host has none."""
    if cloudfront.distribution_of(name) is not None:
        return f"{cloudfront.PREFIX}{name}"
    api = _API.match(name)
    return f"/_aws/execute-api/{api[1]}" if api else ""


def with_local_sources(policy: str, port: int) -> str:
    """Add to every source of a content security policy its local name, and the endpoint itself."""

    def local(source: re.Match[str]) -> str:
        scheme = _SCHEMES[source[1]]
        # MiniStack's own names, as those of live channels, are local already.
        own = source[2].partition(":")[0].endswith(_SUFFIX)
        host = source[2] if own else f"{source[2]}{_SUFFIX}:{port}"
        names = f"{scheme}://{host}{source[3]} {scheme}://127.0.0.1:{port}"
        return f"{source[0]} {names}"

    return _SOURCE.sub(local, policy)


class LocalNames:
    """The gateway with names for browsers: an ASGI application around MiniStack's."""

    def __init__(self, app: Callable[[Any, Any, Any], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request, under the name that it has on AWS when it came under a local one."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers: _Headers = list(scope["headers"])
        host, origin = _header(headers, b"host"), _header(headers, b"origin")
        name, page = _name_on_aws(host), _name_on_aws(origin.removeprefix("http://"))
        if name is None and page is None:
            await self._app(scope, receive, send)
            return
        scope = dict(scope)
        if name is not None:
            headers = _replaced(headers, b"host", name)
            folder = _folder(name)
            scope["raw_path"] = folder.encode() + (scope.get("raw_path") or scope["path"].encode())
            scope["path"] = f"{folder}{scope['path']}"
        if page is not None:
            headers = _replaced(headers, b"origin", f"https://{page}")
        scope["headers"] = headers
        port = scope["server"][1]

        async def answer(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answered: _Headers = list(message["headers"])
                if page is not None and _header(answered, b"access-control-allow-origin") == f"https://{page}":
                    answered = _replaced(answered, b"access-control-allow-origin", origin)
                if policy := _header(answered, b"content-security-policy"):
                    answered = _replaced(answered, b"content-security-policy", with_local_sources(policy, port))
                message = {**message, "headers": answered}
            await send(message)

        await self._app(scope, receive, answer)
