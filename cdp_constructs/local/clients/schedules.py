"""Triggers schedules and flushes buffers of the embedded cloud at once, instead of waiting for them."""

from cdp_constructs.local.clients.administration import Administration

__all__ = ["fire_schedule", "flush_delivery_stream"]


def fire_schedule(administration: Administration, name: str, region: str) -> None:
    """Do now what the next occurrence of an EventBridge rule or a Scheduler schedule would do.

    Args:
        administration: Administration of the embedded cloud.
        name: Name of the rule or schedule; its expression is a rate or cron.
        region: Its Region.

    Raises:
        httpx.HTTPStatusError: there is no such rule or schedule, or it is disabled.
    """
    administration.request("POST", "/_cdp/schedules/fire", params={"name": name, "region": region})


def flush_delivery_stream(administration: Administration, name: str, region: str) -> int:
    """Let a Firehose delivery stream deliver what it has buffered, and return how many records that is.

    Args:
        administration: Administration of the embedded cloud.
        name: Name of the delivery stream.
        region: Its Region.

    Raises:
        httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
    """
    answer = administration.request("POST", "/_cdp/firehose/flush", params={"name": name, "region": region})
    return int(answer.json()["records"])
