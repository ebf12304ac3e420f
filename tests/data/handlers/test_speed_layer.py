"""What becomes of records: windows and latest state, whatever the order, the repetitions and the failures."""

import base64
import json
import random
import threading
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from cdp_constructs.data.handlers.speed_layer.alerts import Alerts
from cdp_constructs.data.handlers.speed_layer.dead_letters import DeadLetters
from cdp_constructs.data.handlers.speed_layer.folding import Threshold, fold_latest, fold_window
from cdp_constructs.data.handlers.speed_layer.records import Reading, UnreadableRecordError, read, read_all
from cdp_constructs.data.handlers.speed_layer.store import ChangedMeanwhileError, Store
from cdp_constructs.data.handlers.speed_layer.things import Things
from telemetry_view import SpeedView
from tests.handlers import import_handler

if TYPE_CHECKING:
    from collections.abc import Callable

CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="1")
NOON = 1_800_000_000_000  # a full minute
MINUTE = 60_000
TOO_HOT = Threshold(name="TooHot", measure="temperature", limit=30, above=True, recovers_at=28)


def record(number: int, *, arrived: int = NOON, raw: bytes | None = None, **document: Any) -> dict[str, Any]:
    body = {"thing": "desk-7", "context": "tokyo", "type": "climate", "at": NOON, "message_id": f"m{number}"}
    data = json.dumps(body | document).encode() if raw is None else raw
    return {
        "eventID": f"shardId-0:{number}",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:1:stream/s",
        "kinesis": {
            "partitionKey": "desk-7",
            "sequenceNumber": str(number),
            "approximateArrivalTimestamp": arrived / 1000,
            "data": base64.b64encode(data).decode(),
        },
    }


class Database:
    """Stands for DynamoDB: conditions hold, and it can refuse."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.writes = 0
        self.reads = 0
        self.failing: Callable[[dict[str, Any]], str] = lambda _item: ""
        self.refusing: Callable[[list[dict[str, Any]]], str] = lambda _keys: ""
        self.meanwhile: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        ((table, wanted),) = RequestItems.items()
        self.reads += 1
        if code := self.refusing(wanted["Keys"]):
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "BatchGetItem")
        assert wanted["ConsistentRead"]
        assert len(wanted["Keys"]) <= 100
        keys = [(key["pk"], key["sk"]) for key in wanted["Keys"]]
        return {"Responses": {table: [dict(self.items[key]) for key in keys if key in self.items]}}

    def put_item(self, *, Item: dict[str, Any], ConditionExpression: str, **options: Any) -> None:  # noqa: N803
        with self._lock:
            if self.meanwhile is not None:
                meanwhile, self.meanwhile = self.meanwhile, None
                meanwhile()
            if code := self.failing(Item):
                raise ClientError({"Error": {"Code": code, "Message": ""}}, "PutItem")
            there = self.items.get((Item["pk"], Item["sk"]))
            expected = options.get("ExpressionAttributeValues", {}).get(":version")
            assert ConditionExpression == ("version = :version" if expected else "attribute_not_exists(pk)")
            if (there or {}).get("version") != expected:
                raise ClientError({"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}}, "PutItem")
            self.items[Item["pk"], Item["sk"]] = Item
            self.writes += 1

    def state(self, sort_key: str, thing: str = "desk-7") -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.items[f"THING#{thing}", sort_key]["state"])
        return state

    def windows(self) -> dict[str, dict[str, Any]]:
        return {sk: self.state(sk, pk.removeprefix("THING#")) for pk, sk in self.items if sk.startswith("WINDOW#")}


class Services:
    """Stands for SNS and SQS."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.dead_letters: list[dict[str, Any]] = []
        self.failing = ""

    def _fail(self, operation: str) -> None:
        if self.failing == operation:
            raise ClientError({"Error": {"Code": "InternalError", "Message": ""}}, operation)

    def publish(self, *, Message: str, **_: Any) -> None:  # noqa: N803
        self._fail("Publish")
        self.alerts.append(json.loads(Message))

    def send_message(self, *, MessageBody: str, **_: Any) -> None:  # noqa: N803
        self._fail("SendMessage")
        self.dead_letters.append(json.loads(MessageBody))


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    thresholds = [{"name": "TooHot", "measure": "temperature", "limit": 30, "above": True, "recovers_at": 28}]
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "TABLE_NAME": "table",
        "TOPIC_ARN": "topic",
        "RECORD_DEAD_LETTER_QUEUE_URL": "queue",
        "MEASURES": '["temperature", "humidity"]',
        "THRESHOLDS": json.dumps(thresholds),
        "WINDOW_RETENTION_S": "172800",
        "POWERTOOLS_METRICS_NAMESPACE": "Test",
        "POWERTOOLS_SERVICE_NAME": "Function",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return import_handler("cdp_constructs.data.handlers.speed_layer")


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture(autouse=True)
def database(index: ModuleType, services: Services) -> Database:
    database: Any = Database()
    stubs: Any = services
    things = Things(Store(database, "table"), Alerts(stubs, "topic"), index.environment)
    vars(index).update(things=things, dead_letters=DeadLetters(stubs, "queue"))
    return database  # type: ignore[no-any-return]


