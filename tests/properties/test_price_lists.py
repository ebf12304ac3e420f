"""The steps of the price lists, with what suppliers and shops send: each answers, or fails with an error that lasts."""

import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdp_constructs import LASTING_ERRORS
from tests.properties.aws import World, strict_json
from tests.properties.events import http
from tests.properties.inputs import TEXTS, altered, examples
from tests.properties.running import Subject, running

ENVIRONMENT = {
    "TABLE": "prices",
    "TOPIC": "arn:aws:sns:us-east-1:111122223333:topic",
    "CLAIM_CHECK": "bucket/payloads/",
    "CLAIM_CHECK_INLINE_BYTES": "1000",
    "APPROVAL_URL": "https://example.com",
    "ANSWER_FUNCTION": "answer",
}
ROWS = [{"sku": f"A-{number}", "name": f"Article {number}", "cents": 100 + number} for number in range(5)]
VERSION = {"supplier": "acme", "version": "v-1"}
CHECKS = {"prices": {"known": 5, "rises": 1, "largest_percent": 20}, "names": {"shared": 0}}
EVENTS: dict[str, Any] = {
    "read": {"version": "v-1", "list": {"supplier": "acme", "rows": ROWS}},
    "checks": {"check": "prices", "supplier": "acme", "rows": ROWS},
    "save": {**VERSION, "rows": ROWS, "part": {"from": 0, "until": 3}},
    "publish": {**VERSION, "action": "publish"},
    "tills": {**VERSION, "action": "load", "rows": ROWS},
    "ask": {"approval": "v-1.Approve", "supplier": "acme", "count": 5, "checks": CHECKS},
    "announce": {**VERSION, "count": 5},
    "price": {"supplier": "acme", "line": {"sku": "A-1", "quantity": 2}},
}
PACKAGES = {
    "read": "stacks.serverless.handlers.read",
    "checks": "stacks.serverless.handlers.checks",
    "save": "stacks.serverless.handlers.save",
    "publish": "stacks.serverless.handlers.publish",
    "tills": "stacks.serverless.handlers.tills",
    "ask": "stacks.serverless.handlers.ask",
    "announce": "stacks.serverless.handlers.announce",
    "price": "stacks.serverless.handlers.price",
}
# Beside those that no step tries again, what the stack says of its own.
LASTING = {*LASTING_ERRORS, "NoRowError", "PriceRefusedError"}


def subject(name: str) -> Subject:
    return Subject(
        package=PACKAGES[name],
        environment=ENVIRONMENT,
        world=lambda: World(
            answers={"sns.Publish": {"MessageId": "m"}, "dynamodb.BatchWriteItem": {"UnprocessedItems": {}}}
        ),
    )


@pytest.mark.parametrize("name", EVENTS)
def test_a_step_answers_or_fails_for_good(name: str) -> None:
    with running(subject(name)) as run:
        strict_json(json.dumps(run.call(EVENTS[name])))

        def check(event: Any) -> None:
            try:
                answer = run.call(event)
            except Exception as error:
                if type(error).__name__ not in LASTING:
                    raise
            else:
                strict_json(json.dumps(answer))

        @examples(40)
        @given(event=altered(EVENTS[name]))
        def holds(event: Any) -> None:
            check(event)

        for text in TEXTS:
            holds = example(event={**EVENTS[name], "supplier": text})(holds)
            holds = example(event={**EVENTS[name], "version": text})(holds)
        for wrong in ([], None, 7, {"claim_check": {}}, {"claim_check": {"bucket": "bucket", "key": "payloads/a"}}):
            holds = example(event=wrong)(holds)
        holds()


@pytest.mark.parametrize("text", TEXTS)
def test_a_row_that_is_none_is_left_out_and_never_repeated(text: str) -> None:
    bad: list[Any] = [{"sku": text, "name": text, "cents": text}, {text: 1}, text]
    with running(subject("read")) as run:
        answer = run.call({"version": "v-1", "list": {"supplier": "acme", "rows": [*ROWS, *bad]}})
    assert (answer["count"], answer["wrong"]["count"]) == (5, 3)
    assert all(set(line) <= set("row 0123456789:,abcdefghijklmnopqrstuvwxyz") for line in answer["wrong"]["first"])


