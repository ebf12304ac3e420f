"""Which layer answers a minute: every record once, whatever was loaded and however late it came."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry_view import BatchView, NoWindowsError, QueryFailedError, ServingView, SpeedView, Total, Window

NOON = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SETTINGS = {
    "database": "db",
    "table": "telemetry",
    "workgroup": "wg",
    "delivery_stream": "ds",
    "measures": ["temperature"],
}


def window(minute: int, messages: int, layer: Any, arrived: datetime | None = None) -> Window:
    start = NOON + minute * MINUTE
    return Window(thing="a", start=start, messages=messages, measures={}, layer=layer, arrived=arrived)


@dataclass
class Layer:
    """Stands for a layer's view."""

    answers: list[Window]
    loaded_until: datetime | None = None
    asked: int = 0
    window_length: timedelta = MINUTE

    def windows(self, _thing: str, start: datetime, end: datetime) -> list[Window]:
        self.asked += 1
        return [each for each in self.answers if start <= each.start < end]

    def watermark(self) -> datetime | None:
        return self.loaded_until


def served(speed: Layer, batch: Layer, *, start: datetime = NOON) -> list[tuple[int, str]]:
    found = ServingView(speed, batch).windows("a", start, NOON + 60 * MINUTE)
    assert found == sorted(found, key=lambda each: each.start)
    return [(each.messages, each.layer) for each in found]


def test_minute_is_the_batch_layers_once_all_of_it_was_loaded() -> None:
    speed = Layer([window(0, 2, "speed", NOON), window(1, 3, "speed", NOON + 2 * MINUTE)])
    batch = Layer([window(0, 2, "batch"), window(1, 1, "batch")], loaded_until=NOON + MINUTE)
    assert served(speed, batch) == [(2, "batch"), (3, "speed")]


def test_late_record_gives_its_minute_back_to_the_speed_layer_until_it_is_loaded() -> None:
    speed = Layer([window(0, 3, "speed", NOON + 30 * MINUTE)])
    batch = Layer([window(0, 2, "batch")], loaded_until=NOON + 10 * MINUTE)
    assert served(speed, batch) == [(3, "speed")]
    batch.loaded_until, batch.answers = NOON + 31 * MINUTE, [window(0, 3, "batch")]
    assert served(speed, batch) == [(3, "batch")]


def test_minutes_that_one_layer_alone_knows_are_served() -> None:
    speed = Layer([window(1, 1, "speed", NOON + MINUTE)])
    batch = Layer([window(0, 5, "batch")], loaded_until=NOON + 30 * MINUTE)
    assert served(speed, batch) == [(5, "batch"), (1, "speed")]


def test_without_a_watermark_the_speed_layer_answers_what_it_has() -> None:
    speed = Layer([window(1, 2, "speed", NOON + MINUTE)])
    batch = Layer([window(0, 5, "batch"), window(1, 1, "batch")])
    assert served(speed, batch) == [(5, "batch"), (2, "speed")]


def test_minutes_after_the_watermark_cost_no_query() -> None:
    speed, batch = Layer([window(5, 1, "speed", NOON + 5 * MINUTE)]), Layer([], loaded_until=NOON)
    assert served(speed, batch, start=NOON + 2 * MINUTE) == [(1, "speed")]
    assert batch.asked == 0


arrivals = st.lists(
    # Minute of the record, when it arrived in seconds (never before it was made), whether a later load has it already.
    st.tuples(st.integers(0, 5), st.integers(0, 3000), st.booleans()).map(
        lambda each: (each[0], max(each[:2]), each[2])
    ),
    max_size=40,
)


@given(arrivals, st.integers(0, 3000), st.integers(0, 3000))
def test_nothing_is_left_out_and_nothing_counted_twice(
    records: list[tuple[int, int, bool]], loaded: int, worked_on: int
) -> None:
    """Firehose delivered what arrived before ``loaded``; the speed layer saw what arrived before ``worked_on``."""
    seen = [(minute, arrived) for minute, arrived, _ in records if arrived < worked_on]
    speed = Layer(
        [
            window(minute, count, "speed", NOON + timedelta(seconds=max(a for m, a in seen if m == minute)))
            for minute, count in Counter(minute for minute, _ in seen).items()
        ]
    )
    stored = Counter(minute for minute, arrived, early in records if arrived < loaded or early)
    batch = Layer([window(m, count, "batch") for m, count in stored.items()], NOON + timedelta(seconds=loaded))
    answer = {each.start: each.messages for each in ServingView(speed, batch).windows("a", NOON, NOON + 60 * MINUTE)}
    known = Counter(minute for minute, arrived, _ in records if arrived < max(loaded, worked_on))
    every = Counter(minute for minute, _, _ in records)
    for minute, count in every.items():
        assert known[minute] <= answer.get(NOON + minute * MINUTE, 0) <= count


