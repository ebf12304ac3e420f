"""What the module `run_once` does with its records, without a table of AWS; with one: tests/behaviour/compute."""

import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import JSON


def refused(code: str, **more: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}, **more}, "PutItem")  # type: ignore[typeddict-item]


class FakeTable:
    """The few operations that the records need, in memory: a record is taken unless it is done or in progress."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.refuses: set[str] = set()
        self.meta = SimpleNamespace(events=SimpleNamespace(register_last=lambda *_: None))

    def _check(self, operation: str) -> None:
        if operation in self.refuses:
            raise refused("InternalServerError")

    def put_item(self, Item: dict[str, Any], ExpressionAttributeValues: dict[str, Any], **_: Any) -> None:  # noqa: N803
        self._check("put")
        found = self.items.get(Item["id"]["S"])
        if found is not None:
            ends = int(found.get("in_progress_expiration", {"N": "0"})["N"])
            over = found["status"]["S"] == "INPROGRESS" and ends < int(ExpressionAttributeValues[":now_in_millis"]["N"])
            if not over:
                raise refused("ConditionalCheckFailedException", Item=found)
        self.items[Item["id"]["S"]] = Item

    def update_item(self, Key: dict[str, Any], ExpressionAttributeValues: dict[str, Any], **_: Any) -> None:  # noqa: N803
        self._check("update")
        values = ExpressionAttributeValues
        self.items[Key["id"]["S"]] |= {
            "status": values[":status"],
            "data": values[":response_data"],
            "expires_at": values[":expiry"],
            "validation": values[":validation_key"],
        }

    def delete_item(self, Key: dict[str, Any], **_: Any) -> None:  # noqa: N803
        self._check("delete")
        self.items.pop(Key["id"]["S"], None)


class Context:
    """What Lambda says about an invocation."""

    def __init__(self, request_id: str = "request-1", milliseconds: int = 10_000) -> None:
        self.aws_request_id = request_id
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTable]:
    fake = FakeTable()
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "charge",
        "RUN_ONCE_TABLE": "table",
        "RUN_ONCE_PREFIX": "Payments",
        "RUN_ONCE_EXPIRES_AFTER_S": "3600",
        "RUN_ONCE_METRICS_NAMESPACE": "CdpConstructs",
        "RUN_ONCE_HANDLER": "wrapped_by_tests/index.handler",
    }.items():
        monkeypatch.setenv(name, value)
    forget()
    import_module("run_once.records").records()[0].client = fake
    yield fake
    forget()


def forget() -> None:
    """Let the module be imported anew, as by a cold start."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "run_once"]:
        del sys.modules[name]


