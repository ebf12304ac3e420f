"""The publisher of an outbox: whatever an item of the table is, those around it are published."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.batches import TOPIC
from tests.properties.events import TRACEPARENT, dynamodb
from tests.properties.inputs import altered, examples
from tests.properties.mapping import deliver
from tests.properties.running import Run, Subject, running

OUTBOX = Subject(
    package="cdp_constructs.messaging.handlers.outbox",
    environment={
        "TOPIC_ARN": TOPIC,
        "RECORD_DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/111122223333/queue",
    },
)
VALUES: tuple[Any, ...] = (b"\xff", {"a"}, {1}, "x" * 300_000, "\x00", "\ufffe", "\ud800", "", None, {}, [], 7, True)
# What is published here is JSON; the dead-letter queue has what is not.
MESSAGES = tuple(
    json.dumps(value) if isinstance(value, str) and value else value for value in VALUES if value != "\ud800"
)


def event(mark: str) -> dict[str, Any]:
    return {
        "pk": f"OUTBOX#{mark}",
        "sk": mark,
        "message": json.dumps({"order": mark}),
        "attributes": {"type": "order.placed", "traceparent": TRACEPARENT},
        "expires_at": 1_800_000_000,
    }


@st.composite
def images(draw: st.DrawFn) -> dict[str, Any]:
    bad: dict[str, Any] = draw(altered(event("bad")))
    text = bad.get("message")
    if isinstance(text, str) and text:
        # What is published here is JSON; halves of surrogate pairs stay what they are.
        bad["message"] = json.dumps(text, ensure_ascii=False)
    if draw(st.booleans()):
        name = draw(st.sampled_from(["message", "attributes"]))
        bad[name] = draw(st.sampled_from(MESSAGES if name == "message" else VALUES))
    elif isinstance(bad.get("attributes"), dict):
        bad["attributes"] |= {draw(st.sampled_from(["type", "", "a b", "x" * 300])): draw(st.sampled_from(VALUES))}
    return bad | {"pk": "OUTBOX#bad", "sk": "bad"}


def check(run: Run, image: dict[str, Any]) -> None:
    """Let an item come between two that are healthy: those are published, and it is published or a dead letter."""
    records = [dynamodb("1", event("first")), dynamodb("2", image), dynamodb("3", event("last"))]
    delivered = deliver(run, records, fails_with="no exception")
    assert delivered.given_up == []
    published = [
        entry["Message"]
        for name, asked in delivered.calls
        if name == "sns.PublishBatch"
        for entry in asked["PublishBatchRequestEntries"]
    ]
    dead = [json.loads(asked["MessageBody"]) for name, asked in delivered.calls if name == "sqs.SendMessage"]
    assert {event("first")["message"], event("last")["message"]} <= set(published)
    assert [letter["sequence_number"] for letter in dead] in ([], ["2"])
    assert all(letter["reason"] for letter in dead)
    assert dead or image["message"] in published


def test_an_item_costs_only_itself() -> None:
    with running(OUTBOX) as run:

        @examples(60)
        @given(image=images())
        def holds(image: dict[str, Any]) -> None:
            check(run, image)

        for value in MESSAGES:
            holds = example(image=event("bad") | {"message": value})(holds)
        for value in VALUES:
            holds = example(image=event("bad") | {"attributes": {"type": value}})(holds)
        holds()


@pytest.mark.parametrize("missing", ["message", "attributes"])
def test_an_item_without_a_part(missing: str) -> None:
    with running(OUTBOX) as run:
        check(run, {name: value for name, value in event("bad").items() if name != missing} | {"message": '"text"'})
