"""Faults, partitions and crashes of the embedded cloud."""

from collections.abc import Iterator
from contextlib import contextmanager

import botocore.session
import httpx

__all__ = ["crash_function", "cut_off", "inject_fault", "suspend_replication"]


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
        service: The service as boto3 names it, for example `dynamodb` or `cloudwatch`.
        region: The Region that fails; the others keep answering.
        error: The error code that clients get.
        status: The HTTP status; 500 for internal errors, 503 for unavailability, 400 otherwise.
        operation: Only this operation fails, for example `GetItem`; every operation by default.

    Raises:
        botocore.exceptions.UnknownServiceError: there is no such service.
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    url = f"{endpoint}/_cdp/faults"
    # Requests carry the name of the credential scope, which for some services is another one.
    scope = botocore.session.get_session().get_service_model(service).signing_name
    fault = {"service": scope, "region": region, "operation": operation}
    httpx.post(url, json={**fault, "error": error, "status": status}).raise_for_status()
    try:
        yield
    finally:
        httpx.request("DELETE", url, json=fault).raise_for_status()


@contextmanager
def suspend_replication(endpoint: str, region: str) -> Iterator[None]:
    """Suspend the replication of DynamoDB global tables to and from a Region; it catches up after the block.

    Args:
        endpoint: Address of the embedded cloud.
        region: The Region that is cut off; its tables keep answering.

    Raises:
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    url = f"{endpoint}/_cdp/replication"
    httpx.post(f"{url}/suspend", params={"region": region}).raise_for_status()
    try:
        yield
    finally:
        httpx.post(f"{url}/resume", params={"region": region}).raise_for_status()


@contextmanager
def cut_off(endpoint: str, region: str) -> Iterator[None]:
    """Isolate a Region from the outside, replication included, as a network partition does.

    Inside the block requests from outside are answered 503 and open connections are closed; functions of the Region
    still reach its services, and so does the root user, for inspection. After the block, replication catches up.

    Args:
        endpoint: Address of the embedded cloud.
        region: The Region that is cut off.

    Raises:
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    url = f"{endpoint}/_cdp/partitions"
    with suspend_replication(endpoint, region):
        httpx.post(f"{url}/cut", params={"region": region}).raise_for_status()
        try:
            yield
        finally:
            httpx.post(f"{url}/heal", params={"region": region}).raise_for_status()


def crash_function(endpoint: str, name: str, region: str) -> int:
    """Kill the processes that run a function, in the middle of their work, and return how many there were.

    Args:
        endpoint: Address of the embedded cloud.
        name: Name of the function.
        region: Its Region.

    Raises:
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    answer = httpx.post(f"{endpoint}/_cdp/functions/crash", params={"name": name, "region": region})
    return int(answer.raise_for_status().json()["killed"])