class Athena:
    """Stands for Athena: answers with pages, or with a state."""

    def __init__(self, *states: str, rows: list[list[str]] | None = None) -> None:
        self.states = list(states)
        self.pages = [rows[:2], rows[2:]] if rows else []
        self.stopped = False

    def start_query_execution(self, **request: Any) -> dict[str, str]:
        assert request["WorkGroup"] == "wg"
        return {"QueryExecutionId": "q"}

    def get_query_execution(self, **_: str) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"QueryExecution": {"Status": {"State": state, "StateChangeReason": "because"}}}

    def stop_query_execution(self, **_: str) -> None:
        self.stopped = True

    def get_paginator(self, _name: str) -> Any:
        class Paginator:
            def paginate(_, **__: str) -> Any:  # noqa: N805
                for page in self.pages:
                    yield {"ResultSet": {"Rows": [{"Data": [{"VarCharValue": cell} for cell in row]} for row in page]}}

        return Paginator()


class Metrics:
    """Stands for CloudWatch."""

    def __init__(self, *points: tuple[datetime, float], behind: Sequence[tuple[datetime, float]] = ()) -> None:
        self.points = {"DeliveryToS3.DataFreshness": points, "KinesisMillisBehindLatest": behind}

    def get_metric_statistics(self, **request: Any) -> dict[str, Any]:
        assert request["Dimensions"] == [{"Name": "DeliveryStreamName", "Value": "ds"}]
        return {"Datapoints": [{"Timestamp": at, "Maximum": age} for at, age in self.points[request["MetricName"]]]}


def batch_view(athena: Athena | None = None, metrics: Metrics | None = None, **options: Any) -> BatchView:
    stubs: Any = {"athena": athena or Athena("SUCCEEDED"), "cloudwatch": metrics or Metrics()}
    return BatchView(**{**stubs, "settings": SETTINGS, **options}, clock=lambda: NOON + 60 * MINUTE)


def test_watermark_is_the_latest_time_before_which_nothing_is_held() -> None:
    metrics = Metrics((NOON, 300), (NOON + MINUTE, 330), (NOON + 2 * MINUTE, 500))
    assert batch_view(metrics=metrics).watermark() == NOON + MINUTE - timedelta(seconds=330) - MINUTE
    assert batch_view().watermark() is None


def test_what_firehose_had_not_read_of_the_stream_is_after_the_watermark() -> None:
    reads: Any = {"settings": {**SETTINGS, "source": "stream"}}
    held = (NOON, 300.0)
    read = [(NOON - 5 * MINUTE, 20_000.0), (NOON - 4 * MINUTE, 90_000.0), (NOON, 0.0), (NOON - 30 * MINUTE, 10**7)]
    watermark = batch_view(metrics=Metrics(held, behind=read), **reads).watermark()
    assert watermark == NOON - 5 * MINUTE - timedelta(seconds=90) - MINUTE
    # Without a word about how far it has read, nothing is known.
    assert batch_view(metrics=Metrics(held), **reads).watermark() is None
    assert batch_view(metrics=Metrics(held, behind=read)).watermark() == NOON - 6 * MINUTE


def test_rows_of_all_pages_become_windows() -> None:
    header = ["window_ms", "messages", "temperature_count", "temperature_min", "temperature_max", "temperature_sum"]
    rows = [
        header,
        [str(round(NOON.timestamp() * 1000)), "2", "2", "19.5", "20.0", "39.5"],
        [str(round((NOON + MINUTE).timestamp() * 1000)), "1", "0", "", "", ""],
    ]
    first, second = batch_view(Athena("QUEUED", "RUNNING", "SUCCEEDED", rows=rows)).windows("a", NOON, NOON + MINUTE)
    assert (first.start, first.messages, first.layer) == (NOON, 2, "batch")
    assert first.measures == {"temperature": Total(count=2, min=19.5, max=20, sum=39.5)}
    assert first.measures["temperature"].mean == 19.75
    assert (second.messages, second.measures) == (1, {})


def test_query_that_fails_or_takes_too_long_is_an_error() -> None:
    with pytest.raises(QueryFailedError, match="FAILED because"):
        batch_view(Athena("FAILED")).windows("a", NOON, NOON + MINUTE)
    athena = Athena("RUNNING")
    with pytest.raises(QueryFailedError, match="took more than 0 s"):
        batch_view(athena, timeout=0).windows("a", NOON, NOON + MINUTE)
    assert athena.stopped


