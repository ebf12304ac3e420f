"""Schedules of the embedded cloud, fired when a test wants it."""

import httpx

__all__ = ["fire_schedule"]


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
