"""Deliveries that SNS tries again: what waits, and the clock of retries, which a test moves instead of waiting."""

from dataclasses import dataclass
from datetime import timedelta

from cdp_constructs.local.clients.administration import Administration

__all__ = ["Deliveries", "WaitingDelivery"]

_TIMEOUT = 60


@dataclass(frozen=True)
class WaitingDelivery:
    """A message that SNS will try to deliver again."""

    topic: str
    """ARN of the topic."""
    queue: str
    """ARN of the queue that did not answer."""
    tries: int
    """The retry that is next, counted from 1; there are 100,015."""
    seconds: float
    """Until it is due."""


class Deliveries:
    """The retries of SNS to queues, by AWS's schedule: 100,015 over 23 days.

    Args:
        administration: Administration of the embedded cloud.
    """

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    def waiting(self, region: str) -> list[WaitingDelivery]:
        """Return what waits for the queues of a Region.

        Args:
            region: The queues' Region.
        """
        answer = self._administration.request("GET", "/_cdp/sns/retries", params={"region": region}).json()
        return [WaitingDelivery(**one) for one in answer["deliveries"]]

    def advance(self, *, days: float = 0, seconds: float = 0) -> int:
        """Let time pass for retries alone; what is due meanwhile is tried as things are now.

        Args:
            days: Days to move on.
            seconds: Seconds to move on beside them.

        Returns:
            How many deliveries wait afterwards, in all Regions.

        Raises:
            httpx.HTTPStatusError: days and seconds are not more than nothing.
        """
        move = timedelta(days=days, seconds=seconds).total_seconds()
        answer = self._administration.request(
            "POST", "/_cdp/sns/retries/advance", json={"seconds": move}, timeout=_TIMEOUT
        ).json()
        return int(answer["waiting"])
