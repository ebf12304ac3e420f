"""What the publisher of an outbox does with an item that no topic takes, while the topic takes nothing else either."""

import json
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.handlers import import_handler
from transactional_outbox.publishing import FirstRecordFailedError

CONTEXT = SimpleNamespace(
    function_name="publisher",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:us-east-1:111122223333:function:publisher",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 10_000,
)


class Clients:
    """Stand for SNS, which refuses some messages for now, and for SQS."""

    def __init__(self) -> None:
        self.busy: set[str] = set()
        self.dead: list[str] = []

    def publish_batch(self, **asked: Any) -> dict[str, Any]:
        entries = asked["PublishBatchRequestEntries"]
        failed = [one for one in entries if one["Message"] in self.busy]
        return {"Failed": [{"Id": one["Id"], "Code": "InternalError", "SenderFault": False} for one in failed]}

    def send_message(self, **asked: Any) -> None:
        self.dead.append(json.loads(asked["MessageBody"])["sequence_number"])


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_LAMBDA_FUNCTION_NAME": "publisher",
            "TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:events",
            "RECORD_DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/111122223333/queue",
            "POWERTOOLS_SERVICE_NAME": "Publisher",
            "POWERTOOLS_METRICS_NAMESPACE": "Tests",
            "POWERTOOLS_TRACE_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        yield import_handler("cdp_constructs.messaging.handlers.outbox")


@pytest.fixture
def clients(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Clients:
    clients = Clients()
    monkeypatch.setattr(module.topic, "client", clients)
    monkeypatch.setattr(module.dead_letters, "client", clients)
    return clients


def publish(module: ModuleType, *messages: str) -> list[str]:
    """Let the handler work on a batch, and return from which record on it is delivered again."""
    records = [
        {
            "eventSource": "aws:dynamodb",
            "dynamodb": {"SequenceNumber": str(number), "NewImage": {"message": {"S": message}}},
        }
        for number, message in enumerate(messages)
    ]
    answer = module.handler({"Records": records}, CONTEXT)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_a_refused_item_before_a_failure_is_a_dead_letter(module: ModuleType, clients: Clients) -> None:
    clients.busy = {"later"}
    assert publish(module, "", "good", "later") == ["2"]
    assert clients.dead == ["0"]


def test_a_refused_item_behind_a_failure_is_a_dead_letter_once(module: ModuleType, clients: Clients) -> None:
    clients.busy = {"later"}
    assert publish(module, "good", "later", "") == ["1"]
    with pytest.raises(FirstRecordFailedError):
        publish(module, "later", "")
    assert clients.dead == []
    clients.busy = set()
    assert publish(module, "later", "") == []
    assert clients.dead == ["1"]