def work(index: ModuleType, *records: dict[str, Any]) -> list[str]:
    answer = index.handler({"Records": list(records)}, CONTEXT)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_readings_become_windows_and_a_latest_state(index: ModuleType, database: Database) -> None:
    records = [
        record(1, temperature=20, humidity=40),
        record(2, temperature=24, at=NOON + 59_999, arrived=NOON + MINUTE),
        record(3, temperature=22, at=NOON + MINUTE, arrived=NOON + MINUTE, moved=True),
    ]
    assert work(index, *records) == []
    first, second = database.windows().values()
    assert first["messages"] == 2
    assert first["measures"]["temperature"] == {"count": 2, "min": 20, "max": 24, "sum": 44}
    assert first["measures"]["humidity"] == {"count": 1, "min": 40, "max": 40, "sum": 40}
    assert second["measures"] == {"temperature": {"count": 1, "min": 22, "max": 22, "sum": 22}}
    latest = database.state("LATEST")
    assert latest["fields"] == {
        "temperature": {"value": 22, "at_ms": NOON + MINUTE},
        "humidity": {"value": 40, "at_ms": NOON},
        "moved": {"value": True, "at_ms": NOON + MINUTE},
    }


def test_without_windows_only_the_latest_state_is_read_and_written(
    index: ModuleType, database: Database, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    without: Any = SimpleNamespace(**vars(index.environment) | {"window_retention_ms": None})
    stubs: Any = services
    store: Any = database
    index.things = Things(Store(store, "table"), Alerts(stubs, "topic"), without)
    ahead = record(3, temperature=31, at=NOON + MINUTE)
    late = record(4, temperature=40, at=NOON - 400 * 86_400_000)
    assert work(index, record(1, temperature=20), record(2, temperature=24, at=NOON + 1), ahead, late) == []
    assert [sort_key for _, sort_key in database.items] == ["LATEST"]
    # One write of the batch, and one that empties the outbox.
    assert (database.reads, database.writes) == (1, 2)
    assert database.state("LATEST")["fields"]["temperature"] == {"value": 31, "at_ms": NOON + MINUTE}
    assert [alert["state"] for alert in services.alerts] == ["crossed"]
    # The same records once more, and late ones, change nothing and are not counted as lost.
    assert work(index, record(1, temperature=20), ahead, late) == []
    assert (database.writes, len(services.alerts)) == (2, 1)
    assert not any(name in capsys.readouterr().out for name in ("TooLateRecords", "DuplicateRecords"))


def test_longer_windows_are_other_items_and_are_kept_as_long(index: ModuleType, database: Database) -> None:
    work(index, record(1, temperature=20))
    things = Things(index.things._store, index.things._alerts, replace(index.environment, window_ms=10 * MINUTE))
    vars(index).update(things=things)
    start = NOON - NOON % (10 * MINUTE)
    work(
        index,
        *(
            record(2 + minute, temperature=minute, at=start + minute * MINUTE, arrived=start + 11 * MINUTE)
            for minute in (0, 9, 10)
        ),
    )
    windows = {sk: item for (_, sk), item in database.items.items() if sk.startswith("WINDOW10#")}
    assert [json.loads(item["state"])["messages"] for _, item in sorted(windows.items())] == [2, 1]
    assert [item["expires_at"] for _, item in sorted(windows.items())] == [
        begin // 1000 + 172_800 for begin in (start, start + 10 * MINUTE)
    ]
    # The window of a minute from before is as it was.
    (minute,) = (json.loads(item["state"]) for (_, sk), item in database.items.items() if sk.startswith("WINDOW#"))
    assert minute["messages"] == 1


def test_windows_expire_and_the_latest_state_does_not(index: ModuleType, database: Database) -> None:
    work(index, record(1, temperature=20))
    expiries = {sk: item.get("expires_at") for (_, sk), item in database.items.items()}
    assert expiries.pop("LATEST") is None
    assert list(expiries.values()) == [NOON // 1000 + 172_800]


def test_the_same_message_again_changes_nothing(index: ModuleType, database: Database) -> None:
    work(index, record(1, temperature=31))
    before = json.dumps(sorted(map(str, database.items.items())))
    writes = database.writes
    # Delivered again, and sent again by the device: another sequence number.
    assert work(index, record(1, temperature=31), record(2, temperature=31, message_id="m1")) == []
    assert json.dumps(sorted(map(str, database.items.items()))) == before
    assert database.writes == writes


def test_records_without_an_id_are_told_apart_by_their_place_in_the_stream(
    index: ModuleType, database: Database
) -> None:
    for _ in range(2):
        work(index, record(1, temperature=20, message_id=None), record(2, temperature=20, message_id=None))
    (window,) = database.windows().values()
    assert window["messages"] == 2


def test_late_record_counts_in_its_window_and_replaces_nothing_newer(index: ModuleType, database: Database) -> None:
    work(index, record(1, temperature=20, at=NOON + MINUTE, arrived=NOON + MINUTE))
    work(index, record(2, temperature=35, humidity=50, at=NOON, arrived=NOON + 2 * MINUTE))
    late, on_time = sorted(database.windows().items())
    assert late[1]["measures"]["temperature"]["max"] == 35
    assert on_time[1]["measures"]["temperature"]["max"] == 20
    latest = database.state("LATEST")
    assert (latest["at_ms"], latest["fields"]["temperature"]["value"]) == (NOON + MINUTE, 20)
    assert latest["fields"]["humidity"] == {"value": 50, "at_ms": NOON}


def test_record_whose_window_is_not_kept_any_more_begins_none(index: ModuleType, database: Database) -> None:
    late = NOON - 172_800_000
    assert work(index, record(1, temperature=20, at=late)) == []
    assert database.windows() == {}
    assert database.state("LATEST")["fields"]["temperature"]["value"] == 20


def test_alert_is_published_once_when_crossed_and_once_when_back(
    index: ModuleType, database: Database, services: Services
) -> None:
    values = [29, 31, 35, 29, 31, 27, 29, 31]
    records = [record(n, temperature=value, at=NOON + n, arrived=NOON + n) for n, value in enumerate(values, start=1)]
    for each in records[:4]:
        work(index, each)
    work(index, *records[4:], records[1])
    states = [(alert["state"], alert["value"], alert["at"]) for alert in services.alerts]
    assert states == [("crossed", 31, NOON + 2), ("recovered", 27, NOON + 6), ("crossed", 31, NOON + 8)]
    assert database.state("LATEST")["outbox"] == []


def test_alert_that_could_not_be_published_is_published_by_the_next_try(
    index: ModuleType, database: Database, services: Services
) -> None:
    services.failing = "Publish"
    assert work(index, record(1, temperature=31)) == ["1"]
    services.failing = ""
    assert work(index, record(1, temperature=31)) == []
    assert [alert["alert_id"] for alert in services.alerts] == [f"desk-7/TooHot/{NOON}/crossed"]
    assert work(index, record(1, temperature=31)) == []
    assert len(services.alerts) == 1
    assert database.state("LATEST")["crossed"] == {"TooHot": NOON}


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (record(2, raw=b"\xff\x00"), "no JSON"),
        (record(2, raw=b"[1]"), "JSON list and no object"),
        (record(2, raw=b"[" * 100_000), "no JSON"),
        (record(2, raw=b'{"thing": "desk-7", "at": 1, "temperature": NaN}'), "it is no JSON"),
        (record(2, raw=b'{"thing": "\\ud800", "at": 1}'), "it is no JSON"),
        (record(2, temperature=10**400), "no finite number"),
        (record(2, temperature=-(10**400)), "no finite number"),
        (record(2, temperature=1.7e308), "no finite number"),
        (record(2, at=10**400), "s after its arrival"),
        (record(2, at=-(10**400)), "no time in epoch milliseconds"),
        (record(2, raw=b'{"thing": "desk-7", "at": 1, "temperature": 1e999}'), "it is no JSON"),
        (record(2, raw=b'{"thing": "desk-7", "at": 1, "note": [1e999]}'), "it is no JSON"),
        (record(2, thing=""), "thing is ''"),
        (record(2, thing="a#b"), "have no #"),
        (record(2, thing=7), "thing is 7 and no text"),
        (record(2, at="noon"), "at is 'noon'"),
        (record(2, at=True), "at is True"),
        (record(2, at=NOON + MINUTE + 1), "60.001 s after its arrival"),
        (record(2, temperature="hot"), "temperature is 'hot'"),
        (record(2, temperature=True), "temperature is True"),
        (record(2, message_id="x" * 257), "no text of up to 256"),
    ],
)
def test_unreadable_record_goes_to_the_dead_letter_queue_and_those_behind_it_are_worked_on(
    index: ModuleType, database: Database, services: Services, poison: dict[str, Any], reason: str
) -> None:
    assert work(index, record(1, temperature=20), poison, record(3, temperature=22)) == []
    (window,) = database.windows().values()
    assert window["messages"] == 2
    (message,) = services.dead_letters
    assert reason in message["reason"]
    assert message["event_id"] == "shardId-0:2"
    assert (message["data"], message["complete"]) == (poison["kinesis"]["data"], True)


