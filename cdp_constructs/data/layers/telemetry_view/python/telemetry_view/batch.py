"""The windows of what BatchLayer stored, and how far that goes."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import boto3

from .calls import CALLS
from .times import MINUTE, SKEW, full_window, milliseconds, moment
from .windows import Total, Window

if TYPE_CHECKING:
    from mypy_boto3_athena.client import AthenaClient
    from mypy_boto3_cloudwatch.client import CloudWatchClient

__all__ = ["BatchView", "QueryFailedError"]

# An object is filed under the arrival of its oldest record; Firehose gathers for 15 minutes at most, longer when it
# falls behind.
_GATHERED = timedelta(hours=1)


class QueryFailedError(RuntimeError):
    """Athena did not answer: the message has its reason, or that the time was up."""


class BatchView:
    """The windows of what BatchLayer stored, computed from every record."""

    def __init__(
        self,
        *,
        athena: "AthenaClient",
        cloudwatch: "CloudWatchClient",
        settings: Mapping[str, Any],
        window_length: timedelta = MINUTE,
        late: timedelta = timedelta(days=2),
        timeout: float = 60,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Query a table of BatchLayer.

        Args:
            athena: Runs the query.
            cloudwatch: Has the metric that the watermark is made from.
            settings: What ``BatchLayer.share_with`` writes into the environment.
            window_length: Of whole minutes, and so that windows begin with each hour.
            late: How long after its time a record may arrive and still be found; each query reads so much more.
            timeout: Seconds until a query is given up.
            clock: The time.
        """
        self._athena = athena
        self._cloudwatch = cloudwatch
        self._settings = settings
        self.window_length = window_length
        self._late = late
        self._timeout = timeout
        self._clock = clock

    @classmethod
    def connect(cls, variable: str = "BATCH_LAYER", **options: Any) -> Self:
        """Use the layer that ``BatchLayer.share_with`` named in the environment."""
        return cls(
            athena=boto3.client("athena", config=CALLS),
            cloudwatch=boto3.client("cloudwatch", config=CALLS),
            settings=json.loads(os.environ[variable]),
            **options,
        )

    def watermark(self) -> datetime | None:
        """Return until when everything that arrived is there; None when nothing was delivered for three hours.

        Firehose reports how old the oldest record is that it still holds: what is older has been delivered. Where it
        reads a stream, what it had not read by then is not delivered either, and it reports how much that is.
        """
        held = self._metric("DeliveryToS3.DataFreshness")
        known = [(at - timedelta(seconds=age), at) for at, age in held]
        if self._settings.get("source") != "stream":
            return max(since for since, _ in known) - SKEW if known else None
        behind = self._metric("KinesisMillisBehindLatest")
        read = [
            since - timedelta(milliseconds=max(lags))
            for since, at in known
            if (lags := [lag for minute, lag in behind if since - MINUTE <= minute <= at])
        ]
        return max(read) - SKEW if read else None

    def _metric(self, name: str) -> list[tuple[datetime, float]]:
        now = self._clock()
        answer = self._cloudwatch.get_metric_statistics(
            Namespace="AWS/Firehose",
            MetricName=name,
            Dimensions=[{"Name": "DeliveryStreamName", "Value": self._settings["delivery_stream"]}],
            StartTime=now - timedelta(hours=3),
            EndTime=now,
            Period=60,
            Statistics=["Maximum"],
        )
        return [(point["Timestamp"], point["Maximum"]) for point in answer["Datapoints"]]

    def windows(self, thing: str, start: datetime, end: datetime) -> list[Window]:
        """Return the windows that begin from ``start`` on and before ``end``.

        Raises:
            QueryFailedError: Athena refused, failed, or took too long.
        """
        measures: Sequence[str] = self._settings["measures"]
        return [
            Window(
                thing=thing,
                start=moment(int(row["window_ms"])),
                messages=int(row["messages"]),
                measures={
                    name: Total(
                        count=int(row[f"{name}_count"]),
                        min=float(row[f"{name}_min"]),
                        max=float(row[f"{name}_max"]),
                        sum=float(row[f"{name}_sum"]),
                    )
                    for name in measures
                    if int(row[f"{name}_count"])
                },
                layer="batch",
            )
            for row in self._rows(self.sql(thing, start, end))
        ]

    def sql(self, thing: str, start: datetime, end: datetime) -> str:
        """Return the query: one row per window, each message id once per window."""
        measures: Sequence[str] = self._settings["measures"]
        totals = "".join(
            f', count("{name}") AS "{name}_count", min("{name}") AS "{name}_min", max("{name}") AS "{name}_max"'
            f', sum("{name}") AS "{name}_sum"'
            for name in measures
        )
        fields = "".join(f', "{name}"' for name in measures)
        since, until = full_window(start, self.window_length), full_window(end, self.window_length)
        first, last = since - SKEW - _GATHERED, min(until + self._late, self._clock() + SKEW)
        window = f'"at" - "at" % {self.window_length // timedelta(milliseconds=1)}'
        quoted = thing.replace("'", "''")
        return (
            f"SELECT window_ms, count(*) AS messages{totals} FROM (SELECT {window} AS window_ms, message_id"  # noqa: S608 - the one foreign value is quoted
            f'{fields}, row_number() OVER (PARTITION BY {window}, message_id ORDER BY "at") AS copy '
            f"FROM \"{self._settings['table']}\" WHERE thing = '{quoted}' "
            f'AND "at" >= {milliseconds(since)} AND "at" < {milliseconds(until)} '
            f"AND hour BETWEEN '{first:%Y-%m-%d-%H}' AND '{last:%Y-%m-%d-%H}') AS readings "
            "WHERE copy = 1 OR message_id IS NULL GROUP BY window_ms ORDER BY window_ms"
        )

    def _rows(self, sql: str) -> list[dict[str, str]]:
        query_id = self._athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self._settings["database"]},
            WorkGroup=self._settings["workgroup"],
        )["QueryExecutionId"]
        ends = time.monotonic() + self._timeout
        wait = 0.1
        while (status := self._status(query_id))["State"] in {"QUEUED", "RUNNING"}:
            if time.monotonic() > ends:
                self._athena.stop_query_execution(QueryExecutionId=query_id)
                raise QueryFailedError(f"query {query_id} took more than {self._timeout:g} s and was stopped")
            time.sleep(wait)
            wait = min(2 * wait, 2)
        if status["State"] != "SUCCEEDED":
            raise QueryFailedError(f"query {query_id}: {status['State']} {status.get('StateChangeReason', '')}")
        pages = self._athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
        rows = [
            [cell.get("VarCharValue", "") for cell in row["Data"]]
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
        return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]

    def _status(self, query_id: str) -> Mapping[str, Any]:
        return self._athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]
