"""Load balancers: what is known of a request when it is over, for metrics and access logs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cdp_constructs.local.kit import clock
from cdp_constructs.local.kit.patch import Change
from cdp_constructs.local.services.elbv2.choice import Choice
from cdp_constructs.local.services.elbv2.listening import Listening
from cdp_constructs.local.services.elbv2.rules import Request

__all__ = ["Connections", "Exchange", "Observer", "connected", "connections", "observe", "over", "refused"]


@dataclass
class Exchange:
    """A request and its response.

    Attributes:
        listening: The listener that it came to.
        client: Address and port of the client.
        created: When it came, by the clock of metrics.
        request: What rules see of it; None when it could not be read.
        connection: What traces the client's connection.
        kind: `http`, `https`, `ws` or `wss`.
        version: Version of HTTP.
        domain: What the client gave as the name of the server, with TLS.
        certificate: ARN of the certificate that it was shown.
        cipher: Cipher of the connection, and its version of TLS.
        priority: That of the rule, `0` for the default rule.
        actions: What was done.
        group: ARN of the target group.
        target: The target, when one was chosen; functions have no address.
        target_status: Status of the target's response.
        status: Status of the response to the client; 460 when it had gone before.
        redirect: Where a redirect led.
        error: Why a function failed.
        trace: The `X-Amzn-Trace-Id`.
        seconds: Until the request was sent to the target, until it began to answer, until the client had everything.
        received: Bytes that came from the client.
        sent: Bytes that were sent to it.
        connected: Whether a connection to the target could be made.
        ended: When it was over, by the clock of metrics.
    """

    listening: Listening
    client: tuple[str, int]
    connection: str = "-"
    created: float = field(default_factory=clock.now)
    request: Request | None = None
    kind: str = "http"
    version: str = "1.1"
    domain: str = ""
    certificate: str = ""
    cipher: tuple[str, str] = ("", "")
    priority: str = ""
    actions: list[str] = field(default_factory=list)
    group: str = ""
    target: Choice | None = None
    target_status: int | None = None
    status: int = 0
    redirect: str = ""
    error: str = ""
    trace: str = ""
    seconds: tuple[float, float, float] = (-1, -1, -1)
    received: int = 0
    sent: int = 0
    connected: bool = True
    ended: float = 0.0


_observers: list[Callable[[Exchange], None]] = []


class Observer(Change):
    """Is called with each request when it is over, in the account and Region of its load balancer."""

    def __init__(self, note: Callable[[Exchange], None]) -> None:
        self._note = note

    def apply(self) -> None:
        """Register the function."""
        _observers.append(self._note)

    def undo(self) -> None:
        """Remove the function."""
        _observers.remove(self._note)


def observe(note: Callable[[Exchange], None]) -> Observer:
    """Let the decorated function be called with each request when it is over."""
    return Observer(note)


def over(exchange: Exchange) -> None:
    """Say that a request is over."""
    exchange.ended = clock.now()
    for note in _observers:
        note(exchange)


@dataclass
class Connections:
    """What connections a load balancer has had since it was last asked.

    Attributes:
        opened: How many were opened.
        closed: How many were closed.
        rejected: How many were refused because there were too many, or because they came from outside.
    """

    opened: int = 0
    closed: int = 0
    rejected: int = 0


_connections: dict[str, Connections] = {}


@contextmanager
def connected(listening: Listening) -> Iterator[None]:
    """Count a connection of a client."""
    _connections.setdefault(listening.balancer, Connections()).opened += 1
    try:
        yield
    finally:
        _connections.setdefault(listening.balancer, Connections()).closed += 1


def refused(listening: Listening) -> None:
    """Say that a client was refused."""
    _connections.setdefault(listening.balancer, Connections()).rejected += 1


def connections(balancer: str) -> Connections:
    """Return what connections a load balancer has had since this was last called."""
    return _connections.pop(balancer, Connections())