def reminder(waiting: int) -> Subject:
    """Return the reminder while lists wait."""
    listed = [
        {"startDate": datetime(2026, 11, day + 1, tzinfo=UTC), "executionArn": "e", "status": "RUNNING"}
        for day in range(waiting)
    ]
    return Subject(
        package="stacks.serverless.handlers.remind",
        environment={**ENVIRONMENT, "STATE_MACHINE": "arn:aws:states:us-east-1:111122223333:stateMachine:imports"},
        world=lambda: World(answers={"stepfunctions.ListExecutions": {"executions": listed}}),
    )


@pytest.mark.parametrize("waiting", [0, 1, 3])
def test_a_reminder_is_sent_when_lists_wait(waiting: int) -> None:
    with running(reminder(waiting)) as run:
        assert run.call({"scheduled_time": "2026-11-30T00:00:00Z"}) == {"waiting": waiting}
        assert run.world.did("reminder") == bool(waiting)


QUESTION = {"supplier": "acme", "question": "acme: 5 prices"}
CODE = "a-code"
PAGE = Subject(
    package="stacks.serverless.handlers.approvals",
    environment=ENVIRONMENT,
    world=lambda: World(
        find=lambda _key: {"digest": hashlib.sha256(CODE.encode()).hexdigest(), "question": json.dumps(QUESTION)},
        answers={"lambda.Invoke": lambda _asked: {"Payload": io.BytesIO(b'{"status": "taken"}')}},
    ),
)
FORM = "decision=approve&by=Kim"


def ask(method: str, *, code: str | None = CODE, body: str | None = FORM, approval: str = "v-1.Approve") -> Any:
    query = None if code is None else {"code": code}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return http(body, method=method, path=f"/approvals/{approval}", query=query, headers=headers, user=None)


def test_who_has_the_code_decides_and_to_look_changes_nothing() -> None:
    with running(PAGE) as run:
        assert run.call(ask("GET", body=None))["statusCode"] == 200
        assert [name for name, _ in run.world.calls] == ["dynamodb.GetItem"]
        assert run.call(ask("POST"))["statusCode"] == 200
        assert [name for name, _ in run.world.calls] == ["dynamodb.GetItem", "lambda.Invoke", "dynamodb.DeleteItem"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_whoever_has_no_code_decides_nothing(method: str) -> None:
    with running(PAGE) as run:
        for text in [*TEXTS, "", "x" * 5_000, CODE.upper()]:
            for event in (ask(method, code=text), ask(method, code=None), ask(method, approval=text, code="other")):
                answer = run.call(event)
                assert answer["statusCode"] in {404, 405}
                assert not any(name == "lambda.Invoke" for name, _ in run.world.calls)


def test_whatever_is_in_the_form_is_answered_and_not_repeated() -> None:
    with running(PAGE) as run:

        @examples(60)
        @given(body=st.text(max_size=200) | st.text(max_size=50).map(lambda text: f"decision=approve&by={text}"))
        def holds(body: str) -> None:
            answer = run.call(ask("POST", body=body))
            assert answer["statusCode"] in {200, 400}

        for text in TEXTS:
            for body in (text, f"decision={text}&by=Kim", f"decision=approve&by={text}", f"{FORM}&comment={text}"):
                holds = example(body=body)(holds)
        for body in ("", "&" * 5_000, "by=%FF&decision=approve", f"{FORM}&comment={'x' * 600}"):
            holds = example(body=body)(holds)
        holds()
        encoded = {**ask("POST"), "isBase64Encoded": True}
        assert run.call(encoded)["statusCode"] == 400, "this is no base64"


@pytest.mark.parametrize(("status", "code"), [("closed", 409), ("unknown", 409), ("", 503)])
def test_what_the_workflow_does_not_take_is_told(status: str, code: int) -> None:
    late = replace(
        PAGE,
        world=lambda: World(
            find=PAGE.world()._find,
            answers={"lambda.Invoke": lambda _: {"Payload": io.BytesIO(json.dumps({"status": status}).encode())}},
        ),
    )
    with running(late) as run:
        assert run.call(ask("POST"))["statusCode"] == code
        assert not any(name == "dynamodb.DeleteItem" for name, _ in run.world.calls)
