"""What is known of things: their state now, and minutes of the past, exact up to the last load and live after it.

``SpeedView`` reads what SpeedLayer keeps, ``BatchView`` asks what BatchLayer stored, and ``ServingView`` merges both.
Each minute is answered by exactly one of the layers, so that nothing is counted twice and nothing is left out:

- The batch layer has a *watermark*: everything that arrived before it has been delivered and can be queried.
- The speed layer notes with each window when its newest record arrived. As long as that is not before the watermark,
  the window may have records that the batch layer lacks, and the speed layer answers; a late record makes it so again.
- Every other window is answered by the batch layer, also one that the speed layer has only parts of or forgot.

Both layers count a message id once per minute.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_athena.client import AthenaClient
    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_dynamodb.service_resource import Table

__all__ = ["BatchView", "Latest", "QueryFailedError", "ServingView", "SpeedView", "Total", "Value", "Window"]

_MINUTE = timedelta(minutes=1)
# A record may claim to be made this much after it arrived (a clock that is ahead), and reach the two layers this much
# apart.
_SKEW = timedelta(minutes=1)
# An object is filed under the arrival of its oldest record; Firehose gathers for 15 minutes at most, longer when it
# falls behind.
_GATHERED = timedelta(hours=1)
_CALLS = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})


class QueryFailedError(RuntimeError):
    """Athena did not answer: the message has its reason, or that the time was up."""


@dataclass(frozen=True, kw_only=True)
class Total:
    """What a measure came to within a window."""

    count: int
    min: float
    max: float
    sum: float

    @property
    def mean(self) -> float:
        """The average."""
        return self.sum / self.count


@dataclass(frozen=True, kw_only=True)
class Window:
    """One minute of a thing."""

    thing: str
    start: datetime
    messages: int
    measures: Mapping[str, Total]
    layer: Literal["speed", "batch"]
    """Who answered."""
    arrived: datetime | None = None
    """When the newest record of it arrived; only the speed layer knows."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """The newest value of a field."""

    value: Any
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Latest:
    """A thing's state."""

    thing: str
    context: str
    type: str
    at: datetime
    fields: Mapping[str, Value]
    crossed: Mapping[str, datetime]
    """Thresholds that are crossed now, and since when."""


class WindowReader(Protocol):
    """Answers windows; both views do."""

    def windows(self, thing: str, start: datetime, end: datetime) -> list[Window]:
        """Return the windows that begin from ``start`` on and before ``end``, by time; none for an empty minute."""
        ...


class BatchReader(WindowReader, Protocol):
    """Answers windows, and knows how far."""

    def watermark(self) -> datetime | None:
        """Return until when everything that arrived is there; None when that is not known."""
        ...


