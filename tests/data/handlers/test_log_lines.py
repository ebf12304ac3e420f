"""What becomes of the events of a log stream on their way to S3."""

import base64
import gzip
import json
from typing import Any

import pytest

from cdp_constructs.data.handlers.log_lines.lines import UnreadableRecordError, lines_of
from tests.handlers import import_handler

SENT: dict[str, Any] = {
    "messageType": "DATA_MESSAGE",
    "owner": "111122223333",
    "logGroup": "/aws/lambda/orders",
    "logStream": "2026/11/30/[$LATEST]1",
    "subscriptionFilters": ["orders"],
    "logEvents": [
        {"id": "1", "timestamp": 1_796_000_000_123, "message": '{"level": "ERROR", "order": 7}\n'},
        {"id": "2", "timestamp": 1_796_000_000_124, "message": "plain ERROR 注文"},
    ],
}


def record(**changes: Any) -> bytes:
    return gzip.compress(json.dumps({**SENT, **changes}).encode(), mtime=0)


def read(compressed: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(compressed).decode().splitlines()]


def test_each_event_is_a_line_with_where_it_is_from_and_its_level() -> None:
    service, compressed = lines_of(record()) or ("", b"")
    assert service == "orders"
    common = {"log_group": "/aws/lambda/orders", "log_stream": "2026/11/30/[$LATEST]1"}
    assert read(compressed) == [
        {
            "at": "2026-11-30 00:53:20.123",
            "id": "1",
            "level": "ERROR",
            "message": '{"level": "ERROR", "order": 7}\n',
            **common,
        },
        {"at": "2026-11-30 00:53:20.124", "id": "2", "level": None, "message": "plain ERROR 注文", **common},
    ]


def test_records_one_behind_the_other_are_one_compressed_file() -> None:
    both = [lines_of(record(logStream=name)) or ("", b"") for name in ("a", "b")]
    assert [line["log_stream"] for line in read(both[0][1] + both[1][1])] == ["a", "a", "b", "b"]


def test_what_tries_the_destination_is_dropped() -> None:
    assert lines_of(record(messageType="CONTROL_MESSAGE", logGroup="", subscriptionFilters=[])) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no gzip",
        record()[:-4],
        record() + b"more",
        pytest.param(gzip.compress(b"[]", mtime=0), id="a list"),
        pytest.param(gzip.compress(b"\xff", mtime=0), id="no text"),
        pytest.param(gzip.compress(b" " * 17_000_000, mtime=0), id="too much"),
        record(subscriptionFilters=[]),
        record(subscriptionFilters=["../errors"]),
        record(subscriptionFilters=["orders\n"]),
        record(messageType="OTHER"),
        record(logEvents=[{"id": "1", "timestamp": -1, "message": "m"}]),
        record(logEvents=[{"id": "1", "timestamp": 10**15, "message": "m"}]),
        record(logEvents=[{"id": "1", "timestamp": 1, "message": None}]),
    ],
)
def test_what_is_no_record_of_a_subscription_filter_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableRecordError):
        lines_of(data)


@pytest.mark.parametrize("message", ["{", '{"level": 30}', "{}", '["level"]', '{"level": NaN}', "[" * 1000])
def test_a_message_without_a_level_has_none(message: str) -> None:
    _, compressed = lines_of(record(logEvents=[{"id": "1", "timestamp": 1, "message": message}])) or ("", b"")
    (line,) = read(compressed)
    assert (line["level"], line["message"]) == (None, message)


def test_a_record_that_cannot_be_read_costs_only_itself_and_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "transform")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "CdpConstructs")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "TransformFunction")
    module = import_handler("cdp_constructs.data.handlers.log_lines")
    bodies = [record(), b"no gzip", record(messageType="CONTROL_MESSAGE")]
    records = [
        {"recordId": str(number), "approximateArrivalTimestamp": 1, "data": base64.b64encode(body).decode()}
        for number, body in enumerate(bodies)
    ]
    context: Any = type("Context", (), {"function_name": "f", "memory_limit_in_mb": 1, "aws_request_id": "1"})()
    context.invoked_function_arn = "arn:aws:lambda:us-east-1:111122223333:function:f"
    answer = module.handler({"records": records}, context)["records"]
    assert [(each["recordId"], each["result"]) for each in answer] == [
        ("0", "Ok"),
        ("1", "ProcessingFailed"),
        ("2", "Dropped"),
    ]
    assert answer[0]["metadata"] == {"partitionKeys": {"service": "orders"}}
    assert answer[1]["data"] == records[1]["data"]
    metrics = [line for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [json.loads(line)["RejectedRecords"] for line in metrics] == [[1.0]]