def test_measures_whose_sum_would_be_infinite_are_set_aside(
    index: ModuleType, database: Database, services: Services
) -> None:
    large = [record(number, temperature=1.7e308) for number in (1, 2)]
    assert work(index, *large, *(record(number, temperature=1e300) for number in (3, 4))) == []
    assert [message["event_id"] for message in services.dead_letters] == ["shardId-0:1", "shardId-0:2"]
    (window,) = database.windows().values()
    assert window["measures"]["temperature"] == {"count": 2, "min": 1e300, "max": 1e300, "sum": 2e300}
    json.dumps(window["measures"], allow_nan=False)


def test_long_record_is_kept_with_its_beginning(index: ModuleType, services: Services) -> None:
    work(index, record(1, raw=b"x" * 1_000_000))
    (message,) = services.dead_letters
    assert (len(message["data"]), message["complete"]) == (700_000, False)


def test_unreadable_record_stays_in_the_stream_while_the_dead_letter_queue_takes_nothing(
    index: ModuleType, services: Services
) -> None:
    services.failing = "SendMessage"
    assert work(index, record(1, temperature=20), record(2, raw=b"?"), record(3, temperature=22)) == ["2"]


def test_record_that_can_never_be_written_goes_to_the_dead_letter_queue_alone(
    index: ModuleType, database: Database, services: Services
) -> None:
    database.failing = lambda item: "ValidationException" if "too much" in item["state"] else ""
    records = [record(1, temperature=20), record(2, temperature=21, note="too much"), record(3, temperature=22)]
    assert work(index, *records, record(4, thing="desk-8", temperature=1)) == []
    assert [message["event_id"] for message in services.dead_letters] == ["shardId-0:2"]
    assert "ValidationException" in services.dead_letters[0]["reason"]
    assert database.state("LATEST")["fields"]["temperature"] == {"value": 20, "at_ms": NOON}
    assert database.state("LATEST", "desk-8")["fields"]["temperature"]["value"] == 1


