"""What an event of SES about several recipients does when one of them cannot be recorded."""

import json
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.handlers import import_handler

CONTEXT = SimpleNamespace(
    function_name="feedback",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:us-east-1:111122223333:function:feedback",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 10_000,
)


class People:
    """Stands for the table of addresses, which refuses one."""

    def __init__(self) -> None:
        self.off: list[str] = []

    def switch_mail_off(self, address: str, _reason: str) -> None:
        if address.lower().startswith("refused"):
            raise ClientError({"Error": {"Code": "ValidationException"}}, "PutItem")
        self.off.append(address)


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_DEFAULT_REGION": "us-east-1",
            "NOTICES": json.dumps({"table": "people", "platforms": {}}),
            "POWERTOOLS_SERVICE_NAME": "FeedbackFunction",
            "POWERTOOLS_TRACE_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        yield import_handler("cdp_constructs.messaging.handlers.feedback")


@pytest.fixture
def people(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> People:
    people = People()
    monkeypatch.setattr(module, "people", people)
    return people


def recipients(*names: str) -> list[Any]:
    return [{"emailAddress": f"{name}@example.org"} for name in names]


def bounce(*bounced: Any) -> dict[str, Any]:
    return {"eventType": "Bounce", "bounce": {"bounceType": "Permanent", "bouncedRecipients": list(bounced)}}


def complaint(*complained: Any) -> dict[str, Any]:
    return {"eventType": "Complaint", "complaint": {"complainedRecipients": list(complained)}}


def failed(module: ModuleType, *details: dict[str, Any]) -> list[str]:
    """Let the handler work on a batch, and return the numbers of the events that are delivered again."""
    records = [
        {"messageId": str(number), "body": json.dumps({"detail": detail}), "eventSource": "aws:sqs"}
        for number, detail in enumerate(details)
    ]
    answer = module.handler({"Records": records}, CONTEXT)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.mark.parametrize("event", [bounce, complaint])
@pytest.mark.parametrize(
    "bad", [{}, None, 7, [], {"emailAddress": None}, {"emailAddress": 7}, *recipients("refused")], ids=repr
)
def test_a_recipient_that_cannot_be_recorded_holds_up_no_other(
    module: ModuleType, people: People, event: Any, bad: Any
) -> None:
    first, last = recipients("a", "b")
    assert failed(module, event(first, bad, last), event(*recipients("c"))) == ["0"]
    assert people.off == ["a@example.org", "b@example.org", "c@example.org"]


@pytest.mark.parametrize("mail", [None, {}, {"headers": None}, {"headers": [{}]}, {"headers": [{"name": 7}]}], ids=repr)
def test_headers_that_cannot_be_read_do_not_hold_up_an_address(module: ModuleType, people: People, mail: Any) -> None:
    assert failed(module, {**bounce(*recipients("a")), "mail": mail}) == []
    assert people.off == ["a@example.org"]
