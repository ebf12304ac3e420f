"""Handlers of streams: a record that cannot be worked on is a dead letter, and those around it are done."""

import json
from typing import Any

import pytest
from hypothesis import example, given

from tests.properties.events import kinesis
from tests.properties.inputs import UNREADABLE, examples, texts
from tests.properties.running import Run, Subject, running

TOO_HOT = {"name": "TooHot", "measure": "temperature", "limit": 30, "above": True, "recovers_at": 28}
SPEED_LAYER = Subject(
    package="cdp_constructs.data.handlers.speed_layer",
    environment={
        "TABLE_NAME": "table",
        "TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:topic",
        "RECORD_DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/111122223333/queue",
        "MEASURES": '["temperature", "humidity"]',
        "THRESHOLDS": json.dumps([TOO_HOT]),
        "WINDOW_RETENTION_S": "172800",
    },
)


def measured(thing: str) -> dict[str, Any]:
    return {
        "thing": thing,
        "context": "home",
        "type": "sensor",
        "message_id": f"m-{thing}",
        "at": 1_800_000_000_000,
        "humidity": 12.5,
        "temperature": 35,
    }


def send(run: Run, raw: bytes) -> list[str]:
    """Let a record come between two that are healthy: those are done; return the records in the dead-letter queue."""
    first, last = (json.dumps(measured(thing)).encode() for thing in ("first", "last"))
    answer = run.call({"Records": [kinesis("1", first), kinesis("2", raw), kinesis("3", last)]})
    assert answer == {"batchItemFailures": []}
    for thing in ("first", "last"):
        stored = [name for name, asked in run.world.calls if thing in repr(asked)]
        assert {"dynamodb.PutItem", "sns.Publish"} <= set(stored)
    dead = [json.loads(asked["MessageBody"]) for name, asked in run.world.calls if name == "sqs.SendMessage"]
    return [letter["event_id"] for letter in dead]


def test_a_record_costs_only_itself() -> None:
    with running(SPEED_LAYER) as run:

        @examples(40)
        @given(body=texts(measured("bad")))
        def holds(body: str) -> None:
            assert send(run, body.encode("utf-8", "surrogatepass")) in ([], ["shardId-0:2"])

        for body in UNREADABLE:
            holds = example(body=body)(holds)
        holds()


@pytest.mark.parametrize("name", ["thing", "context"])
@pytest.mark.parametrize("text", ["a\x00", "a\r\nb", "a\x1b", "a\ufffe", "a\uffff", "\x7f"])
def test_a_control_character_in_what_an_alert_names_is_a_dead_letter(name: str, text: str) -> None:
    with running(SPEED_LAYER) as run:
        assert send(run, json.dumps({**measured("bad"), name: text}).encode()) == ["shardId-0:2"]


def test_bytes_that_are_no_text_are_a_dead_letter() -> None:
    with running(SPEED_LAYER) as run:
        assert send(run, b"\xff\xfe\x00") == ["shardId-0:2"]
