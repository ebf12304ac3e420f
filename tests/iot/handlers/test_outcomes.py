"""How sessions end, as plain Python."""

import base64
import json
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import ClientError

from tests.handlers import import_handler, log_of


class Table:
    """Stands for the sessions; judges the two conditions that the handler has."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}

    def update_item(self, **request: Any) -> None:
        conditions = request["ConditionExpression"].get_expression()["values"]
        wanted = [part.get_expression()["values"][1] for part in conditions]
        item = self.items.get(request["Key"]["session"], {})
        if [item.get("status"), item.get("thing")] != wanted:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")
        for name, value in request["ExpressionAttributeValues"].items():
            item["late" if name == ":yes" else name[1:]] = value


@pytest.fixture
def table() -> Table:
    table = Table()
    table.items["s1"] = {"session": "s1", "thing": "t1", "status": "pending"}
    return table


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch, table: Table) -> ModuleType:
    for name, value in {
        "SESSIONS": "sessions",
        "POWERTOOLS_METRICS_NAMESPACE": "CdpConstructs",
        "POWERTOOLS_SERVICE_NAME": "Function",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "outcomes",
    }.items():
        monkeypatch.setenv(name, value)
    module = import_handler("cdp_constructs.iot.handlers.outcomes")
    monkeypatch.setattr(module, "table", table)
    return module


def record(outcomes: ModuleType, **message: Any) -> None:
    outcomes.record_outcome(SQSRecord({"messageId": "1", "body": json.dumps(message)}))


def answer(outcomes: ModuleType, **message: Any) -> None:
    answered = {"session": "s1", "thing": "t1", "context": "home", "status": "succeeded", **message}
    outcomes.record_outcome(SQSRecord({"messageId": "1", "body": encoded(json.dumps(answered).encode())}))


def encoded(text: bytes) -> str:
    """Encode a message as the rule does."""
    return base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("returned", "logged"),
    [
        ({"traceparent": f"00-{'a' * 32}-{'1' * 16}-01"}, "a" * 32),
        ({"traceparent": "forged\nline"}, "5" * 32),
        ({}, "5" * 32),
    ],
)
def test_lines_have_the_id_that_the_device_returns_and_otherwise_the_session(
    outcomes: ModuleType, monkeypatch: pytest.MonkeyPatch, returned: dict[str, str], logged: str
) -> None:
    log = log_of(outcomes, monkeypatch)
    session = "55555555-5555-5555-5555-555555555555"
    answer(outcomes, session=session, **returned)
    lines = [json.loads(line) for line in log.getvalue().splitlines() if session in line]
    assert lines
    assert {line["correlation_id"] for line in lines} == {logged}


def time_out(outcomes: ModuleType) -> None:
    record(outcomes, session="s1", thing="t1", status="timed_out")


def test_answer_ends_the_session(outcomes: ModuleType, table: Table) -> None:
    answer(outcomes, result={"pong": True})
    assert table.items["s1"]["status"] == "succeeded"
    assert json.loads(table.items["s1"]["result"]) == {"pong": True}


def test_first_end_counts(outcomes: ModuleType, table: Table) -> None:
    answer(outcomes)
    time_out(outcomes)
    answer(outcomes, status="failed")
    assert table.items["s1"] == {"session": "s1", "thing": "t1", "status": "succeeded"}


def test_late_answer_is_noted(outcomes: ModuleType, table: Table) -> None:
    time_out(outcomes)
    answer(outcomes)
    assert table.items["s1"]["status"] == "timed_out"
    assert table.items["s1"]["late"] is True


@pytest.mark.parametrize("message", [{"thing": "other"}, {"session": "unknown"}])
def test_answers_to_nobody_and_for_others_are_let_go(
    outcomes: ModuleType, table: Table, message: dict[str, str]
) -> None:
    answer(outcomes, **message)
    assert table.items["s1"]["status"] == "pending"


def test_device_cannot_time_itself_out_and_says_no_unknown_status(outcomes: ModuleType, table: Table) -> None:
    answer(outcomes, status="timed_out", reason="x" * 5000)
    assert table.items["s1"]["status"] == "failed"
    assert len(table.items["s1"]["reason"]) == 1024


def test_answer_of_a_rule_of_an_earlier_version_is_plain(outcomes: ModuleType, table: Table) -> None:
    record(outcomes, session="s1", thing="t1", context="home", status="rejected")
    assert table.items["s1"]["status"] == "rejected"


def test_message_that_is_neither_a_device_s_nor_a_time_out_is_tried_again(outcomes: ModuleType) -> None:
    with pytest.raises(KeyError):
        record(outcomes, nonsense=True)


MALFORMED = [
    "no json",
    "[" * 5000,
    '{"thing": "t1", "context": "home", "session": NaN}',
    '{"thing": "t1", "context": "home", "session": "s1", "status": "succeeded", "result": 1e999}',
    '{"thing": "t1", "context": "home", "session": "\\ud800"}',
    '{"thing": "t1", "context": "home", "session": "s1", "status": "succeeded", "result": ' + "9" * 5000 + "}",
    *(
        json.dumps({"thing": "t1", "context": "home", **answer})
        for answer in (
            {"nothing": 1},
            {"session": "s1"},
            {"session": "", "status": "succeeded"},
            {"session": "s" * 100_000, "status": "succeeded"},
            {"session": ["s1"], "status": "succeeded"},
            {"session": "s1", "status": ["succeeded"]},
        )
    ),
    "[]",
    "null",
]
MALFORMED += [encoded(text.encode()) for text in MALFORMED]
MALFORMED += [encoded(b"\xff\xfe"), "=", "e30", "ÿ"]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_answer_is_counted_and_dropped_and_its_neighbour_recorded(
    outcomes: ModuleType, table: Table, body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.dumps({"session": "s1", "thing": "t1", "context": "home", "status": "succeeded"})
    assert run(outcomes, body, encoded(good.encode())) == {"batchItemFailures": []}
    assert table.items["s1"]["status"] == "succeeded"
    assert counted(capsys, "RejectedResponses") == [1]


def test_the_log_says_which_device_and_not_what_it_sent(outcomes: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    body = encoded(json.dumps({"thing": "t1", "context": "home", "note": "the door's code is 4711"}).encode())
    run(outcomes, body)
    [line] = [str(vars(record)) for record in caplog.records if record.getMessage() == "Rejected"]
    assert "session of t1 is no text" in line
    assert "4711" not in line
    assert body[:40] not in line


def run(outcomes: ModuleType, *bodies: str) -> Any:
    context = SimpleNamespace(
        function_name="outcomes",
        memory_limit_in_mb=128,
        invoked_function_arn="arn",
        aws_request_id="1",
        get_remaining_time_in_millis=int,
    )
    records = [{"messageId": f"m{n}", "body": body, "eventSource": "aws:sqs"} for n, body in enumerate(bodies)]
    return outcomes.handler({"Records": records}, context)


def counted(capsys: pytest.CaptureFixture[str], metric: str) -> Any:
    [published] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    assert (published["function_name"], published["service"]) == ("outcomes", "Function")
    return published[metric]


def test_time_outs_are_counted(outcomes: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    message = {"session": "s1", "thing": "t1", "status": "timed_out"}
    assert run(outcomes, json.dumps(message)) == {"batchItemFailures": []}
    assert set(counted(capsys, "TimedOutCommands")) == {1}
