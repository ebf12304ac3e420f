"""Faults of the embedded cloud, injected for the length of a `with` block."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

__all__ = ["inject_fault"]


@contextmanager
def inject_fault(
    endpoint: str,
    service: str,
    region: str,
    *,
    error: str = "InternalServerError",
    status: int | None = None,
    operation: str | None = None,
) -> Iterator[None]:
    """Make requests to one service of one Region fail inside the block.

    Args:
        endpoint: Address of the embedded cloud.
        service: The service as its credential scope and boto3 name it, for example `dynamodb`.
        region: The Region that fails; the others keep answering.
        error: The error code that clients get.
        status: The HTTP status; 500 for internal errors, 503 for unavailability, 400 otherwise.
        operation: Only this operation fails, for example `GetItem`; every operation by default.

    Raises:
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    url = f"{endpoint}/_cdp/faults"
    fault = {"service": service, "region": region, "operation": operation}
    httpx.post(url, json={**fault, "error": error, "status": status}).raise_for_status()
    try:
        yield
    finally:
        httpx.request("DELETE", url, json=fault).raise_for_status()
