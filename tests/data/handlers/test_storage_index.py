"""How reconciliation pages through bucket and index, stops in time, and leaves fresh objects to their events."""

import json
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

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


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    environment = {
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "BUCKET": "files",
        "PREFIX": "in/",
        "TABLE_NAME": "index",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    module = import_handler("cdp_constructs.data.handlers.storage_index")
    vars(module).update(s3=Bucket(), database=Table())
    return module


def context(*remaining_ms: int) -> Any:
    """A context with so much time left, one figure for each time it is asked."""
    figures = list(remaining_ms) or [900_000] * 100
    return SimpleNamespace(function_name="reconciliation", get_remaining_time_in_millis=lambda: figures.pop(0))


def record(key: str, sequencer: str) -> Any:
    return SimpleNamespace(body=json.dumps({"detail": {"object": {"key": key, "sequencer": sequencer}}}))


def test_lost_and_orphaned_items_are_repaired_over_many_pages(index: ModuleType) -> None:
    for number in range(5):
        index.s3.put(f"in/ann/{number}")
    assert index.reconcile(900, context()) == {"compared": 10, "repaired": 5, "finished": True}
    index.s3.objects.pop("in/ann/3")
    assert index.reconcile(900, context())["repaired"] == 1
    assert "deleted_at" in index.database.items["files/in/ann/3"]
    assert index.reconcile(900, context()) == {"compared": 8, "repaired": 0, "finished": True}


def test_run_that_is_out_of_time_is_continued_by_the_next(index: ModuleType) -> None:
    for number in range(5):
        index.s3.put(f"in/ann/{number}")
    first = index.reconcile(900, context(900_000, 59_000))
    assert first == {"compared": 2, "repaired": 2, "finished": False}
    assert index.database.items["reconciliation of files/in/"]["after"] == "in/ann/1"
    second = index.reconcile(900, context())
    assert second == {"compared": 8, "repaired": 3, "finished": True}
    assert "reconciliation of files/in/" not in index.database.items


def test_fresh_objects_are_left_to_their_events(index: ModuleType) -> None:
    index.s3.put("in/ann/new", modified=datetime.now(UTC))
    assert index.reconcile(900, context())["repaired"] == 0
    assert index.database.items == {}


def test_item_that_changed_meanwhile_is_left_alone(index: ModuleType) -> None:
    index.s3.put("in/ann/a")
    index.database.refuse = lambda _item: True
    assert index.reconcile(900, context())["repaired"] == 0


def test_repair_keeps_the_sequencer(index: ModuleType) -> None:
    index.s3.put("in/ann/a", etag="old")
    index.record_event(record("in/ann/a", "0A"))
    index.s3.put("in/ann/a", etag="new")
    assert index.reconcile(900, context())["repaired"] == 1
    item = index.database.items["files/in/ann/a"]
    assert (item["etag"], item["sequencer"]) == ("new", "0A".ljust(64, "0"))


def test_failed_head_is_an_error_and_no_deletion(index: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_target: Any) -> None:
        raise ClientError({"Error": {"Code": "403"}}, "HeadObject")

    monkeypatch.setattr(index.s3, "head_object", denied)
    with pytest.raises(ClientError, match="403"):
        index.record_event(record("in/ann/a", "0A"))
    assert index.database.items == {}


def test_sequencer_that_does_not_fit_is_an_error(index: ModuleType) -> None:
    with pytest.raises(ValueError, match="longer than 64 digits"):
        index.record_event(record("in/ann/a", "A" * 65))


@pytest.mark.parametrize(("key", "owner"), [("in/ann/1/a", "ann"), ("in/a.txt", None)])
def test_owner_is_the_first_part_below_the_prefix(index: ModuleType, key: str, owner: str | None) -> None:
    index.s3.put(key)
    assert index.read_object(key).get("owner") == owner
