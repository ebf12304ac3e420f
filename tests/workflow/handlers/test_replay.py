"""How kept deliveries are found by time and queued again."""

import io
import json
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.handlers import import_handler

TEN = {"from": "2026-11-24T10:00:00Z", "to": "2026-11-24T11:00:00Z"}


class Services:
    """Stands for S3 and SQS."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.sent: list[dict[str, Any]] = []

    def keep(self, moment: str, name: str) -> str:
        key = f"accepted/2026/11/24/{moment}-{name}.json"
        self.objects[key] = {"id": name, "received_at": moment, "headers": {}, "body": "{}", "source_ip": "x"}
        return key

    def get_paginator(self, _operation: str) -> "Services":
        return self

    def paginate(self, *, Prefix: str, **_options: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        found = sorted(key for key in self.objects if key.startswith(Prefix))
        # A page each, as S3 may do, and an empty one at the end.
        yield from ({"Contents": [{"Key": key}]} for key in found)
        yield {}

    def get_object(self, *, Key: str, **_options: Any) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(json.dumps(self.objects[Key]).encode())}

    def send_message(self, **message: Any) -> None:
        self.sent.append({**message, "body": json.loads(message["MessageBody"])})


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, services: Services) -> ModuleType:
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "BUCKET": "kept",
        "ACCEPTED_PREFIX": "accepted/",
        "QUEUE_URL": "https://queue",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    module = import_handler("cdp_constructs.workflow.handlers.replay")
    monkeypatch.setattr(module, "s3", services)
    monkeypatch.setattr(module, "sqs", services)
    return module


def replay(index: ModuleType, request: dict[str, Any], remaining: int = 60_000) -> dict[str, Any]:
    context = SimpleNamespace(
        function_name="replay",
        memory_limit_in_mb=256,
        invoked_function_arn="arn:aws:lambda:us-east-1:111122223333:function:replay",
        aws_request_id="1",
        get_remaining_time_in_millis=lambda: remaining,
    )
    answer: dict[str, Any] = index.handler(request, context)
    return answer


def test_what_came_in_the_range_is_queued_in_order(index: ModuleType, services: Services) -> None:
    services.keep("09/5959-999", "before")
    first, second = services.keep("10/0000-000", "first"), services.keep("10/5959-999", "second")
    services.keep("11/0000-000", "after")
    answer = replay(index, TEN)
    assert (answer["queued"], answer["next"]) == (2, None)
    assert [message["body"]["key"] for message in services.sent] == [first, second]
    assert {message["body"]["replay"] for message in services.sent} == {answer["replay"]}
    assert len({message["MessageGroupId"] for message in services.sent}) == 1


def test_two_replays_are_not_taken_for_one(index: ModuleType, services: Services) -> None:
    services.keep("10/3000-000", "one")
    replay(index, TEN)
    replay(index, TEN)
    assert len({message["MessageDeduplicationId"] for message in services.sent}) == 2


def test_a_range_with_a_time_zone_is_understood(index: ModuleType, services: Services) -> None:
    services.keep("10/3000-000", "one")
    tokyo = {"from": "2026-11-24T19:00:00+09:00", "to": "2026-11-24T20:00:00+09:00"}
    assert replay(index, tokyo)["queued"] == 1


def test_a_dry_run_only_counts(index: ModuleType, services: Services) -> None:
    services.keep("10/3000-000", "one")
    assert replay(index, {**TEN, "dry_run": True})["queued"] == 1
    assert services.sent == []


def test_when_time_runs_out_the_answer_says_where_to_go_on(index: ModuleType, services: Services) -> None:
    services.keep("10/3000-250", "one")
    assert replay(index, TEN, remaining=9_000)["next"] == "2026-11-24T10:30:00.250000+00:00"
    assert services.sent == []


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        ({}, "from: Field required; to: Field required"),
        ({"from": TEN["to"], "to": TEN["from"]}, "'to' must be later than 'from'"),
        ({"from": "2026-11-24T10:00:00", "to": TEN["to"]}, "from: Input should have timezone info"),
        ({**TEN, "id": "x"}, "id: Extra inputs"),
    ],
)
def test_a_wrong_request_is_explained(index: ModuleType, request_: dict[str, Any], problem: str) -> None:
    with pytest.raises(index.WrongRequestError, match=problem):
        replay(index, request_)
