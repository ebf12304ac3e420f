"""Application Load Balancers: connections of clients, whose requests are read, matched with rules and answered."""

import asyncio
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import h11

from cdp_constructs.local.kit import arns, ministack
from cdp_constructs.local.kit.isolation import is_isolated, open_until_isolated
from cdp_constructs.local.services.elbv2 import answers, choice, exchanges, functions, insiders, records, rules
from cdp_constructs.local.services.elbv2.exchanges import Exchange
from cdp_constructs.local.services.elbv2.forwarding import ClientGoneError, TargetError, forward
from cdp_constructs.local.services.elbv2.headers import as_bytes, forwarded_headers, response_headers
from cdp_constructs.local.services.elbv2.listening import Listening, closing, open_listeners
from cdp_constructs.local.services.elbv2.rules import Request
from cdp_constructs.local.services.elbv2.wire import Wire

__all__ = ["admits", "client_of", "open_until_cut_off", "serve"]

_alb: Any = ministack.module("services.alb", "_lbs", "_tgs")

_MOST_LINE = 16 * 1024
_MOST_HEADERS = 64 * 1024
_MOST_FORWARDED = 30
_BAD, _METHOD, _TOO_SLOW, _TOO_LARGE, _LONG_LINE = 400, 405, 408, 413, 414
_CLIENT_GONE, _TOO_MANY_FORWARDED, _UNAVAILABLE = 460, 463, 503
_MOST_CONNECTIONS = 1000
"""Of a load balancer at a time: each takes a file of the server, and another one towards the target."""


def client_of(writer: asyncio.StreamWriter) -> tuple[str, int]:
    """Return address and port of the client."""
    found: tuple[str, int] = writer.get_extra_info("peername")[:2]
    return found


def admits(listening: Listening, writer: asyncio.StreamWriter) -> bool:
    """Whether a client may connect: to an internal load balancer, or in an isolated Region, the cloud's own only."""
    balancer = _alb._lbs.get(listening.balancer)
    if balancer is None or len(listening.connections) > _MOST_CONNECTIONS:
        return False
    restricted = balancer["Scheme"] == "internal" or is_isolated(arns.place(listening.arn)[1])
    return not restricted or insiders.is_inside(writer.get_extra_info("sockname")[:2], client_of(writer))


def open_until_cut_off(listening: Listening, writer: asyncio.StreamWriter) -> AbstractContextManager[None]:
    """Close the connection whose task this is if its Region is isolated inside the block and the client is outside."""
    close = closing()
    return open_until_isolated(arns.place(listening.arn)[1], lambda: admits(listening, writer) or close())


