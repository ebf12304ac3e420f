"""The documented consumer, without a cloud."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.stub import Stubber


@pytest.fixture
def order_archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "POWERTOOLS_TRACE_DISABLED": "1",
        "TABLE_NAME": "orders",
    }.items():
        monkeypatch.setenv(name, value)
    from docs.examples.order_archive import index

    with Stubber(index.dynamodb) as stubber:
        yield SimpleNamespace(handler=index.handler, stubber=stubber)
        stubber.assert_no_pending_responses()


def put(order_id: str) -> dict[str, Any]:
    return {
        "TableName": "orders",
        "Item": {"order_id": {"S": order_id}, "total": {"N": "10"}},
        "ConditionExpression": "attribute_not_exists(order_id)",
    }


def event(*bodies: object) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": str(number), "eventSource": "aws:sqs", "body": json.dumps(body)}
            for number, body in enumerate(bodies)
        ]
    }


CONTEXT = SimpleNamespace(
    function_name="archive",
    memory_limit_in_mb=128,
    invoked_function_arn="arn:aws:lambda:us-east-1:111122223333:function:archive",
    aws_request_id="1",
)


def test_only_what_failed_is_reported(order_archive: Any) -> None:
    order_archive.stubber.add_response("put_item", {}, put("a"))
    order_archive.stubber.add_response("put_item", {}, put("b"))
    poisoned = event({"order_id": "a", "total": 10}, {"order_id": "poison"}, {"order_id": "b", "total": 10})
    assert order_archive.handler(poisoned, CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "1"}]}


def test_a_duplicate_is_no_failure(order_archive: Any) -> None:
    order_archive.stubber.add_client_error("put_item", "ConditionalCheckFailedException", expected_params=put("a"))
    order_archive.stubber.add_response("put_item", {}, put("b"))
    repeated = event({"order_id": "a", "total": 10}, {"order_id": "b", "total": 10})
    assert order_archive.handler(repeated, CONTEXT) == {"batchItemFailures": []}
