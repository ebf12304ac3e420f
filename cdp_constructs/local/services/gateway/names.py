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

__all__ = ["OF_AWS", "LocalNames", "addressed", "header", "is_local", "is_of_cloud", "with_local_sources"]

_app: Any = ministack.module("app", "_resolve_custom_domain_request")

_Headers = list[tuple[bytes, bytes]]

_SUFFIX = ".localhost"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
OF_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws", ".cloudfront.net", ".amazoncognito.com")
_API = re.compile(r"([a-z0-9]+)\.execute-api\.")
_SOURCE = re.compile(r"(https|wss)://([^\s/;]+)([^\s;]*)")
_SCHEMES = {"https": "http", "wss": "ws"}


def _split(authority: str) -> tuple[str, str]:
    """Split a host, in lower case, and its port; an address of IPv6 keeps its brackets."""
    host, colon, port = authority.lower().rpartition(":")
    return (host, port) if colon and port.isdecimal() else (authority.lower(), "")


def is_local(authority: str, port: int | None = None) -> bool:
    """Whether a host is a name of this machine that no DNS can change.

    Args:
        authority: Host, and port when it has one.
        port: The port that it must have; any by default.
    """
    name, given = _split(authority)
    return (name in _LOOPBACK or name.endswith(_SUFFIX)) and (port is None or given == str(port))


def is_of_cloud(name: str) -> bool:
    """Whether a name is that of a distribution or one of its aliases, or a custom domain of an API."""
    return cloudfront.distribution_of(name) is not None or _app._resolve_custom_domain_request(name, "/") is not None


def name_on_aws(authority: str) -> str | None:
    """Return the name that a local name stands for, or None when it is none: MiniStack has names of its own."""
    name, _, suffix = _split(authority)[0].rpartition(_SUFFIX)
    if suffix or "." not in name:
        return None
    return name if name.endswith(OF_AWS) or is_of_cloud(name) else None


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """Return the value of a header, whose name is given in lower case; empty when it was not sent."""
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), "")


def _replaced(headers: Iterable[tuple[bytes, bytes]], name: bytes, value: str) -> _Headers:
    return [(key, value.encode("latin-1") if key.lower() == name else old) for key, old in headers]


def _folder(name: str) -> str:
    """Return the path below which the gateway finds what a name stands for; what it finds by Host has none."""
    if cloudfront.distribution_of(name) is not None:
        return f"{cloudfront.PREFIX}{name}"
    api = _API.match(name)
    return f"/_aws/execute-api/{api[1]}" if api else ""


def addressed(scope: Any) -> tuple[str, str]:
    """Return the host on AWS and the path, as services see them, of a request that may have come by a local name."""
    host = header(scope["headers"], b"host")
    name = name_on_aws(host)
    return (host, scope["path"]) if name is None else (name, f"{_folder(name)}{scope['path']}")


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
        host, origin = header(headers, b"host"), header(headers, b"origin")
        port = scope["server"][1]
        authority = origin.removeprefix("http://")
        name, page = name_on_aws(host), name_on_aws(authority) if is_local(authority, port) else None
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

        async def answer(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answered: _Headers = list(message["headers"])
                if page is not None and header(answered, b"access-control-allow-origin") == f"https://{page}":
                    answered = _replaced(answered, b"access-control-allow-origin", origin)
                if policy := header(answered, b"content-security-policy"):
                    answered = _replaced(answered, b"content-security-policy", with_local_sources(policy, port))
                message = {**message, "headers": answered}
            await send(message)

        await self._app(scope, receive, answer)