class SpeedView:
    """The latest state and the windows of SpeedLayer, seconds after the records."""

    def __init__(self, table: "Table") -> None:
        """Read a table of SpeedLayer."""
        self._table = table

    @classmethod
    def connect(cls, variable: str = "SPEED_TABLE") -> Self:
        """Use the table that ``SpeedLayer.share_with`` named in the environment."""
        return cls(boto3.resource("dynamodb", config=_CALLS).Table(os.environ[variable]))

    def latest(self, thing: str) -> Latest | None:
        """Return a thing's state, None when nothing was heard of it yet."""
        item = self._table.get_item(Key={"pk": f"THING#{thing}", "sk": "LATEST"}).get("Item")
        if item is None:
            return None
        state = json.loads(str(item["state"]))
        return Latest(
            thing=thing,
            context=state["context"],
            type=state["type"],
            at=_time(state["at_ms"]),
            fields={
                name: Value(value=field["value"], at=_time(field["at_ms"])) for name, field in state["fields"].items()
            },
            crossed={name: _time(since) for name, since in state.get("crossed", {}).items()},
        )

    def windows(self, thing: str, start: datetime, end: datetime) -> list[Window]:
        """Return the windows that begin from ``start`` on and before ``end``, as far back as they are kept."""
        last = end.astimezone(UTC) - timedelta(microseconds=1)
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": f"THING#{thing}",
                ":first": f"WINDOW#{_ceiling(start):%Y-%m-%dT%H:%MZ}",
                ":last": f"WINDOW#{last:%Y-%m-%dT%H:%MZ}",
                ":now": int(time.time()),
            },
            # DynamoDB deletes what expired days later; a record that was worked on after that would begin it anew.
            "FilterExpression": "expires_at > :now",
            # The ids in it are the larger part of a window and nobody's business here.
            "ProjectionExpression": "sk, #state",
            "ExpressionAttributeNames": {"#state": "state"},
        }
        found: list[Window] = []
        while start < end:
            answer = self._table.query(**request)
            found += [_window(thing, item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return found


class BatchView:
    """The windows of what BatchLayer stored, computed from every record."""

    def __init__(
        self,
        *,
        athena: "AthenaClient",
        cloudwatch: "CloudWatchClient",
        settings: Mapping[str, Any],
        late: timedelta = timedelta(days=2),
        timeout: float = 60,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Ask a table of BatchLayer.

        Args:
            athena: Runs the query.
            cloudwatch: Has the metric that the watermark is made from.
            settings: What ``BatchLayer.share_with`` writes into the environment.
            late: How long after its time a record may arrive and still be found; each query reads so much more.
            timeout: Seconds until a query is given up.
            clock: The time.
        """
        self._athena = athena
        self._cloudwatch = cloudwatch
        self._settings = settings
        self._late = late
        self._timeout = timeout
        self._clock = clock

    @classmethod
    def connect(cls, variable: str = "BATCH_LAYER", **options: Any) -> Self:
        """Use the layer that ``BatchLayer.share_with`` named in the environment."""
        return cls(
            athena=boto3.client("athena", config=_CALLS),
            cloudwatch=boto3.client("cloudwatch", config=_CALLS),
            settings=json.loads(os.environ[variable]),
            **options,
        )

    def watermark(self) -> datetime | None:
        """Return until when everything that arrived is there; None when nothing was delivered for three hours.

        Firehose reports how old the oldest record is that it still holds: what is older has been delivered.
        """
        now = self._clock()
        answer = self._cloudwatch.get_metric_statistics(
            Namespace="AWS/Firehose",
            MetricName="DeliveryToS3.DataFreshness",
            Dimensions=[{"Name": "DeliveryStreamName", "Value": self._settings["delivery_stream"]}],
            StartTime=now - timedelta(hours=3),
            EndTime=now,
            Period=60,
            Statistics=["Maximum"],
        )
        known = [point["Timestamp"] - timedelta(seconds=point["Maximum"]) for point in answer["Datapoints"]]
        return max(known) - _SKEW if known else None

    def windows(self, thing: str, start: datetime, end: datetime) -> list[Window]:
        """Return the windows that begin from ``start`` on and before ``end``.

        Raises:
            QueryFailedError: Athena refused, failed, or took too long.
        """
        measures: Sequence[str] = self._settings["measures"]
        return [
            Window(
                thing=thing,
                start=_time(int(row["window_ms"])),
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
        """Return the query: one row per minute, each message id once per minute."""
        measures: Sequence[str] = self._settings["measures"]
        totals = "".join(
            f', count("{name}") AS "{name}_count", min("{name}") AS "{name}_min", max("{name}") AS "{name}_max"'
            f', sum("{name}") AS "{name}_sum"'
            for name in measures
        )
        fields = "".join(f', "{name}"' for name in measures)
        first, last = (
            start.astimezone(UTC) - _SKEW - _GATHERED,
            min(end.astimezone(UTC) + self._late, self._clock() + _SKEW),
        )
        quoted = thing.replace("'", "''")
        return (
            f'SELECT window_ms, count(*) AS messages{totals} FROM (SELECT "at" - "at" % 60000 AS window_ms, message_id'  # noqa: S608 - the one foreign value is quoted
            f'{fields}, row_number() OVER (PARTITION BY "at" - "at" % 60000, message_id ORDER BY "at") AS copy '
            f"FROM \"{self._settings['table']}\" WHERE thing = '{quoted}' "
            f'AND "at" >= {_ms(_ceiling(start))} AND "at" < {_ms(_ceiling(end))} '
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


class ServingView:
    """Both layers as one."""

    def __init__(self, speed: WindowReader, batch: BatchReader) -> None:
        """Merge the two views; the same records must be sent to both layers."""
        self._speed = speed
        self._batch = batch

    @classmethod
    def connect(cls, *, late: timedelta = timedelta(days=2)) -> Self:
        """Use what ``SpeedLayer.share_with`` and ``BatchLayer.share_with`` named in the environment."""
        return cls(SpeedView.connect(), BatchView.connect(late=late))

    def windows(self, thing: str, start: datetime, end: datetime) -> list[Window]:
        """Return the windows that begin from ``start`` on and before ``end``, by time, each from one layer.

        Args:
            thing: The thing.
            start: With a time zone.
            end: With a time zone.
        """
        # First, so that whatever is delivered meanwhile is still taken from the speed layer.
        watermark = self._batch.watermark()
        live = {window.start: window for window in self._speed.windows(thing, start, end)}
        if watermark is not None and start >= watermark + _SKEW:
            # All of this arrived after the watermark, so the speed layer has the whole of it: no query.
            return list(live.values())
        merged = {window.start: window for window in self._batch.windows(thing, start, end)}
        for begin, window in live.items():
            is_ahead = watermark is None or window.arrived is None or window.arrived >= watermark
            if is_ahead or begin not in merged:
                merged[begin] = window
        return [merged[begin] for begin in sorted(merged)]


def _window(thing: str, item: Mapping[str, Any]) -> Window:
    state = json.loads(item["state"])
    start = datetime.strptime(item["sk"], "WINDOW#%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    return Window(
        thing=thing,
        start=start,
        messages=state["messages"],
        measures={name: Total(**total) for name, total in state["measures"].items()},
        layer="speed",
        arrived=_time(state["arrived_ms"]),
    )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _ms(time_: datetime) -> int:
    return round(time_.timestamp() * 1000)


def _ceiling(time_: datetime) -> datetime:
    """Return the first full minute that is not before it."""
    floor = time_.astimezone(UTC).replace(second=0, microsecond=0)
    return floor if floor == time_.astimezone(UTC) else floor + _MINUTE
