"""Application Load Balancers: a request is sent to its target, and the response back, both as they come.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import h11

from cdp_constructs.local.containers import peers
from cdp_constructs.local.services.elbv2 import records
from cdp_constructs.local.services.elbv2.checks import without_check
from cdp_constructs.local.services.elbv2.choice import Choice
from cdp_constructs.local.services.elbv2.exchanges import Exchange
from cdp_constructs.local.services.elbv2.headers import (
    OF_ONE_CONNECTION,
    Headers,
    as_bytes,
    forwarded_headers,
    response_headers,
    upgrade_of,
)
from cdp_constructs.local.services.elbv2.wire import Wire, connected, tunnel

__all__ = ["ClientGoneError", "TargetError", "forward"]

_CONNECT_SECONDS = 10.0
_MOST_RESPONSE_HEADERS = 32768
_SWITCHING, _BAD_GATEWAY, _TIMEOUT = 101, 502, 504


class TargetError(Exception):
    """The target did not answer as it should.

    Attributes:
        status: What the client is answered.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ClientGoneError(Exception):
    """The client closed the connection while its request was under way."""


async def _send_if_wanted(target: Wire, event: Any) -> None:
    """Send a part of the body; a target that closes the connection early may have answered before."""
    with contextlib.suppress(OSError, h11.LocalProtocolError):
        await target.send(event)


class _Forwarding:
    """A request on its way."""

    def __init__(self, exchange: Exchange, client: Wire, choice: Choice, idle_seconds: float) -> None:
        self._exchange, self._client, self._choice = exchange, client, choice
        self._idle_seconds = idle_seconds
        self._began = time.perf_counter()

    async def connect(self, stack: contextlib.ExitStack) -> Wire:
        """Connect to the target, with a socket that is known as this process's until the stack is closed."""
        choice = self._choice
        secure = without_check() if choice.group.get("Protocol") == "HTTPS" else None
        try:
            own = stack.enter_context(peers.own_socket(choice.address, choice.port))
            async with asyncio.timeout(_CONNECT_SECONDS):
                streams = await connected(own, choice.address, choice.port, secure)
        except (OSError, TimeoutError) as caught:
            self._exchange.connected = False
            raise TargetError(_TIMEOUT if isinstance(caught, TimeoutError) else _BAD_GATEWAY) from caught
        return Wire(h11.CLIENT, *streams, _MOST_RESPONSE_HEADERS)

    async def exchange(self, target: Wire, head: h11.Request, cookies: Sequence[str]) -> None:
        """Send the request, and the response back."""
        loop = asyncio.get_running_loop()
        main = asyncio.current_task()
        gone = False

        async def send_body() -> None:
            nonlocal gone
            try:
                while not isinstance(event := await self._client.receive(), h11.EndOfMessage):
                    idle.reschedule(loop.time() + self._idle_seconds)
                    await _send_if_wanted(target, event)
                await _send_if_wanted(target, event)
                # Whatever the client sends now is its next message; what matters is whether it goes.
                gone = not await self._client.read()
            except (OSError, h11.RemoteProtocolError):
                gone = True
            if gone and main is not None:
                main.cancel()

        sending: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(self._idle_seconds) as idle:
                await target.send(head)
                sending = loop.create_task(send_body())
                sent = time.perf_counter()
                response = await self._head(target)
                answered = time.perf_counter()
                self._exchange.seconds = (sent - self._began, answered - sent, 0)
                await self._stop(sending, when=isinstance(response, h11.InformationalResponse))
                if isinstance(response, h11.InformationalResponse):
                    await self._client.send(response)
                    self._exchange.status = self._exchange.target_status = response.status_code
                else:
                    await self._respond(
                        target, response, cookies, lambda: idle.reschedule(loop.time() + self._idle_seconds)
                    )
        except asyncio.CancelledError:
            if gone and main is not None:
                main.uncancel()
                raise ClientGoneError from None
            raise
        except TimeoutError as caught:
            raise TargetError(_TIMEOUT) from caught
        except (OSError, h11.RemoteProtocolError) as caught:
            raise TargetError(_BAD_GATEWAY) from caught
        finally:
            await self._stop(sending, when=True)

    @staticmethod
    async def _stop(sending: asyncio.Task[None] | None, *, when: bool) -> None:
        if sending is not None and when:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, h11.ProtocolError):
                await sending

    async def _head(self, target: Wire) -> Any:
        """Return the head of the response; 101 is one, the other informational responses are not passed on."""
        while True:
            event = await target.receive()
            if isinstance(event, h11.InformationalResponse) and event.status_code != _SWITCHING:
                continue
            if not isinstance(event, h11.Response | h11.InformationalResponse):
                raise TargetError(_BAD_GATEWAY)  # it closed the connection
            return event

    async def _respond(
        self, target: Wire, response: h11.Response, cookies: Sequence[str], goes_on: Callable[[], None]
    ) -> None:
        raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw_items()]
        own = [value for name, value in raw if name.lower() == "set-cookie"]
        kept = [(name, value) for name, value in raw if name.lower() not in {*OF_ONE_CONNECTION, "transfer-encoding"}]
        kept += [("Set-Cookie", value) for value in (*cookies, *self._choice.cookies(own))]
        headers = response_headers(self._exchange.listening.arn, kept)
        self._exchange.status = self._exchange.target_status = response.status_code
        await self._client.send(
            h11.Response(status_code=response.status_code, headers=as_bytes(headers), reason=response.reason)
        )
        while True:
            event = await target.receive()
            goes_on()
            if isinstance(event, h11.Data):
                await self._client.send(event)
            elif isinstance(event, h11.EndOfMessage):
                await self._client.send(h11.EndOfMessage())
                return
            else:
                raise TargetError(_BAD_GATEWAY)  # the body is not whole, and neither is the response


async def forward(
    exchange: Exchange, client: Wire, choice: Choice, head: h11.Request, raw: Headers, cookies: Sequence[str]
) -> None:
    """Send a request to a target and its response to the client.

    Args:
        exchange: What is known of the request; gets to know what becomes of it.
        client: The connection of the client.
        choice: The target.
        head: The request.
        raw: Its headers as they were sent.
        cookies: Values of `Set-Cookie` that the response gets.

    Raises:
        TargetError: the target did not answer as it should.
        ClientGoneError: the client closed the connection.
    """
    request = exchange.request
    assert request is not None  # noqa: S101  # it was read before a target was chosen
    upgrade = upgrade_of(request)
    headers = forwarded_headers(exchange, request, raw)
    if upgrade:
        headers += [("Connection", "Upgrade"), ("Upgrade", upgrade)]
    idle_seconds = float(records.balancer_attribute(exchange.listening.balancer, "idle_timeout.timeout_seconds", "60"))
    forwarding = _Forwarding(exchange, client, choice, idle_seconds)
    with contextlib.ExitStack() as stack:
        target = await forwarding.connect(stack)
        try:
            await forwarding.exchange(
                target, h11.Request(method=head.method, target=head.target, headers=as_bytes(headers)), cookies
            )
            if exchange.status == _SWITCHING:
                exchange.kind = "wss" if exchange.kind == "https" else "ws"
                passed = await tunnel(
                    (client.reader, client.writer),
                    (target.reader, target.writer),
                    idle_seconds,
                    (client.left(), target.left()),
                )
                client.received, client.sent = client.received + passed[0], client.sent + passed[1]
        finally:
            target.abort()
