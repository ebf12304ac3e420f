"""Application Load Balancers: access logs, of which a file is written for every five minutes of the clock of metrics.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
"""

import gzip
import logging
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cdp_constructs.local.kit import arns, clock, ministack
from cdp_constructs.local.kit.metrics import gauge
from cdp_constructs.local.kit.sdk import client
from cdp_constructs.local.services.elbv2 import log_delivery, records
from cdp_constructs.local.services.elbv2.exchanges import Exchange, observe

__all__ = ["line"]

_responses: Any = ministack.module("core.responses", "request_scope")
_s3: Any = ministack.module("services.s3", "_bucket_owner_account")

_INTERVAL = 300
_logger = logging.getLogger(__name__)
_writer = ThreadPoolExecutor(1, thread_name_prefix="access-logs")


@dataclass
class _File:
    """What is not written yet: the load balancer may be gone when it is.

    Attributes:
        attributes: Those of the load balancer.
        address: Its address.
        entries: The lines.
    """

    attributes: dict[str, str]
    address: str
    entries: list[str] = field(default_factory=list)


_files: dict[tuple[str, int], _File] = {}
"""By the load balancer and the number of the interval."""


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _quoted(text: str) -> str:
    """Return a text in quotation marks, with what would end it, or cannot be printed, as its code."""
    return '"' + re.sub(r'["\\]|[^ -~]', lambda found: f"\\x{ord(found[0]):02x}", text or "-") + '"'


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value >= 0 else "-1"


def _request(exchange: Exchange) -> str:
    request, listener = exchange.request, exchange.listening
    name = listener.address[0]
    if request is None:
        return f"- {exchange.kind}://{name}:{listener.port}- -"
    path = f"{request.path}?{request.query}" if request.query else request.path
    return f"{request.method} {exchange.kind}://{request.host or name}:{listener.port}{path} HTTP/{exchange.version}"


def line(exchange: Exchange) -> str:
    """Return the entry of a request."""
    listener, target = exchange.listening, exchange.target
    agent = exchange.request.values("user-agent") if exchange.request else []
    where = f"{target.address}:{target.port}" if target and exchange.connected else "-"
    answered = str(exchange.target_status or "-")
    fields = [
        exchange.kind,
        _time(exchange.ended),
        records.full_name(listener.balancer),
        f"{exchange.client[0]}:{exchange.client[1]}",
        where,
        *map(_seconds, exchange.seconds),
        str(exchange.status or "-"),
        answered,
        str(exchange.received),
        str(exchange.sent),
        _quoted(_request(exchange)),
        _quoted(agent[0] if agent else ""),
        exchange.cipher[0] or "-",
        exchange.cipher[1] or "-",
        exchange.group or "-",
        _quoted(exchange.trace),
        _quoted(exchange.domain),
        _quoted(exchange.certificate),
        exchange.priority or "-",
        _time(exchange.created),
        _quoted(",".join(exchange.actions)),
        _quoted(exchange.redirect),
        _quoted(exchange.error),
        _quoted(where),
        _quoted(answered),
        _quoted(""),  # classification and its reason: requests that no RFC allows are refused
        _quoted(""),
        exchange.connection,
        *(_quoted("") for _ in ("transformed host", "transformed URI", "status of the transformation")),
    ]
    return " ".join(fields)


@observe
def _note(exchange: Exchange) -> None:
    balancer = exchange.listening.balancer
    attributes = records.balancer_attributes(balancer)
    if attributes.get("access_logs.s3.enabled") == "true":
        key, address = (balancer, int(exchange.ended) // _INTERVAL), exchange.listening.address[0]
        _files.setdefault(key, _File(attributes, address)).entries.append(line(exchange))


@gauge
def _deliver() -> None:
    """Write what was noted in intervals that are over."""
    current = int(clock.now()) // _INTERVAL
    for balancer, interval in list(_files):
        if interval < current:
            _writer.submit(_write, balancer, (interval + 1) * _INTERVAL, _files.pop((balancer, interval)))


def _write(balancer: str, end: float, file: _File) -> None:
    account, region = arns.place(balancer)
    with arns.scope(balancer):
        problem = log_delivery.problem(file.attributes)
    if problem:  # on AWS, too, logs are not delivered then
        _logger.warning("%d entries of access logs of %s are lost: %s", len(file.entries), balancer, problem)
        return
    bucket = file.attributes["access_logs.s3.bucket"]
    at = datetime.fromtimestamp(end, UTC)
    name = "_".join(
        [
            account,
            "elasticloadbalancing",
            region,
            records.full_name(balancer).replace("/", "."),
            f"{at:%Y%m%dT%H%MZ}",
            file.address,
            secrets.token_hex(4),
        ]
    )
    key = f"{log_delivery.folder(file.attributes, account)}elasticloadbalancing/{region}/{at:%Y/%m/%d}/{name}.log.gz"
    body = gzip.compress("".join(f"{entry}\n" for entry in file.entries).encode())
    try:
        with _responses.request_scope(_s3._bucket_owner_account(bucket), region):
            client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/octet-stream")
    except Exception:
        _logger.exception("%d entries of access logs of %s are lost", len(file.entries), balancer)
