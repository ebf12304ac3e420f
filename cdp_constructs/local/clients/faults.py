"""Faults, partitions and crashes of the embedded cloud."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import botocore.session

from cdp_constructs.local.clients.administration import Administration

__all__ = [
    "age_events",
    "crash_function",
    "cut_off",
    "deliver_twice",
    "hold_deployments",
    "inject_delay",
    "inject_fault",
    "suspend_replication",
]


@contextmanager
def inject_fault(
    administration: Administration,
    service: str,
    region: str,
    *,
    error: str = "InternalServerError",
    status: int | None = None,
    operation: str | None = None,
) -> Iterator[None]:
    """Make requests to one service of one Region fail inside the block.

    Args:
        administration: Administration of the embedded cloud.
        service: The service as boto3 names it, for example `dynamodb` or `cloudwatch`.
        region: The Region that fails; the others keep answering.
        error: The error code that clients get.
        status: The HTTP status; 500 for internal errors, 503 for unavailability, 400 otherwise.
        operation: Only this operation fails, for example `GetItem`; every operation by default.

    Raises:
        botocore.exceptions.UnknownServiceError: there is no such service.
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    # Requests carry the name of the credential scope, which for some services is another one.
    scope = botocore.session.get_session().get_service_model(service).signing_name
    fault = {"service": scope, "region": region, "operation": operation}
    administration.request("POST", "/_cdp/faults", json={**fault, "error": error, "status": status})
    try:
        yield
    finally:
        administration.request("DELETE", "/_cdp/faults", json=fault)


@contextmanager
def inject_delay(
    administration: Administration, service: str, region: str, seconds: float, *, caller_region: str | None = None
) -> Iterator[None]:
    """Answer requests to one service of one Region later inside the block; nothing fails but the client's patience.

    Args:
        administration: Administration of the embedded cloud.
        service: The service as boto3 names it, for example `dynamodb`; not version 2 of SES.
        region: The Region that is slow.
        seconds: How much later.
        caller_region: Only requests of functions and containers of this Region, as over a distance; default: all.

    Raises:
        botocore.exceptions.UnknownServiceError: there is no such service.
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    scope = botocore.session.get_session().get_service_model(service).signing_name
    delay = {"service": scope, "region": region, "caller_region": caller_region}
    administration.request("POST", "/_cdp/delays", json={**delay, "seconds": seconds})
    try:
        yield
    finally:
        administration.request("DELETE", "/_cdp/delays", json=delay)


@contextmanager
def suspend_replication(administration: Administration, region: str) -> Iterator[None]:
    """Suspend the replication of DynamoDB global tables to and from a Region; it catches up after the block.

    Args:
        administration: Administration of the embedded cloud.
        region: The Region that is cut off; its tables keep answering.

    Raises:
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    administration.request("POST", "/_cdp/replication/suspend", params={"region": region})
    try:
        yield
    finally:
        administration.request("POST", "/_cdp/replication/resume", params={"region": region})


@contextmanager
def hold_deployments(administration: Administration) -> Iterator[None]:
    """Let deployments of CodeDeploy wait inside the block; only the clock of metrics moves them on.

    Args:
        administration: Administration of the embedded cloud.

    Raises:
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    administration.request("POST", "/_cdp/codedeploy/hold", json={"held": True})
    try:
        yield
    finally:
        administration.request("POST", "/_cdp/codedeploy/hold", json={"held": False})


@contextmanager
def cut_off(administration: Administration, region: str) -> Iterator[None]:
    """Isolate a Region from the outside, replication included, as a network partition does.

    Inside the block requests from outside are answered 503 and open connections are closed; functions and containers
    of the Region still reach its services, and so does the root user, for inspection. After the block, replication
    catches up.

    Args:
        administration: Administration of the embedded cloud.
        region: The Region that is cut off.

    Raises:
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    with suspend_replication(administration, region):
        administration.request("POST", "/_cdp/partitions/cut", params={"region": region})
        try:
            yield
        finally:
            administration.request("POST", "/_cdp/partitions/heal", params={"region": region})


def crash_function(administration: Administration, name: str, region: str) -> int:
    """Kill the processes that run a function, in the middle of their work, and return how many there were.

    Args:
        administration: Administration of the embedded cloud.
        name: Name of the function.
        region: Its Region.

    Raises:
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    answer = administration.request("POST", "/_cdp/functions/crash", params={"name": name, "region": region})
    return int(answer.json()["killed"])


@contextmanager
def deliver_twice(administration: Administration, name: str, region: str) -> Iterator[None]:
    """Deliver each event of an asynchronous invocation twice inside the block, under one request id and at once.

    Args:
        administration: Administration of the embedded cloud.
        name: Name of the function.
        region: Its Region.

    Raises:
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    function = {"name": name, "region": region}
    administration.request("POST", "/_cdp/functions/events/twice", params=function)
    try:
        yield
    finally:
        administration.request("DELETE", "/_cdp/functions/events/twice", params=function)


def age_events(administration: Administration, *, hours: float = 0, seconds: float = 0) -> None:
    """Make events of asynchronous invocations that wait older: what has reached the maximum age is given up.

    Args:
        administration: Administration of the embedded cloud.
        hours: Hours.
        seconds: Seconds beside them.

    Raises:
        httpx.HTTPStatusError: hours and seconds are not more than nothing, or the endpoint is not an embedded cloud of
            this library.
    """
    older = timedelta(hours=hours, seconds=seconds).total_seconds()
    administration.request("POST", "/_cdp/functions/events/age", json={"seconds": older})
