"""The publisher's decisions, with an AppSync that says what the test wants."""

import json
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest
import urllib3
from botocore.exceptions import ClientError

from tests.handlers import import_handler

if TYPE_CHECKING:
    from collections.abc import Callable

ROOM = "/rooms/one/g1"


@pytest.fixture(scope="module")
def module() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-west-2")
        patch.setenv("POWERTOOLS_TRACE_DISABLED", "1")
        patch.setenv("HTTP_DOMAIN", "abc.appsync-api.us-west-2.amazonaws.com")
        patch.setenv("AWS_REGION", "us-west-2")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        return import_handler("cdp_constructs.realtime.handlers.publishing")


class AppSync:
    """Takes events, unless told otherwise, and remembers the requests."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.sizes: list[int] = []
        self.url = ""
        self.answer: Callable[[dict[str, Any]], Any] = lambda _request: (200, {"successful": [], "failed": []})

    def request(self, _method: str, url: str, *, body: bytes, headers: dict[str, str]) -> Any:
        self.url = url
        self.sizes.append(len(body))
        self.requests.append(json.loads(body))
        self.headers.append(headers)
        status, answer = self.answer(self.requests[-1])
        return MagicMock(status=status, data=answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    @property
    def events(self) -> list[str]:
        return [event for request in self.requests for event in request["events"]]


@pytest.fixture
def appsync(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> AppSync:
    fake = AppSync()
    monkeypatch.setattr(module.api, "http", fake)
    monkeypatch.setenv("HTTP_DOMAIN", "abc.appsync-api.us-west-2.amazonaws.com")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    return fake


def message(number: Any, channel: str | None = ROOM, body: str | None = None) -> dict[str, Any]:
    attributes = {"channel": {"dataType": "String", "stringValue": channel}} if channel is not None else {}
    return {
        "messageId": f"m{number}",
        "body": json.dumps(number) if body is None else body,
        "messageAttributes": attributes,
    }


def failed(module: ModuleType, *records: dict[str, Any]) -> list[str]:
    answer = module.handler({"Records": list(records)}, MagicMock())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_events_go_out_by_five_in_order(module: ModuleType, appsync: AppSync) -> None:
    assert failed(module, *(message(number) for number in range(12))) == []
    assert [len(request["events"]) for request in appsync.requests] == [5, 5, 2]
    assert appsync.events == [json.dumps(number) for number in range(12)]
    assert {request["channel"] for request in appsync.requests} == {ROOM}


def test_each_channel_has_requests_of_its_own(module: ModuleType, appsync: AppSync) -> None:
    records = [message(number, f"/rooms/{number % 2}") for number in range(6)]
    assert failed(module, *records) == []
    by_channel = {request["channel"]: request["events"] for request in appsync.requests}
    assert by_channel == {"/rooms/0": ["0", "2", "4"], "/rooms/1": ["1", "3", "5"]}


def test_requests_are_signed_for_the_api(module: ModuleType, appsync: AppSync) -> None:
    failed(module, message(1))
    (headers,) = appsync.headers
    assert appsync.url == "https://abc.appsync-api.us-west-2.amazonaws.com/event"
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/us-west-2/appsync/aws4_request" in headers["Authorization"]
    assert "host" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == "token"


@pytest.mark.parametrize(
    "record",
    [
        message("bad", channel=None),
        message("bad", channel=""),
        message("bad", channel="/rooms/*"),
        message("bad", channel="/rooms/-one"),
        message("bad", channel="/rooms/" + "x" * 51),
        message("bad", channel="/a/b/c/d/e/f"),
        message("bad", body="no JSON"),
        message("bad", body="NaN"),
        message("bad", body="[" * 100_000),
        message("bad", body=json.dumps("x" * 240 * 1024)),
        message("bad", body=json.dumps("é" * 130_000, ensure_ascii=False)),
    ],
)
def test_what_can_never_be_published_fails_alone(module: ModuleType, appsync: AppSync, record: dict[str, Any]) -> None:
    assert failed(module, message(1), record, message(2)) == ["mbad"]
    assert appsync.events == ["1", "2"]


def test_the_largest_event_goes_out(module: ModuleType, appsync: AppSync) -> None:
    body = json.dumps("x" * (240 * 1024 - 2))
    assert failed(module, message(1, body=body)) == []
    assert appsync.events == [body]


def test_five_large_events_of_japanese_fit_into_a_request(module: ModuleType, appsync: AppSync) -> None:
    body = json.dumps("日" * 80_000, ensure_ascii=False)
    assert failed(module, *(message(number, body=body) for number in range(5))) == []
    assert appsync.events == [body] * 5
    assert appsync.sizes[0] < 5 * 240 * 1024, "as UTF-8 and not as \\u65e5, which has twice the bytes"


def test_only_the_events_that_appsync_names_fail(module: ModuleType, appsync: AppSync) -> None:
    appsync.answer = lambda _: (200, {"successful": [], "failed": [{"index": 1, "code": 400, "message": "no"}]})
    assert failed(module, *(message(number) for number in range(3))) == ["m1"]


def test_one_bad_event_does_not_spoil_the_other_four(module: ModuleType, appsync: AppSync) -> None:
    appsync.answer = lambda request: (400, {"errors": []}) if "3" in request["events"] else (200, {"failed": []})
    assert failed(module, *(message(number) for number in range(7))) == ["m3"]
    assert [request["events"] for request in appsync.requests[1:]] == [["0"], ["1"], ["2"], ["3"], ["4"], ["5", "6"]]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_after_a_failure_nothing_of_the_channel_overtakes(module: ModuleType, appsync: AppSync, status: int) -> None:
    appsync.answer = lambda request: (status, {}) if "5" in request["events"] else (200, {})
    records = [*(message(number) for number in range(12)), message("other", "/rooms/two")]
    assert failed(module, *records) == [f"m{number}" for number in range(5, 12)]
    assert '"other"' in appsync.events


def test_an_unreachable_api_fails_the_messages(module: ModuleType, appsync: AppSync) -> None:
    def unreachable(_request: dict[str, Any]) -> Any:
        raise urllib3.exceptions.MaxRetryError(MagicMock(), "/event")

    appsync.answer = unreachable
    assert failed(module, message(1), message(2)) == ["m1", "m2"]


@pytest.mark.parametrize("answer", [b"", b"<html>", b"\xff", b"[" * 100_000, [], {"failed": None}, {"failed": [{}]}])
def test_an_answer_that_cannot_be_read_fails_the_messages(module: ModuleType, appsync: AppSync, answer: Any) -> None:
    appsync.answer = lambda request: (200, answer if "1" in request["events"] else {})
    assert failed(module, message(1), message(2, "/rooms/two")) == ["m1"]


def test_another_endpoint_gets_what_was_signed_for_the_apis_host(
    module: ModuleType, appsync: AppSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    monkeypatch.setattr(module, "api", module.EventsApi(module.Environment.read(), connections=1))
    monkeypatch.setattr(module.api, "http", appsync)
    failed(module, message(1))
    assert appsync.url == "http://127.0.0.1:4566/event"
    assert appsync.headers[0]["Host"] == "abc.appsync-api.us-west-2.amazonaws.com"


def test_throttles_are_tried_again_at_once(module: ModuleType) -> None:
    retries = module.api.http.connection_pool_kw["retries"]
    assert retries.total == 2
    assert {429, 503} <= set(retries.status_forcelist)
    assert retries.is_retry("POST", 503)


def test_limits_are_those_of_the_package(module: ModuleType) -> None:
    assert Path(module.__file__ or "").parent.name == "publishing"
    assert (module.EVENTS_PER_PUBLISH, module.LARGEST_EVENT) == (5, 245_760)


class Notes:
    """DynamoDB, as far as the note of the lag needs it."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.fails: Exception | None = None

    def put_item(self, TableName: str, Item: dict[str, Any]) -> None:  # noqa: N803 - as boto3 has it
        assert TableName == "chat"
        if self.fails is not None:
            raise self.fails
        self.items.append(Item)


