"""Triggers schedules and flushes buffers of the embedded cloud at once, instead of waiting for them."""

import httpx

__all__ = ["fire_schedule", "flush_delivery_stream"]


def fire_schedule(endpoint: str, name: str, region: str) -> None:
    """Do now what the next occurrence of an EventBridge rule or a Scheduler schedule would do.

    Args:
        endpoint: Address of the embedded cloud.
        name: Name of the rule or schedule; its expression is a rate or cron.
        region: Its Region.

    Raises:
        httpx.HTTPStatusError: there is no such rule or schedule, or it is disabled.
    """
    url = f"{endpoint}/_cdp/schedules/fire"
    httpx.post(url, params={"name": name, "region": region}).raise_for_status()


def flush_delivery_stream(endpoint: str, name: str, region: str) -> int:
    """Let a Firehose delivery stream deliver what it has buffered, and return how many records that is.

    Args:
        endpoint: Address of the embedded cloud.
        name: Name of the delivery stream.
        region: Its Region.

    Raises:
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    answer = httpx.post(f"{endpoint}/_cdp/firehose/flush", params={"name": name, "region": region})
    return int(answer.raise_for_status().json()["records"])