def test_query_counts_a_message_once_a_minute_and_quotes_its_thing() -> None:
    at = round(NOON.timestamp() * 1000)
    records = [
        ("m1", at, "o'brien", 20.0, "2027-01-15-12"),
        ("m1", at, "o'brien", 20.0, "2027-01-15-13"),  # delivered twice, an hour apart
        (None, at + 1, "o'brien", 22.0, "2027-01-15-12"),  # these two have no id, so they are two
        (None, at + 1, "o'brien", 22.0, "2027-01-15-12"),
        ("m2", at + 60_000, "o'brien", 25.0, "2027-01-15-12"),
        ("m3", at - 1, "o'brien", 1.0, "2027-01-15-12"),  # before
        ("m4", at, "another", 1.0, "2027-01-15-12"),
        ("m5", at, "o'brien", 1.0, "2027-01-20-12"),  # later than it may come
    ]
    connection = duckdb.connect()
    connection.execute(
        'CREATE TABLE telemetry (message_id VARCHAR, "at" BIGINT, thing VARCHAR, temperature DOUBLE, hour VARCHAR)'
    )
    connection.executemany("INSERT INTO telemetry VALUES (?, ?, ?, ?, ?)", records)
    sql = batch_view().sql("o'brien", NOON, NOON + 2 * MINUTE)
    assert connection.execute(sql).fetchall() == [(at, 3, 3, 20, 22, 64), (at + 60_000, 1, 1, 25, 25, 25)]


def test_minutes_of_a_layer_without_windows_are_those_of_the_batch_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = Layer([window(0, 2, "batch")], loaded_until=NOON + MINUTE)
    serving = ServingView(None, batch)
    assert not serving.is_live
    assert serving.windows("a", NOON, NOON + 60 * MINUTE) == batch.answers
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "SPEED_TABLE": "table",
        "BATCH_LAYER": json.dumps(SETTINGS),
    }.items():
        monkeypatch.setenv(name, value)
    assert ServingView.connect().is_live
    monkeypatch.setenv("SPEED_TABLE_HAS_NO_WINDOWS", "true")
    assert not ServingView.connect().is_live
    with pytest.raises(NoWindowsError, match="windows=False; ask BatchView or ServingView"):
        SpeedView.connect().windows("a", NOON, NOON + MINUTE)


def test_views_that_are_merged_have_windows_of_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"0:10:00 and 0:01:00; give BatchView the window_length of the other"):
        ServingView(Layer([], window_length=10 * MINUTE), Layer([]))
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "SPEED_TABLE": "table",
        "SPEED_TABLE_WINDOW_S": "600",
        "BATCH_LAYER": json.dumps(SETTINGS),
    }.items():
        monkeypatch.setenv(name, value)
    assert SpeedView.connect().window_length == ServingView.connect().window_length == 10 * MINUTE


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=45))])
def test_longer_windows_begin_with_the_hour(zone: timezone) -> None:
    start = (NOON + timedelta(minutes=11, seconds=1)).astimezone(zone)
    sql = batch_view(window_length=20 * MINUTE).sql("a", start, start + 40 * MINUTE)
    assert sql.count('"at" - "at" % 1200000') == 2
    first, last = (round((NOON + minutes * MINUTE).timestamp() * 1000) for minutes in (20, 60))
    assert f'"at" >= {first} AND "at" < {last}' in sql


def test_speed_view_asks_for_whole_minutes_and_reads_all_pages() -> None:
    state = {"messages": 1, "measures": {"temperature": {"count": 1, "min": 2, "max": 2, "sum": 2}}, "arrived_ms": 1000}

    class Table:
        requests: list[dict[str, Any]] = []  # noqa: RUF012

        def query(self, **request: Any) -> dict[str, Any]:
            self.requests.append(dict(request))
            more = {} if "ExclusiveStartKey" in request else {"LastEvaluatedKey": {"pk": "x"}}
            return {"Items": [{"sk": "WINDOW#2027-01-15T12:01Z", "state": json.dumps(state)}], **more}

    table: Any = Table()
    found = SpeedView(table).windows("a", NOON + timedelta(seconds=1), NOON + 2 * MINUTE)
    assert [each.start for each in found] == [NOON + MINUTE] * 2
    assert found[0].arrived == datetime.fromtimestamp(1, UTC)
    values = table.requests[0]["ExpressionAttributeValues"]
    assert (values[":first"], values[":last"]) == ("WINDOW#2027-01-15T12:01Z", "WINDOW#2027-01-15T12:01Z")
    assert table.requests[0]["FilterExpression"] == "expires_at > :now"
    assert SpeedView(table).windows("a", NOON, NOON) == []
    table.requests.clear()
    SpeedView(table, window_length=10 * MINUTE).windows("a", NOON + MINUTE, NOON + 20 * MINUTE)
    values = table.requests[0]["ExpressionAttributeValues"]
    assert (values[":first"], values[":last"]) == ("WINDOW10#2027-01-15T12:10Z", "WINDOW10#2027-01-15T12:19Z")