async def serve(listening: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of a connection."""
    if not admits(listening, writer):
        exchanges.refused(listening)
        return
    connection = _Connection(listening, Wire(h11.SERVER, reader, writer, _MOST_HEADERS))
    with exchanges.connected(listening), open_until_cut_off(listening, writer):
        while await connection.answer():
            pass
        writer.close()
        await writer.wait_closed()


class _Connection:
    """A connection of a client."""

    def __init__(self, listening: Listening, wire: Wire) -> None:
        self._listening, self._wire = listening, wire
        self._client = client_of(wire.writer)
        self._id = f"TID_{secrets.token_hex(16)}"

    def _begun(self) -> Exchange:
        listening, secure = self._listening, self._wire.writer.get_extra_info("ssl_object")
        exchange = Exchange(listening, self._client, self._id)
        if secure is not None and listening.tls is not None:
            exchange.kind, exchange.certificate = "https", listening.tls.certificate_of(secure)
            exchange.cipher = (secure.cipher()[0], secure.version())
            exchange.domain = listening.tls.name_of(secure)
        return exchange

    async def answer(self) -> bool:
        """Answer the next request; return whether another one may come."""
        idle = float(records.balancer_attribute(self._listening.balancer, "idle_timeout.timeout_seconds", "60"))
        wire = self._wire
        received, sent = wire.received, wire.sent
        exchange = None
        try:
            async with asyncio.timeout(idle):
                head = await wire.receive()
            if not isinstance(head, h11.Request):
                return False  # the client closes the connection
            if is_isolated(arns.place(self._listening.arn)[1]) and not admits(self._listening, wire.writer):
                return False
            exchange = self._begun()
            await self._respond(exchange, head)
        except TimeoutError:
            if not wire.left() or wire.http.our_state is not h11.IDLE:
                return False
            exchange = self._begun()
            await self._send(exchange, answers.error(_TOO_SLOW))
        except h11.RemoteProtocolError:
            exchange = exchange or self._begun()
            await self._send(exchange, answers.error(self._fault()))
        except ClientGoneError:
            if exchange is not None:
                exchange.status = _CLIENT_GONE
        finally:
            if exchange is not None:
                exchange.received, exchange.sent = wire.received - received, wire.sent - sent
                exchanges.over(exchange)
        if wire.http.our_state is h11.DONE and wire.http.their_state is h11.DONE:
            wire.http.start_next_cycle()
            return True
        return False

    def _fault(self) -> int:
        """Return the status for a head that cannot be read."""
        line = self._wire.left().partition(b"\r\n")[0]
        return _LONG_LINE if len(line) > _MOST_LINE else _BAD

    async def _send(self, exchange: Exchange, answer: answers.Answer) -> None:
        wire = self._wire
        if wire.http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return  # a part of a response was sent; that it is not whole is seen by the end of the connection
        exchange.status = answer.status
        attribute = records.listener_attribute(self._listening.arn, "routing.http.response.server.enabled", "true")
        headers = response_headers(self._listening.arn, answer.whole(server=attribute != "false"))
        if wire.http.their_state is not h11.DONE:  # nobody reads the rest of the request
            headers.append(("Connection", "close"))
        head = exchange.request is not None and exchange.request.method == "HEAD"
        await wire.send(h11.Response(status_code=answer.status, headers=as_bytes(headers)))
        if answer.body and not head:
            await wire.send(h11.Data(data=answer.body))
        await wire.send(h11.EndOfMessage())

    async def _respond(self, exchange: Exchange, head: h11.Request) -> None:
        raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items()]
        # A client may send the whole URL, as to a proxy.
        path, _, query = re.sub(r"^https?://[^/?]*", "", head.target.decode("latin-1")).partition("?")
        lower = [(name.lower(), value) for name, value in raw]
        request = exchange.request = Request(head.method.decode(), path or "/", query, lower, self._client[0])
        exchange.version = head.http_version.decode()
        if refused := _refused(request, len(head.target)):
            await self._send(exchange, answers.error(refused))
            return
        for rule in records.rules_of(self._listening.arn):
            if rule.get("IsDefault") or rules.meets(rule["Conditions"], request):
                exchange.priority = "0" if rule.get("IsDefault") else str(rule["Priority"])
                actions = sorted(rule["Actions"], key=lambda action: int(action.get("Order") or 1))
                await self._act(exchange, request, actions[0], head, raw)
                return

    async def _act(
        self,
        exchange: Exchange,
        request: Request,
        action: Mapping[str, Any],
        head: h11.Request,
        raw: Sequence[tuple[str, str]],
    ) -> None:
        kind = str(action["Type"])
        exchange.actions.append(kind)
        if kind == "fixed-response":
            await self._send(exchange, answers.fixed(action["FixedResponseConfig"]))
        elif kind == "redirect":
            leads = rules.location(action["RedirectConfig"], request, self._listening.protocol, self._listening.port)
            exchange.redirect = self._reachable(leads)
            await self._send(exchange, answers.redirect(action["RedirectConfig"], exchange.redirect))
        elif kind == "forward":
            await self._forward(exchange, request, action, head, raw)
        else:
            await self._send(exchange, answers.not_executed(kind))

    def _reachable(self, location: str) -> str:
        """Return where a redirect to another listener leads, when its port is not that on AWS."""
        address = self._listening.address[0]
        for other in open_listeners(self._listening.balancer):
            own = f"{other.protocol.lower()}://{address}:{other.port}/"
            if location.startswith(own):
                return f"{other.url}/{location.removeprefix(own)}"
        return location

    async def _forward(
        self,
        exchange: Exchange,
        request: Request,
        action: Mapping[str, Any],
        head: h11.Request,
        raw: Sequence[tuple[str, str]],
    ) -> None:
        cookies = request.values("cookie")
        group = choice.choose_group(action, cookies)
        record = _alb._tgs.get(group.arn) if group.arn else None
        if record is None or not records.targets_of(record["TargetGroupArn"]):
            await self._send(exchange, answers.error(_UNAVAILABLE))
            return
        exchange.group = record["TargetGroupArn"]
        if record.get("TargetType") == "lambda":
            await self._invoke(exchange, request, raw, group.cookies)
            return
        with choice.chosen(exchange.group, cookies, closing()) as exchange.target:
            if exchange.target is None:
                await self._send(exchange, answers.error(_UNAVAILABLE))
                return
            try:
                await forward(exchange, self._wire, exchange.target, head, raw, group.cookies)
            except TargetError as error:
                await self._send(exchange, answers.error(error.status))

    async def _invoke(
        self, exchange: Exchange, request: Request, raw: Sequence[tuple[str, str]], cookies: Sequence[str]
    ) -> None:
        body = b""
        while not isinstance(event := await self._wire.receive(), h11.EndOfMessage):
            body += bytes(event.data)
            if len(body) > functions.MOST_BODY:
                await self._send(exchange, answers.error(_TOO_LARGE))
                return
        headers: dict[str, str] = {}
        for name, value in forwarded_headers(exchange, request, raw):
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known}, {value}"
        headers["host"] = request.authority  # functions get it as the client sent it
        target = records.targets_of(exchange.group)[0]["Id"]
        began = time.perf_counter()
        answer, exchange.error = await functions.invoke(exchange.group, target, request, headers, body)
        exchange.seconds = (0, time.perf_counter() - began, 0)
        exchange.target_status = None if exchange.error else answer.status
        cookie = [("Set-Cookie", value) for value in cookies]
        await self._send(exchange, answers.Answer(answer.status, [*answer.headers, *cookie], answer.body))


def _refused(request: Request, target: int) -> int:
    """Return the status for a request that is not looked at; 0 for all others."""
    if len(request.method) + target + len("  HTTP/1.1") > _MOST_LINE:
        return _LONG_LINE
    sizes = [len(name) + len(value) + len(": ") for name, value in request.headers]
    if sum(sizes) > _MOST_HEADERS or max(sizes, default=0) > _MOST_LINE:
        return _BAD
    if request.method == "TRACE":
        return _METHOD
    forwarded = ",".join(request.values("x-forwarded-for"))
    return _TOO_MANY_FORWARDED if forwarded.count(",") >= _MOST_FORWARDED else 0
