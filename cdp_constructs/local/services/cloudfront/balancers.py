"""CloudFront: Application Load Balancers of this cloud as origins, by their own name or by one of Route 53.

As for CloudFront, TLS needs a certificate for the name of the origin, or for the `Host` that the origin is sent.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import h11

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.isolation import is_isolated
from cdp_constructs.local.services.cloudfront import web_sockets
from cdp_constructs.local.services.elbv2 import listening, names
from cdp_constructs.local.services.elbv2.listening import Listening

__all__ = ["balancer_of", "from_balancer", "leads_to"]

_alb: Any = ministack.module("services.alb", "_lbs", "_listeners")
_cloudfront: Any = ministack.module(
    "services.cloudfront",
    "OriginTimeout",
    "OriginUnreachable",
    "_collect_streaming_body",
    "_multidict_from_pairs",
    "_origin_connect_target",
    "_origin_request_headers",
)

_Balancer = Mapping[str, Any]
Lookup = Callable[[str], Iterator[str]]

# Route 53 knows distributions, so that it is not imported here: it adds what it knows of names.
_lookups: list[Lookup] = []


def balancer_of(name: str) -> _Balancer | None:
    """Return the load balancer that a name leads to; None for other names."""
    own = name.lower().rstrip(".")
    wanted = {own, *_targets(own)}
    return next((each for _, each in _alb._lbs.all_items() if each["DNSName"].lower() in wanted), None)


def leads_to(lookup: Lookup) -> Lookup:
    """Add what tells the names that a name leads to, such as the records of Route 53."""
    _lookups.append(lookup)
    return lookup


def _targets(name: str) -> Iterator[str]:
    for lookup in _lookups:
        # The CDK's aliases lead to the name for both versions of IP.
        yield from (target.lower().removeprefix("dualstack.") for target in lookup(name))


def _listener(balancer: _Balancer, port: int, scheme: str) -> Listening:
    for (_, _, arn), listener in _alb._listeners.all_items():
        if listener["LoadBalancerArn"] == balancer["LoadBalancerArn"] and int(listener.get("Port", 0)) == port:
            found = listening.find(arn)
            if found is not None and found.protocol == scheme:
                return found
    raise _cloudfront.OriginUnreachable(f"no {scheme} listener on port {port} of {balancer['DNSName']}")


async def from_balancer(
    balancer: _Balancer,
    origin: Mapping[str, Any],
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, Any],
    body: bytes,
    is_https: bool,
    address: str,
    forwarded_for: str,
) -> Any:
    """Answer with what a load balancer answers, a WebSocket too."""
    region = balancer["LoadBalancerArn"].split(":")[3]
    if balancer["Scheme"] == "internal" or is_isolated(region):
        raise _cloudfront.OriginUnreachable(f"{balancer['LoadBalancerName']} is not reached from the internet")
    _, port, secure = _cloudfront._origin_connect_target(origin, is_https)
    found = _listener(balancer, int(port), "HTTPS" if secure else "HTTP")
    sent = _cloudfront._origin_request_headers(origin, headers, address, forwarded_for)
    lower = {name.lower(): str(value) for name, value in sent.items()}
    if found.tls and not (found.tls.is_for(origin["domain_name"]) or found.tls.is_for(lower["host"].partition(":")[0])):
        raise _cloudfront.OriginUnreachable(f"no certificate of {found.arn} is for {origin['domain_name']}")
    timeout = origin.get("read_timeout", 30)
    target = f"{path}?{query}" if query else path
    if handshake := web_sockets.wanted():
        return await handshake.with_listener(found, target, lower, timeout)
    try:
        async with asyncio.timeout(timeout):
            status, answered, content = await names.pass_to(found, method, target, lower, body or b"")
            whole = await _cloudfront._collect_streaming_body(content, timeout)
    except TimeoutError as error:
        raise _cloudfront.OriginTimeout(f"no answer of {balancer['DNSName']} within {timeout} s") from error
    except (OSError, h11.RemoteProtocolError) as error:
        raise _cloudfront.OriginUnreachable(str(error)) from error
    pairs = [
        (name, each) for name, value in answered.items() for each in (value if isinstance(value, list) else [value])
    ]
    return status, "", _cloudfront._multidict_from_pairs(pairs), whole
