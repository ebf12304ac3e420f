"""How events are recorded, and how reconciliation pages, stops in time and leaves fresh objects to their events."""

import json
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import ClientError

from cdp_constructs.data.handlers.index_reconciliation.comparison import Comparison
from cdp_constructs.data.handlers.storage_index.environment import Environment
from cdp_constructs.data.handlers.storage_index.items import Items
from cdp_constructs.data.handlers.storage_index.objects import Objects
from tests.handlers import import_handler

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = 2
LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Bucket:
    """Stands for S3: pages of two objects."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}

    def put(self, key: str, etag: str = "e", modified: datetime = LONG_AGO) -> None:
        self.objects[key] = {"ETag": f'"{etag}"', "LastModified": modified}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, StartAfter: str) -> dict[str, Any]:  # noqa: N803
        del Bucket
        keys = sorted(key for key in self.objects if key.startswith(Prefix) and key > StartAfter)
        contents = [{"Key": key, **self.objects[key]} for key in keys[:PAGE]]
        return {"Contents": contents, "IsTruncated": len(keys) > PAGE}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        del Bucket
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")
        return {"ContentLength": 1, "ContentType": "text/plain", "Metadata": {}, **self.objects[Key]}


class Table:
    """Stands for DynamoDB: keeps items; conditions are judged by the hook of the test."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.refuse: Callable[[dict[str, Any]], bool] = lambda _item: False

    def Table(self, _name: str) -> "Table":  # noqa: N802 - boto3's name
        return self

    def get_item(self, *, Key: dict[str, str]) -> dict[str, Any]:  # noqa: N803
        found = self.items.get(Key["object"])
        return {"Item": found} if found else {}

    def put_item(self, *, Item: dict[str, Any], ConditionExpression: Any = None) -> None:  # noqa: N803
        if ConditionExpression is not None and self.refuse(Item):
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")
        self.items[Item["object"]] = Item

    def delete_item(self, *, Key: dict[str, str]) -> None:  # noqa: N803
        self.items.pop(Key["object"], None)

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        ((name, request),) = RequestItems.items()
        # Half of what is asked, as DynamoDB does when it is busy.
        asked = request["Keys"]
        now, later = asked[: (len(asked) + 1) // 2], asked[(len(asked) + 1) // 2 :]
        found = [self.items[key["object"]] for key in now if key["object"] in self.items]
        return {"Responses": {name: found}, "UnprocessedKeys": {name: {"Keys": later}} if later else {}}

    def scan(self, *, ExclusiveStartKey: dict[str, str] | None = None, **_options: Any) -> dict[str, Any]:  # noqa: N803
        names = sorted(name for name, item in self.items.items() if "bucket" in item and "deleted_at" not in item)
        names = [name for name in names if name > (ExclusiveStartKey or {"object": ""})["object"]]
        more = {"LastEvaluatedKey": {"object": names[PAGE - 1]}} if len(names) > PAGE else {}
        return {"Items": [self.items[name] for name in names[:PAGE]], **more}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "AWS_LAMBDA_FUNCTION_NAME": "reconciliation",
        "POWERTOOLS_METRICS_NAMESPACE": "Test",
        "POWERTOOLS_SERVICE_NAME": "ReconciliationFunction",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "BUCKET": "files",
        "PREFIX": "in/",
        "TABLE_NAME": "index",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def writer(bucket: Bucket, table: Table) -> ModuleType:
    module = import_handler("cdp_constructs.data.handlers.storage_index")
    stubs: Any = {"bucket": bucket, "table": table}
    vars(module).update(objects=Objects(stubs["bucket"], "files", "in/"), items=Items(stubs["table"], "index"))
    return module


@pytest.fixture
def reconcile(bucket: Bucket, table: Table) -> "Callable[..., dict[str, Any]]":
    module = import_handler("cdp_constructs.data.handlers.index_reconciliation")
    stubs: Any = {"bucket": bucket, "table": table}
    compared = Comparison(Objects(stubs["bucket"], "files", "in/"), Items(stubs["table"], "index"))
    vars(module).update(comparison=compared)
    return lambda *remaining_ms: module.handler({"grace_seconds": 900}, context(*remaining_ms))


def context(*remaining_ms: int) -> Any:
    """A context with so much time left, one figure for each time it is asked."""
    figures = list(remaining_ms) or [900_000] * 100
    return SimpleNamespace(
        function_name="reconciliation",
        memory_limit_in_mb=1024,
        invoked_function_arn="arn",
        aws_request_id="1",
        get_remaining_time_in_millis=lambda: figures.pop(0),
    )


def record(key: str, sequencer: str) -> Any:
    detail = {"object": {"key": key, "sequencer": sequencer}}
    return SQSRecord({"messageId": "1", "body": json.dumps({"detail": detail})})


def test_lost_and_orphaned_items_are_repaired_over_many_pages(
    reconcile: "Callable[..., dict[str, Any]]", bucket: Bucket, table: Table
) -> None:
    for number in range(5):
        bucket.put(f"in/ann/{number}")
    assert reconcile() == {"compared": 10, "repaired": 5, "finished": True}
    bucket.objects.pop("in/ann/3")
    assert reconcile()["repaired"] == 1
    assert "deleted_at" in table.items["files/in/ann/3"]
    assert reconcile() == {"compared": 8, "repaired": 0, "finished": True}


def test_run_that_is_out_of_time_is_continued_by_the_next(
    reconcile: "Callable[..., dict[str, Any]]", bucket: Bucket, table: Table
) -> None:
    for number in range(5):
        bucket.put(f"in/ann/{number}")
    first = reconcile(900_000, 59_000)
    assert first == {"compared": 2, "repaired": 2, "finished": False}
    assert table.items["reconciliation of files/in/"]["after"] == "in/ann/1"
    second = reconcile()
    assert second == {"compared": 8, "repaired": 3, "finished": True}
    assert "reconciliation of files/in/" not in table.items


def test_fresh_objects_are_left_to_their_events(
    reconcile: "Callable[..., dict[str, Any]]", bucket: Bucket, table: Table
) -> None:
    bucket.put("in/ann/new", modified=datetime.now(UTC))
    assert reconcile()["repaired"] == 0
    assert table.items == {}


def test_item_that_changed_meanwhile_is_left_alone(
    reconcile: "Callable[..., dict[str, Any]]", bucket: Bucket, table: Table
) -> None:
    bucket.put("in/ann/a")
    table.refuse = lambda _item: True
    assert reconcile()["repaired"] == 0


def test_repair_keeps_the_sequencer(
    reconcile: "Callable[..., dict[str, Any]]", writer: ModuleType, bucket: Bucket, table: Table
) -> None:
    bucket.put("in/ann/a", etag="old")
    writer.record_event(record("in/ann/a", "0A"))
    bucket.put("in/ann/a", etag="new")
    assert reconcile()["repaired"] == 1
    item = table.items["files/in/ann/a"]
    assert (item["etag"], item["sequencer"]) == ("new", "0A".ljust(64, "0"))


def test_failed_head_is_an_error_and_no_deletion(
    writer: ModuleType, bucket: Bucket, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_target: Any) -> None:
        raise ClientError({"Error": {"Code": "403"}}, "HeadObject")

    monkeypatch.setattr(bucket, "head_object", denied)
    with pytest.raises(ClientError, match="403"):
        writer.record_event(record("in/ann/a", "0A"))
    assert table.items == {}


def test_sequencer_that_does_not_fit_is_an_error(writer: ModuleType) -> None:
    with pytest.raises(ValueError, match="longer than 64 digits"):
        writer.record_event(record("in/ann/a", "A" * 65))


@pytest.mark.parametrize(("key", "owner"), [("in/ann/1/a", "ann"), ("in/a.txt", None)])
def test_owner_is_the_first_part_below_the_prefix(
    writer: ModuleType, bucket: Bucket, key: str, owner: str | None
) -> None:
    bucket.put(key)
    assert writer.objects.read(key).get("owner") == owner


@pytest.mark.parametrize(("metadata", "owner"), [({"album": "tokyo"}, "tokyo"), ({"other": "x"}, None)])
def test_owner_is_what_the_named_metadata_says(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, metadata: dict[str, str], owner: str | None
) -> None:
    bucket.objects["in/ann/1/a"] = {"ETag": '"e"', "LastModified": LONG_AGO, "Metadata": metadata}
    stub: Any = bucket
    assert Objects(stub, "files", "in/", "album").read("in/ann/1/a").get("owner") == owner
    # Both functions are told which metadata it is.
    monkeypatch.setenv("OWNER_METADATA", "album")
    assert Environment.read().owner_metadata == "album"


def test_names_are_compared_without_case_and_width(writer: ModuleType, bucket: Bucket) -> None:
    bucket.put("in/ann/1/\uff30\uff2cAN \u00c4.jpg")
    assert writer.objects.read("in/ann/1/\uff30\uff2cAN \u00c4.jpg")["search_name"] == "plan \u00e4.jpg"


def test_what_was_compared_and_repaired_is_counted(
    reconcile: "Callable[..., dict[str, Any]]", bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.put("in/ann/1")
    reconcile()
    (published,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line)
    assert (published["ComparedObjects"], published["RepairedObjects"]) == ([2.0], [1.0])
    (metrics,) = published["_aws"]["CloudWatchMetrics"]
    assert sorted(metrics["Dimensions"][0]) == ["function_name", "service"]


def test_an_object_that_cannot_be_read_does_not_end_the_run() -> None:
    class Guarded(Bucket):
        def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
            if Key == "b":
                raise ClientError({"Error": {"Code": "403"}}, "HeadObject")
            return super().head_object(Bucket=Bucket, Key=Key)

    bucket, table = Guarded(), Table()
    for key in ("a", "b", "c"):
        bucket.put(key)
    compared: Any = Comparison(Objects(bucket, "bucket", ""), Items(table, "index"))  # type: ignore[arg-type]
    result = compared.run(900, may_go_on=lambda: True)
    assert (result.repaired, result.failed, result.finished) == (2, 1, True)
    assert {"bucket/a", "bucket/c"} <= table.items.keys()
