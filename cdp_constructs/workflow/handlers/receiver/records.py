"""What is kept of a delivery: all of one that is accepted, and the beginning of one that is refused."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from .environment import Sender
from .rules import delivery_id

# Keys to other systems have no place in what is kept for inspection.
NOT_KEPT = {"authorization", "cookie", "x-api-key"}
# Anybody can send what is refused: so many bytes of the body are kept, and so many characters of headers.
REFUSED_BODY = 4096
REFUSED_HEADERS = 2048


def arrival(sender: Sender, source_ip: str | None, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
    """Return what identifies a delivery, whatever becomes of it."""
    return {
        "id": delivery_id(sender, headers, raw),
        "receipt": uuid4().hex,
        "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "source_ip": source_ip,
        "body_sha256": hashlib.sha256(raw).hexdigest(),
        "body_bytes": len(raw),
    }


def accepted(sender: Sender, headers: Mapping[str, str], body: str) -> dict[str, Any]:
    """Return what the consumer gets and a replay sends again."""
    return {"headers": _kept(sender, headers), "body": body}


def refused(sender: Sender, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
    """Return what shows an operator who sends, with which signature, and what: no body where there is no signature."""
    shortened: dict[str, str] = {}
    for name, value in _kept(sender, headers).items():
        if sum(map(len, [*shortened, *shortened.values()])) + len(name) + len(value) <= REFUSED_HEADERS:
            shortened[name] = value
    signed = sender.scheme != "shared-token" and headers.get(sender.signature_header)
    return {"headers": shortened, "body": raw[:REFUSED_BODY].decode(errors="backslashreplace") if signed else None}


def _kept(sender: Sender, headers: Mapping[str, str]) -> dict[str, str]:
    secret = {sender.signature_header} if sender.scheme == "shared-token" else set()
    return {name: value for name, value in headers.items() if name not in NOT_KEPT | secret}
