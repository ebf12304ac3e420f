"""Load balancers: requests that come to the gateway under a load balancer's name are passed to its listener.

The listener is that of the port of the `Host` header, else the first one. An internal load balancer is not reached
this way: whoever asks the gateway may be anybody on this machine.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

import h11

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.isolation import is_isolated
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.elbv2 import answers, listening
from cdp_constructs.local.services.elbv2.checks import without_check
from cdp_constructs.local.services.elbv2.listening import Listening
from cdp_constructs.local.services.elbv2.wire import Wire

_alb: Any = ministack.module("services.alb", "_lbs")
_app: Any = ministack.module("app", "_is_potential_alb_request")
_responses: Any = ministack.module("core.responses", "StreamingResponse", "get_request_client_ip", "request_scope")

_SUFFIX = ".alb.localhost"
_PREFIX = "/_alb/"
_FORBIDDEN, _BAD_GATEWAY, _UNAVAILABLE = 403, 502, 503
_MOST_HEADERS = 65536
_OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "upgrade"})


def _find(host: str, path: str) -> tuple[tuple[str, str], Mapping[str, Any]] | None:
    """Return the load balancer that a request is for, with its account and Region."""
    name = host.rpartition(":")[0].lower() or host.lower()
    by_path = path.removeprefix(_PREFIX).partition("/")[0].lower() if path.startswith(_PREFIX) else ""
    short = name.removesuffix(_SUFFIX) if name.endswith(_SUFFIX) else by_path
    for (account, region, _arn), balancer in _alb._lbs.all_items():
        if name == balancer["DNSName"].lower() or short == balancer["LoadBalancerName"].lower():
            return (account, region), balancer
    return None


@patch("ministack.app:_handle_alb_request")
async def _in_its_scope(original: Callable[..., Awaitable[Any]], host: str, path: str, *request: Any) -> Any:
    found = _find(host, path) if _app._is_potential_alb_request(host, path) else None
    if found is None:
        return await original(host, path, *request)
    place, balancer = found
    if balancer["Scheme"] == "internal":
        text = f"{balancer['LoadBalancerName']} is an internal load balancer: tasks, functions and VPC links reach it\n"
        return _FORBIDDEN, {"Content-Type": "text/plain"}, text.encode()
    if is_isolated(place[1]):
        return _answered(answers.error(_UNAVAILABLE))
    with _responses.request_scope(*place):
        return await original(host, path, *request)


@patch("ministack.services.alb:dispatch_request")
async def _dispatch(
    _original: Any,
    balancer: Mapping[str, Any],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    _query: Any,
    port: int = 80,
    client_ip: str | None = None,
    raw_query_string: str | None = None,
    raw_path: str | None = None,
) -> Any:
    found = _listener(balancer["LoadBalancerArn"], port)
    if found is None:
        return _answered(answers.error(_UNAVAILABLE))
    target = raw_path or quote(path, safe="/%:@!$&'()*+,;=~")
    if raw_query_string:
        target = f"{target}?{raw_query_string}"
    source = client_ip or _responses.get_request_client_ip()
    try:
        return await pass_to(found, method, target, headers, body, source)
    except (OSError, h11.RemoteProtocolError):
        return _answered(answers.error(_BAD_GATEWAY))


def _listener(balancer: str, port: int) -> Listening | None:
    own = [each for each in listening.open_listeners(balancer) if each.protocol[:4] == "HTTP"]
    return next((each for each in own if each.port == port), own[0] if own else None)


def _answered(answer: answers.Answer) -> tuple[int, dict[str, Any], bytes]:
    return answer.status, dict(answer.whole(server=True)), answer.body


def _secure(found: Listening) -> ssl.SSLContext | None:
    return without_check() if found.tls else None


async def pass_to(
    found: Listening, method: str, target: str, headers: Mapping[str, str], body: bytes, source: str = ""
) -> tuple[int, dict[str, Any], Any]:
    """Send a request to a listener; return status and headers of the response, and its body as it comes.

    Args:
        found: The listener.
        method: The method.
        target: Path and query, as sent.
        headers: Names in lower case, `host` among them.
        body: The body.
        source: The client's address, when it is one of this machine.

    Raises:
        OSError: the listener is not reached.
        h11.RemoteProtocolError: it closed the connection.
    """
    own = (source, 0) if source.startswith("127.") else None
    host = headers.get("host", found.address[0])
    secure = _secure(found)
    name = host.partition(":")[0] if secure else None
    streams = await asyncio.open_connection(*found.address, ssl=secure, server_hostname=name, local_addr=own)
    wire = Wire(h11.CLIENT, *streams, _MOST_HEADERS)
    try:
        kept = [(key, value) for key, value in headers.items() if key.lower() not in _OF_ONE_CONNECTION]
        sent = [("host", host), *kept, ("content-length", str(len(body))), ("connection", "close")]
        encoded = [(key.encode(), value.encode("latin-1")) for key, value in sent]
        await wire.send(h11.Request(method=method, target=target, headers=encoded))
        if body:
            await wire.send(h11.Data(data=body))
        await wire.send(h11.EndOfMessage())
        response = await wire.receive()
        while isinstance(response, h11.InformationalResponse):
            response = await wire.receive()
    except BaseException:
        wire.abort()
        raise
    answered: dict[str, Any] = {}
    for key, value in response.headers:
        if key.decode() not in {"connection", "transfer-encoding"}:
            answered.setdefault(key.decode(), []).append(value.decode("latin-1"))
    flat = {key: values[0] if len(values) == 1 else values for key, values in answered.items()}
    return response.status_code, flat, _responses.StreamingResponse(_Body(wire).run)


class _Body:
    """The body of a response, as it comes."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def run(self, send: Callable[..., Awaitable[None]], receive: Callable[..., Awaitable[Any]]) -> None:
        """Send it, until the client goes."""
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(self._until_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            self._wire.abort()

    async def _send(self, send: Callable[..., Awaitable[None]]) -> None:
        while isinstance(event := await self._wire.receive(), h11.Data):
            await send({"type": "http.response.body", "body": bytes(event.data), "more_body": True})
        if isinstance(event, h11.EndOfMessage):  # else it is not whole, and the client must see that
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    @staticmethod
    async def _until_gone(receive: Callable[..., Awaitable[Any]]) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
