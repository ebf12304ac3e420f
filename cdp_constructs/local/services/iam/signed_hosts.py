"""Signatures of requests to a local name, made for the name that the host has on AWS, or without the local port.

A program that takes the host of an API from its URL signs that, while its HTTP client names the port too.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit.patch import patch

_LOCAL = ".localhost"


@patch("ministack.core.sigv4:header_signature_failure")
def _verify(
    original: Callable[..., tuple[str, str] | None],
    signature: Any,
    secret: str,
    method: str,
    path: str,
    query: Mapping[str, Any],
    headers: Mapping[str, Any],
    body: bytes,
    **options: Any,
) -> tuple[str, str] | None:
    failure = original(signature, secret, method, path, query, headers, body, **options)
    if failure is None or failure[0] != "SignatureDoesNotMatch":
        return failure
    for host in _other_names(str(headers.get("host", ""))):
        if original(signature, secret, method, path, query, {**headers, "host": host}, body, **options) is None:
            return None
    return failure


def _other_names(host: str) -> Iterator[str]:
    own = host.partition(":")[0].removesuffix(_LOCAL)
    yield from (name for name in (own, f"{own}{_LOCAL}") if own and name != host)