def test_what_is_rejected_doubled_and_late_is_counted(index: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    late = record(4, at=NOON - 172_800_000)
    work(index, record(1, temperature=20), record(2, temperature=20, message_id="m1"), record(3, raw=b"?"), late)
    (published,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line)
    counted = {name: published[name] for name in ("RejectedRecords", "DuplicateRecords", "TooLateRecords")}
    assert counted == {"RejectedRecords": [1.0], "DuplicateRecords": [1.0], "TooLateRecords": [1.0]}
    (metrics,) = published["_aws"]["CloudWatchMetrics"]
    assert sorted(metrics["Dimensions"][0]) == ["function_name", "service"]
    assert (published["function_name"], published["service"]) == ("f", "Function")


def test_throttled_table_makes_lambda_try_again_from_the_first_failure_on(
    index: ModuleType, database: Database, services: Services
) -> None:
    database.failing = lambda item: "ThrottlingException" if item["thing"] != "desk-7" else ""
    records = [record(9, temperature=20), record(10, thing="a", temperature=1), record(11, thing="b", temperature=1)]
    assert work(index, *records) == ["10"]
    assert services.dead_letters == []
    database.failing = lambda _item: ""
    assert work(index, *records[1:]) == []
    assert {window["messages"] for window in database.windows().values()} == {1}


def test_batch_of_many_things_is_read_with_a_call_for_a_hundred_keys(index: ModuleType, database: Database) -> None:
    # A latest state and a window each.
    records = [record(number, thing=f"desk-{number}") for number in range(100)]
    assert index.handler({"Records": records}, CONTEXT) == {"batchItemFailures": []}
    assert len(database.items) == 200
    assert database.reads == 2


def test_batch_whose_read_is_throttled_is_tried_again_whole_with_one_call(
    index: ModuleType, database: Database, services: Services
) -> None:
    database.refusing = lambda _keys: "ProvisionedThroughputExceededException"
    records = [record(number, thing=f"desk-{number}") for number in range(9)]
    assert index.handler({"Records": records}, CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert (database.reads, services.dead_letters) == (1, [])


def test_thing_that_cannot_be_read_is_rejected_alone(index: ModuleType, database: Database, services: Services) -> None:
    database.refusing = lambda keys: "ValidationException" if {"pk": "THING#bad", "sk": "LATEST"} in keys else ""
    records = [record(number, thing=thing) for number, thing in enumerate(("desk-1", "bad", "desk-2"))]
    assert index.handler({"Records": records}, CONTEXT) == {"batchItemFailures": []}
    assert {pk for pk, _ in database.items} == {"THING#desk-1", "THING#desk-2"}
    assert [letter["event_id"] for letter in services.dead_letters] == ["shardId-0:1"]


def test_two_writers_of_one_window_lose_nothing(index: ModuleType, database: Database) -> None:
    work(index, record(1, temperature=20))

    def meanwhile() -> None:
        key = next(key for key in database.items if key[1].startswith("WINDOW#"))
        item = database.items[key]
        state = json.loads(item["state"])
        state["messages"] += 1
        database.items[key] = item | {"state": json.dumps(state), "version": item["version"] + 1}

    database.meanwhile = meanwhile
    assert work(index, record(2, temperature=22)) == []
    (window,) = database.windows().values()
    assert window["messages"] == 3


def test_flood_of_a_buffer_that_was_offline_is_read_in_parts(index: ModuleType, database: Database) -> None:
    flood = [record(n, temperature=n, at=NOON - n * MINUTE) for n in range(150)]
    assert work(index, *flood) == []
    assert len(database.windows()) == 150


def test_reader_understands_what_is_written(index: ModuleType, database: Database) -> None:
    work(index, record(1, temperature=31))

    class Table:
        consistent: tuple[bool, ...] = ()

        def get_item(self, *, Key: dict[str, str], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
            self.consistent += (ConsistentRead,)
            return {"Item": database.items[Key["pk"], Key["sk"]]}

    view = SpeedView(table := Table())  # type: ignore[arg-type]  # stands for boto3's table
    latest = view.latest("desk-7")
    assert view.latest("desk-7", consistent=True) == latest
    assert table.consistent == (False, True)
    assert latest is not None
    assert latest.fields["temperature"].value == 31
    assert list(latest.crossed) == ["TooHot"]
    assert (latest.context, latest.type) == ("tokyo", "climate")


def test_writing_over_another_version_is_refused() -> None:
    database = Database()
    store = Store(database, "table")
    state = {"version": 0, "messages": 1}
    store.write("a", "LATEST", dict(state))
    with pytest.raises(ChangedMeanwhileError):
        store.write("a", "LATEST", dict(state))


def test_keys_that_stay_unprocessed_are_a_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    class Throttled:
        def batch_get_item(self, **request: Any) -> dict[str, Any]:
            return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
        Store(Throttled(), "table").read({"a": ["LATEST"]})


def test_letter_case_of_fields_does_not_matter_as_it_does_not_to_the_batch_layer(
    index: ModuleType, database: Database
) -> None:
    raw = {"Thing": "desk-7", "AT": NOON, "Temperature": 21, "message_id": "m1", "Extra": {"Nested": 1}}
    index.handler({"Records": [record(1, raw=json.dumps(raw).encode())]}, CONTEXT)
    fields = database.state("LATEST")["fields"]
    assert {name: field["value"] for name, field in fields.items()} == {"temperature": 21, "extra": {"Nested": 1}}
    (window,) = database.windows().values()
    assert window["measures"]["temperature"]["sum"] == 21


def test_fields_that_differ_in_letter_case_only_are_unreadable() -> None:
    with pytest.raises(UnreadableRecordError, match="Temperature"):
        read(record(1, temperature=21, Temperature=22), ["temperature"])


def test_below_is_the_mirror_of_above() -> None:
    too_dry = Threshold(name="TooDry", measure="humidity", limit=20, above=False, recovers_at=25)
    assert (too_dry.crossed_by(19), too_dry.crossed_by(20)) == (True, False)
    assert (too_dry.recovered_by(24), too_dry.recovered_by(25)) == (False, True)


readings = st.lists(
    st.builds(
        lambda number, minute, value: record(
            number, temperature=value, at=NOON + minute * MINUTE, arrived=NOON + 9 * MINUTE
        ),
        st.integers(1, 12),
        st.integers(0, 3),
        st.integers(-50, 50),
    ),
    max_size=30,
    # One message says the same whenever it is sent.
    unique_by=lambda each: each["kinesis"]["sequenceNumber"],
)


@given(readings, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(records: list[dict[str, Any]], chance: random.Random) -> None:
    def fold(order: list[dict[str, Any]]) -> tuple[dict[int, Any], Any]:
        windows: dict[int, dict[str, Any]] = {}
        latest: dict[str, Any] = {}
        for each in order:
            reading: Reading = read(each, ["temperature"])
            fold_window(windows.setdefault(reading.window_ms(MINUTE), {}), reading, ["temperature"])
            fold_latest(latest, reading, [])
        return windows, latest.get("at_ms")

    shuffled = records * 2
    chance.shuffle(shuffled)
    assert fold(shuffled) == fold(records)


def test_reading_names_what_is_wrong() -> None:
    with pytest.raises(UnreadableRecordError, match="no JSON"):
        read(record(1, raw=b"?"), ["temperature"])


def gathered(number: int, *measurements: Any, arrived: int = NOON) -> dict[str, Any]:
    """A record of several measurements, as a device gathers them and a rule completes them."""
    document = {"measurements": list(measurements), "thing": "desk-7", "context": "tokyo", "type": "climate"}
    return record(number, arrived=arrived, raw=json.dumps(document).encode())


def measurement(number: int, temperature: Any, *, minute: int = 0) -> dict[str, Any]:
    return {"message_id": f"m{number}", "at": NOON - minute * MINUTE + number, "temperature": temperature}


def test_gathered_measurements_are_folded_one_by_one(index: ModuleType, database: Database, services: Services) -> None:
    sent = [measurement(n, value, minute=3 - n) for n, value in enumerate((20, 31, 33, 27))]
    answer = index.handler({"Records": [gathered(1, *sent), gathered(2, *sent)]}, CONTEXT)
    assert answer == {"batchItemFailures": []}
    assert {key: window["messages"] for key, window in database.windows().items()} == dict.fromkeys(
        database.windows(), 1
    )
    assert len(database.windows()) == 4
    assert [(alert["state"], alert["value"]) for alert in services.alerts] == [("crossed", 31), ("recovered", 27)]
    assert services.dead_letters == []


def test_measurements_that_were_gathered_and_sent_alone_are_counted_once(index: ModuleType, database: Database) -> None:
    alone = record(1, raw=json.dumps({**measurement(1, 20), "thing": "desk-7", "context": "tokyo"}).encode())
    index.handler({"Records": [alone, gathered(2, measurement(1, 20), measurement(2, 22))]}, CONTEXT)
    (window,) = database.windows().values()
    assert (window["messages"], window["measures"]["temperature"]["sum"]) == (2, 42)


def test_one_poison_measurement_costs_only_itself_and_is_named(
    index: ModuleType, database: Database, services: Services
) -> None:
    poison = [7, "text", {"at": "noon"}, {"at": NOON, "temperature": "hot"}, {"at": NOON, "a": 1, "A": 2}]
    answer = index.handler({"Records": [gathered(1, measurement(1, 20), *poison, measurement(2, 22))]}, CONTEXT)
    assert answer == {"batchItemFailures": []}
    (window,) = database.windows().values()
    assert window["messages"] == 2
    (letter,) = services.dead_letters
    assert [f"measurement {number}: " in letter["reason"] for number in range(7)] == [False, *[True] * 5, False]


def test_who_sent_a_measurement_is_what_the_rule_says(index: ModuleType, database: Database) -> None:
    forged = {**measurement(1, 20), "thing": "desk-8", "Context": "osaka"}
    index.handler({"Records": [gathered(1, forged)]}, CONTEXT)
    assert {pk for pk, _ in database.items} == {"THING#desk-7"}
    assert database.state("LATEST")["context"] == "tokyo"


@pytest.mark.parametrize("number", [0, 201, 5_000])
def test_a_record_has_one_to_two_hundred_measurements(
    index: ModuleType, database: Database, services: Services, number: int
) -> None:
    index.handler({"Records": [gathered(1, *[measurement(n, 20) for n in range(number)])]}, CONTEXT)
    assert database.items == {}
    (letter,) = services.dead_letters
    assert letter["reason"] == f"it has {number} measurements; 1 to 200 are taken"


def test_a_measurement_that_the_table_refuses_is_a_dead_letter_and_the_others_are_recorded(
    index: ModuleType, database: Database, services: Services
) -> None:
    database.failing = lambda item: "ValidationException" if "WINDOW#" in item["sk"] and "31" in item["state"] else ""
    sent = [measurement(n, value, minute=3 - n) for n, value in enumerate((20, 31, 22))]
    index.handler({"Records": [gathered(1, *sent)]}, CONTEXT)
    assert [window["measures"]["temperature"]["sum"] for window in database.windows().values()] == [20, 22]
    (letter,) = services.dead_letters
    assert "ValidationException" in letter["reason"]


@given(readings, st.randoms(use_true_random=False))
def test_gathering_changes_nothing_of_what_is_known(records: list[dict[str, Any]], chance: random.Random) -> None:
    def fold(order: list[dict[str, Any]]) -> tuple[dict[int, Any], Any]:
        windows: dict[int, dict[str, Any]] = {}
        latest: dict[str, Any] = {}
        for each in order:
            for reading in read_all(each, ["temperature"])[0]:
                fold_window(windows.setdefault(reading.window_ms(MINUTE), {}), reading, ["temperature"])
                fold_latest(latest, reading, [])
        return windows, latest.get("fields")

    documents = [json.loads(base64.b64decode(each["kinesis"]["data"])) for each in records]
    together = []
    while documents:
        number = chance.randint(1, 8)
        together.append(gathered(1, *documents[:number], arrived=NOON + 9 * MINUTE))
        documents = documents[number:]
    assert _without_arrival(fold(together)) == _without_arrival(fold(records))


def _without_arrival(folded: tuple[dict[int, Any], Any]) -> Any:
    windows, fields = folded
    return {start: {**window, "arrived_ms": 0} for start, window in windows.items()}, fields
