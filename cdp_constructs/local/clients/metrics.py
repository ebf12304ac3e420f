"""The clock of metrics and alarms of the embedded cloud, which a test moves instead of waiting."""

from datetime import UTC, datetime, timedelta

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
