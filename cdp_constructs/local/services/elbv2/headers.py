"""Application Load Balancers: headers that targets get, and those that a listener adds to responses.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
"""

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.elbv2 import records
from cdp_constructs.local.services.elbv2.exchanges import Exchange
from cdp_constructs.local.services.elbv2.rules import Request

__all__ = ["OF_ONE_CONNECTION", "Headers", "as_bytes", "forwarded_headers", "response_headers", "upgrade_of"]

_alb: Any = ministack.module(
    "services.alb",
    "_LISTENER_RESPONSE_HEADERS",
    "_listener_attrs",
    "_target_headers",
    "_target_host_header",
)

OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "proxy-connection", "expect", "http2-settings"})
"""Headers that are not passed on."""
_VALID_NAME = re.compile(r"[-A-Za-z0-9]+")

Headers: TypeAlias = Sequence[tuple[str, str]]


def upgrade_of(request: Request) -> str:
    """Return what a client wants to go on with after the response: WebSockets, or nothing that is known here."""
    wanted = ",".join(request.values("connection")).lower()
    protocol = ",".join(request.values("upgrade"))
    return protocol if "upgrade" in wanted and protocol.lower() == "websocket" else ""


def forwarded_headers(exchange: Exchange, request: Request, raw: Headers) -> list[tuple[str, str]]:
    """Return the headers that a target gets.

    Args:
        exchange: What is known of the request.
        request: What rules see of it.
        raw: Its headers as they were sent.
    """
    listening, balancer = exchange.listening, exchange.listening.balancer
    listener = {"Protocol": listening.protocol, "Port": listening.port}
    own = {name: ", ".join(request.values(name)) for name in ("x-forwarded-for", "x-amzn-trace-id")}
    client = exchange.client[0]
    if records.balancer_attribute(balancer, "routing.http.xff_client_port.enabled") == "true":
        client = f"{client}:{exchange.client[1]}"
    added = _alb._target_headers(balancer, listener, {name: value for name, value in own.items() if value}, client)
    exchange.trace = added["x-amzn-trace-id"]
    host = request.authority
    if records.balancer_attribute(balancer, "routing.http.preserve_host_header.enabled", "false") != "true":
        host = _alb._target_host_header(host, listening.port)
    added["host"] = host
    if exchange.cipher[0] and (
        records.balancer_attribute(balancer, "routing.http.x_amzn_tls_version_and_cipher_suite.enabled") == "true"
    ):
        added |= {"x-amzn-tls-cipher-suite": exchange.cipher[0], "x-amzn-tls-version": exchange.cipher[1]}
    drop = records.balancer_attribute(balancer, "routing.http.drop_invalid_header_fields.enabled") == "true"
    replaced = OF_ONE_CONNECTION | added.keys() | {"upgrade", "x-forwarded-for"}
    kept = [
        (name, value)
        for name, value in raw
        if name.lower() not in replaced and not (drop and not _VALID_NAME.fullmatch(name))
    ]
    return [*((name.title(), value) for name, value in added.items()), *kept]


def response_headers(listener: str, headers: Headers) -> list[tuple[str, str]]:
    """Return the headers of a response with those that the listener adds or replaces."""
    names = _alb._LISTENER_RESPONSE_HEADERS
    attributes = _alb._listener_attrs.get(listener, [])
    added = {names[each["Key"]]: each["Value"] for each in attributes if each["Key"] in names and each["Value"]}
    replaced = {name.lower() for name in added}
    return [*((name, value) for name, value in headers if name.lower() not in replaced), *added.items()]


def as_bytes(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return headers as they are sent."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
