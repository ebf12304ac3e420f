"""Network Load Balancers: connections are passed on to healthy targets, byte by byte.

https://docs.aws.amazon.com/elasticloadbalancing/latest/network/introduction.html
"""

import asyncio

from cdp_constructs.local.containers import peers
from cdp_constructs.local.kit.metrics import emit
from cdp_constructs.local.services.elbv2 import choice, exchanges, listening, records
from cdp_constructs.local.services.elbv2.checks import without_check
from cdp_constructs.local.services.elbv2.listening import Listening
from cdp_constructs.local.services.elbv2.service import admits, open_until_cut_off
from cdp_constructs.local.services.elbv2.wire import connected, tunnel

__all__ = ["serve"]

_CONNECT_SECONDS = 10.0
_IDLE_SECONDS = "350"


def _where(chosen: choice.Choice) -> tuple[str, int]:
    """Return where a target accepts connections: an Application Load Balancer is one, too."""
    if not chosen.address.startswith("arn:"):
        return chosen.address, chosen.port
    for found in listening.open_listeners(chosen.address):
        if found.port == chosen.port:
            return found.address
    raise ConnectionRefusedError(f"{chosen.address} has no listener on port {chosen.port}")


async def serve(listener: Listening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass a connection on to a target; without one it is closed."""
    if not admits(listener, writer):
        exchanges.refused(listener)
        return
    rule = records.rules_of(listener.arn)[-1]
    group = choice.choose_group(rule["Actions"][0], ())
    if group.arn is None:
        return
    dimensions = {"LoadBalancer": records.full_name(listener.balancer)}
    idle_seconds = float(records.listener_attribute(listener.arn, "tcp.idle_timeout.seconds", _IDLE_SECONDS))
    with (
        exchanges.connected(listener),
        open_until_cut_off(listener, writer),
        choice.chosen(group.arn, (), listening.closing()) as chosen,
    ):
        if chosen is None:
            return
        where = _where(chosen)
        secure = without_check() if chosen.group.get("Protocol") == "TLS" else None
        with peers.own_socket(*where) as own:
            async with asyncio.timeout(_CONNECT_SECONDS):
                there = await connected(own, *where, secure)
            try:
                passed = await tunnel((reader, writer), there, idle_seconds)
            finally:
                there[1].transport.abort()
    emit("AWS/NetworkELB", "ProcessedBytes", dimensions, sum(passed), unit="Bytes")
    writer.close()
    await writer.wait_closed()
