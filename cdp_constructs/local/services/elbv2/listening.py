"""Load balancers: the address of each one, and the sockets of its listeners.

A load balancer has a loopback address of its own, and its listeners have their ports there. Where the system does not
let this user have a port below 1024, the listener has the port 8000 higher (80 is 8080, 443 is 8443). Where it has one
loopback address only, as macOS has, a listener has a free port of that one.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdp_constructs.local.containers import addresses
from cdp_constructs.local.errors import LocalCloudError
from cdp_constructs.local.kit import arns, ministack
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.services.elbv2 import certificates

__all__ = [
    "LOOPBACK",
    "Listening",
    "Serve",
    "address_of",
    "bind",
    "closing",
    "connections",
    "find",
    "follow",
    "open_listeners",
    "run",
]

_alb: Any = ministack.module("services.alb", "_lbs", "_listeners")

LOOPBACK = "127.0.0.1"
_UNPRIVILEGED = 8000
_logger = logging.getLogger(__name__)

Serve = Callable[["Listening", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(eq=False)
class Listening:
    """A listener that accepts connections.

    Attributes:
        arn: ARN of the listener.
        balancer: ARN of its load balancer.
        protocol: For example `HTTPS`.
        port: Its port on AWS.
        settings: What it was opened for; another one is opened when that changes.
        address: Where it really listens.
        tls: Its certificates, when it ends TLS.
        connections: Those that are open.
    """

    arn: str
    balancer: str
    protocol: str
    port: int
    settings: tuple[Any, ...]
    address: tuple[str, int]
    tls: certificates.Tls | None
    connections: set[asyncio.Task[None]] = field(default_factory=set)
    server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where clients reach it."""
        scheme = self.protocol.lower()
        return f"{scheme}://{self.address[0]}:{self.address[1]}"

    async def open(self, bound: socket.socket, serve: Serve) -> None:
        """Accept connections."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = asyncio.current_task()
            assert connection is not None  # noqa: S101  # asyncio runs this as a task
            self.connections.add(connection)
            try:
                with arns.scope(self.arn):
                    await serve(self, reader, writer)
            except (OSError, asyncio.CancelledError):
                pass  # the client has gone, or the listener was deleted
            except Exception:
                _logger.exception("a connection to %s failed", self.arn)
            finally:
                self.connections.discard(connection)
                writer.transport.abort()

        context = self.tls.context if self.tls else None
        self.server = await asyncio.start_server(accept, sock=bound, ssl=context)

    async def close(self) -> None:
        """Accept no more, and close what is open."""
        if self.server is not None:
            self.server.close()
        for connection in list(self.connections):
            connection.cancel()


_addresses: dict[str, str] = {}
_open: dict[str, Listening] = {}
_changing = threading.RLock()


@once
def _event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop of all listeners, which runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="load-balancers", daemon=True).start()
    return loop


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on the loop of the listeners, and wait until it is done."""
    asyncio.run_coroutine_threadsafe(coroutine, _event_loop()).result()


def closing() -> Callable[[], object]:
    """Return what closes the connection whose task this is, from any thread."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None  # noqa: S101  # each connection has its task
    return lambda: loop.call_soon_threadsafe(task.cancel)


def address_of(balancer: str) -> str:
    """Return the address of a load balancer."""
    with _changing:
        if balancer not in _addresses:
            try:
                _addresses[balancer] = addresses.take()
            except LocalCloudError:  # no other loopback address; ports tell its listeners apart
                _addresses[balancer] = LOOPBACK
        return _addresses[balancer]


def find(listener: str) -> Listening | None:
    """Return the open listener of an ARN."""
    return _open.get(listener)


def open_listeners(*balancers: str) -> Iterator[Listening]:
    """Yield the open listeners of load balancers in the order of their creation."""
    for listener in list(_alb._listeners.values()):
        found = find(listener["ListenerArn"])
        if found is not None and found.balancer in balancers:
            yield found


def connections(balancer: str) -> int:
    """Return how many connections of clients a load balancer has."""
    return sum(len(each.connections) for each in list(_open.values()) if each.balancer == balancer)


def bind(address: str, port: int) -> socket.socket:
    """Return a socket that listens at an address, at the port if the system gives it."""
    wanted = [port, port + _UNPRIVILEGED, 0] if address != LOOPBACK else [0]
    for index, each in enumerate(wanted):
        try:
            return socket.create_server((address, each))
        except OSError:
            if index == len(wanted) - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _settings(listener: Mapping[str, Any]) -> tuple[Any, ...]:
    return listener["Port"], listener["Protocol"], tuple(certificates.certificates_of(listener))


def _listen(listener: Mapping[str, Any], serve: Serve) -> None:
    balancer = listener["LoadBalancerArn"]
    address, protocol = address_of(balancer), listener["Protocol"]
    tls = None
    if protocol in {"HTTPS", "TLS"}:
        name = _alb._lbs[balancer]["DNSName"]
        tls = certificates.Tls(certificates.certificates_of(listener), name, address)
    bound = bind(address, int(listener["Port"]))
    where = bound.getsockname()[:2]
    arn = listener["ListenerArn"]
    listening = Listening(arn, balancer, protocol, int(listener["Port"]), _settings(listener), where, tls)
    run(listening.open(bound, serve))
    _open[arn] = listening


def follow(serve: Mapping[str, Serve]) -> None:
    """Open and close listeners, so that those are open which exist.

    Args:
        serve: By protocol, what is done with a connection; listeners of other protocols accept none.
    """
    with _changing:
        living = {key[2] for key, _ in _alb._lbs.all_items()}
        listeners = {key[2]: listener for key, listener in _alb._listeners.all_items()}
        known = {arn: each for arn, each in listeners.items() if each["LoadBalancerArn"] in living}
        for arn, listening in list(_open.items()):
            if arn not in known or _settings(known[arn]) != listening.settings:
                run(_open.pop(arn).close())
        for arn, listener in known.items():
            if arn not in _open and listener["Protocol"] in serve:
                with arns.scope(arn):
                    _listen(listener, serve[listener["Protocol"]])
        for balancer in _addresses.keys() - living:
            addresses.give_back(_addresses.pop(balancer))