NOW = 1_800_000_000.0


@pytest.fixture
def notes(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Notes:
    """The table of a publisher that is late from 2 seconds on."""
    lag = module.LagNote("chat", "us-west-2", 2.0, clock=lambda: NOW)
    lag.client = Notes()
    monkeypatch.setattr(module, "lag", lag)
    return lag.client


def sent(number: int, *, ago: float | None = None, queued_ago: float = 0) -> dict[str, Any]:
    """Return a message that came about so many seconds ago, or says nothing about it."""
    record = message(number) | {"attributes": {"SentTimestamp": str(round((NOW - queued_ago) * 1000))}}
    if ago is not None:
        at = str(round((NOW - ago) * 1000))
        record["messageAttributes"]["sent_at"] = {"dataType": "String", "stringValue": at}
    return record


@pytest.mark.parametrize(
    ("records", "lag"),
    [
        ([sent(1, ago=1.9), sent(2, ago=0)], None),
        ([sent(1, ago=1.9), sent(2, ago=2.5)], "2500"),
        # The queue's own time counts when the message says nothing.
        ([sent(1, queued_ago=4)], "4000"),
        ([sent(1, ago=1, queued_ago=4)], None),
        # A replay, or what a failure held back: no load keeps anything for so long.
        ([sent(1, ago=120)], None),
        ([sent(1, ago=-5)], None),
        ([message(1)], None),
    ],
    ids=["in time", "one late", "late in the queue", "the message's own time", "a replay", "the future", "no time"],
)
def test_what_is_published_late_is_noted(
    module: ModuleType, appsync: AppSync, notes: Notes, records: list[dict[str, Any]], lag: str | None
) -> None:
    assert failed(module, *records) == []
    assert len(appsync.events) == len(records)
    assert [item["lag_ms"]["N"] for item in notes.items] == ([lag] if lag else [])
    for item in notes.items:
        assert (item["pk"]["S"], item["sk"]["S"]) == ("DELIVERY#us-west-2", "LAG")
        assert item["late_until_ms"]["N"] == str(round((NOW + 3) * 1000))


def test_it_is_noted_once_a_second(module: ModuleType, appsync: AppSync, notes: Notes) -> None:
    for number in range(3):
        assert failed(module, sent(number, ago=10)) == []
    assert (len(appsync.events), len(notes.items)) == (3, 1)


def test_what_was_not_published_says_nothing(module: ModuleType, appsync: AppSync, notes: Notes) -> None:
    appsync.answer = lambda _: (503, {})
    assert failed(module, sent(1, ago=10)) == ["m1"]
    assert notes.items == []


def test_throttling_by_appsync_is_load(module: ModuleType, appsync: AppSync, notes: Notes) -> None:
    appsync.answer = lambda _: (429, {})
    assert failed(module, sent(1, ago=0)) == ["m1"]
    assert len(notes.items) == 1


def test_a_note_that_cannot_be_written_fails_no_event(module: ModuleType, appsync: AppSync, notes: Notes) -> None:
    notes.fails = ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")
    assert failed(module, sent(1, ago=10)) == []
    assert appsync.events == ["1"]


def test_without_a_table_nothing_is_noted(module: ModuleType, appsync: AppSync) -> None:
    assert module.lag.client is None
    assert failed(module, sent(1, ago=10)) == []
    assert appsync.events == ["1"]
    assert module.lag.client is None
