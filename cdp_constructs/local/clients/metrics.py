"""Metrics of the embedded cloud: their clock, which a test moves instead of waiting, and what services emit."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cdp_constructs.assembly import DEFAULT_ACCOUNT
from cdp_constructs.local.clients.administration import Administration

__all__ = ["MetricsClock"]

_MOST_SECONDS = 600
_TIMEOUT = 60


class MetricsClock:
    """Moves the time of CloudWatch: of metrics, alarms and their history, in every Region.

    Everything else keeps the time of the machine. What the cloud holds grows older by the move: a message that waits in
    a queue, a record that is not read from a stream. Metric data that a test puts needs a `Timestamp` of `now()`, or
    none.

    Args:
        administration: Administration of the embedded cloud.
    """

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    def now(self) -> datetime:
        """Return the time of metrics and alarms."""
        answer = self._administration.request("GET", "/_cdp/metrics/clock").json()
        return datetime.fromtimestamp(answer["now"], UTC)

    def advance(self, *, minutes: float = 0, seconds: float = 0) -> datetime:
        """Let time pass, with the metrics that follow from the state as it is, and evaluate the alarms of each minute.

        Alarms look at whole minutes that are over: what happens now is evaluated after one minute.

        Args:
            minutes: Minutes to move on.
            seconds: Seconds to move on beside them.

        Returns:
            The time of metrics and alarms after the move.

        Raises:
            httpx.HTTPStatusError: minutes and seconds are not more than nothing.
        """
        left = timedelta(minutes=minutes, seconds=seconds).total_seconds()
        while True:
            # The cloud does nothing else while it moves its clock.
            move = min(left, _MOST_SECONDS)
            answer = self._administration.request(
                "POST", "/_cdp/metrics/advance", json={"seconds": move}, timeout=_TIMEOUT
            ).json()
            left -= move
            if left <= 0:
                return datetime.fromtimestamp(answer["now"], UTC)

    def emit(
        self,
        namespace: str,
        name: str,
        value: float,
        *,
        region: str,
        dimensions: Mapping[str, str] | None = None,
        at: datetime | None = None,
        account: str = DEFAULT_ACCOUNT,
    ) -> None:
        """Add a value to a metric as if its service had emitted it: clients may not put data in namespaces of AWS.

        Args:
            namespace: For example `AWS/Firehose`.
            name: Name of the metric.
            value: The value.
            region: Region of the metric.
            dimensions: All of its dimensions. Default: none.
            at: When it was measured. Default: now, by this clock.
            account: The account. Default: the one that deployments go to without another.
        """
        request = {"namespace": namespace, "name": name, "value": value, "dimensions": dict(dimensions or {})}
        request |= {"region": region, "account": account, "timestamp": at.timestamp() if at else None}
        self._administration.request("POST", "/_cdp/metrics/emit", json=request)