@pytest.fixture
def entry(table: FakeTable, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that imports an entry around a handler."""
    assert table

    def around(name: str, handler: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        monkeypatch.setitem(sys.modules, "wrapped_by_tests", SimpleNamespace(__path__=[]))
        monkeypatch.setitem(sys.modules, "wrapped_by_tests.index", SimpleNamespace(handler=handler))
        sys.modules.pop(f"run_once.{name}", None)
        return import_module(f"run_once.{name}").handler  # type: ignore[no-any-return]

    return around


def test_work_is_done_once_and_its_result_returned_again(table: FakeTable) -> None:
    module, done = import_module("run_once"), []
    module.register_lambda_context(Context())
    work = lambda: done.append(1) or {"receipt": len(done)}  # noqa: E731
    assert module.run_once("a", work) == module.run_once("a", work) == {"receipt": 1}
    assert module.run_once("b", work) == {"receipt": 2}
    assert all(key.startswith("Payments#") for key in table.items)


def test_work_that_fails_is_forgotten_and_done_by_the_next_attempt(table: FakeTable) -> None:
    module = import_module("run_once")
    module.register_lambda_context(Context())
    with pytest.raises(ZeroDivisionError):
        module.run_once("a", lambda: 1 / 0)
    assert table.items == {}
    assert module.run_once("a", lambda: 7) == 7


def test_what_is_in_progress_is_refused_until_the_time_of_its_invocation_is_over(table: FakeTable) -> None:
    module = import_module("run_once")
    module.register_lambda_context(Context(milliseconds=10_000))
    with pytest.raises(KeyboardInterrupt):  # as a process that dies
        module.run_once("a", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(module.IdempotencyAlreadyInProgressError):
        module.run_once("a", lambda: 7)
    (record,) = table.items.values()
    record["in_progress_expiration"] = {"N": "1"}
    assert module.run_once("a", lambda: 7) == 7


def test_nothing_is_done_when_the_table_refuses_at_the_beginning(table: FakeTable) -> None:
    module, done = import_module("run_once"), []
    module.register_lambda_context(Context())
    table.refuses = {"put"}
    with pytest.raises(module.IdempotencyPersistenceLayerError):
        module.run_once("a", lambda: done.append(1))
    assert done == []


def test_what_is_done_ends_well_when_the_table_refuses_at_the_end(table: FakeTable) -> None:
    module = import_module("run_once")
    module.register_lambda_context(Context())
    table.refuses = {"update"}
    assert module.run_once("a", lambda: 7) == 7


def test_another_payload_under_the_same_id_is_refused(table: FakeTable) -> None:
    assert table
    module = import_module("run_once")
    module.register_lambda_context(Context())
    module.run_once("a", lambda: 7, validated={"amount": 7})
    with pytest.raises(module.IdempotencyValidationError):
        module.run_once("a", lambda: 7, validated={"amount": 8})


@pytest.mark.parametrize("missing", [None, "", [], {}])
def test_a_missing_id_is_refused(table: FakeTable, missing: Any) -> None:
    module = import_module("run_once")
    with pytest.raises(module.IdempotencyKeyError):
        module.run_once(missing, lambda: 7)
    assert table.items == {}


def test_work_runs_alone_and_the_lock_ends_with_it(table: FakeTable) -> None:
    module = import_module("run_once")
    module.register_lambda_context(Context())

    def inner() -> None:
        with pytest.raises(module.AlreadyRunningError):
            module.run_alone("run", lambda: 7)

    module.run_alone("run", inner)
    assert table.items == {}
    with pytest.raises(ZeroDivisionError):
        module.run_alone("run", lambda: 1 / 0)
    assert module.run_alone("run", lambda: 7) == 7


def test_a_lock_that_cannot_be_removed_does_not_fail_the_run(table: FakeTable) -> None:
    module = import_module("run_once")
    module.register_lambda_context(Context())
    table.refuses = {"delete"}
    assert module.run_alone("run", lambda: 7) == 7


def test_a_handler_is_called_once_for_each_request_id(entry: Callable[..., Any]) -> None:
    seen: list[Any] = []
    handler = entry("request", lambda event, _context: seen.append(event) or {"got": event})
    assert handler({"a": 1}, Context("1")) == handler({"a": 1}, Context("1")) == {"got": {"a": 1}}
    handler({"a": 1}, Context("2"))
    assert seen == [{"a": 1}] * 2


def test_a_path_leads_to_the_id(entry: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN_ONCE_KEY_PATH", "powertools_json(body).id")
    seen: list[Any] = []
    handler = entry("request", lambda event, _context: seen.append(event))
    for request_id in ("1", "2"):
        handler({"body": json.dumps({"id": 7})}, Context(request_id))
    assert len(seen) == 1


def test_a_batch_is_no_request(entry: Callable[..., Any], table: FakeTable) -> None:
    seen: list[Any] = []
    handler = entry("request", lambda event, _context: seen.append(event))
    batch = {"Records": [{"eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:q"}]}
    for _ in range(2):
        handler(batch, Context("1"))
    assert (seen, table.items) == ([batch] * 2, {})
    # What a topic and a bucket send is one, and comes asynchronously.
    for _ in range(2):
        handler({"Records": [{"EventSource": "aws:sns"}]}, Context("2"))
    assert len(seen) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(JSON | st.fixed_dictionaries({"Records": JSON}) | st.fixed_dictionaries({"scheduled_time": JSON}))
def test_any_event_reaches_the_handler_as_it_is(entry: Callable[..., Any], table: FakeTable, event: Any) -> None:
    for name in ("request", "schedule"):
        table.items.clear()
        seen: list[Any] = []
        handler = entry(name, lambda given, _context, seen=seen: seen.append(given))
        handler(event, Context())
        assert seen == [event] or event != event  # noqa: PLR0124 - not a number


def test_a_time_of_a_schedule_runs_once_and_is_skipped_while_another_one_runs(entry: Callable[..., Any]) -> None:
    inner: list[Any] = []

    def run(event: Any, context: Context) -> str:
        if event["scheduled_time"] == "07:00":
            inner.append(handler({"scheduled_time": "08:00"}, context))
        return str(event["scheduled_time"])

    handler = entry("schedule", run)
    assert handler({"scheduled_time": "07:00"}, Context()) == "07:00"
    assert inner == [{"skipped": "08:00"}]
    assert handler({"scheduled_time": "07:00"}, Context()) == "07:00"
    assert len(inner) == 1
    assert handler({"scheduled_time": "09:00"}, Context()) == "09:00"


def test_the_module_needs_no_cdk() -> None:
    folder = Path(__file__).parents[3] / "cdp_constructs/compute/layers/run_once/python/run_once"
    assert not any("aws_cdk" in file.read_text() for file in folder.glob("*.py"))
