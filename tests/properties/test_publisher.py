"""The chat's publisher: whatever an item of the table is, those around it are published."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.aws import World
from tests.properties.batches import TOPIC, message
from tests.properties.events import TRACEPARENT, dynamodb
from tests.properties.inputs import altered, examples
from tests.properties.mapping import Delivered, deliver
from tests.properties.running import Run, Subject, running

CHANNEL, LEFT = "a0b1c2d3e4", "f0e1d2c3b4"
NOTE = {
    "generation": {"S": CHANNEL},
    "sequence": {"N": "7"},
    "edits": {"L": [{"N": "3"}]},
}


def found(key: Any) -> dict[str, Any] | None:
    """Return the message whose deletion is passed on."""
    return message("bad") if key.get("sk", "").startswith("MESSAGE#") else None


PUBLISHER = Subject(
    package="stacks.chat.handlers.publisher",
    environment={"TABLE_NAME": "chat", "TOPIC_ARN": TOPIC},
    world=lambda: World(find=found, answers={"dynamodb.UpdateItem": lambda _: {"Attributes": copy.deepcopy(NOTE)}}),
)


def posted(mark: str) -> dict[str, Any]:
    return {**message(mark), "pk": "ROOM#room#us-east-1", "sk": "MESSAGE#000000000007", "traceparent": TRACEPARENT}


def changed(kind: str) -> dict[str, Any]:
    return {
        "pk": "ROOM#room#us-east-1.changes",
        "sk": "CHANGE#000000000002",
        "room": "room",
        "region": "us-east-1",
        "sequence": 2,
        "clock": 1_700_000_000_001,
        "id": "change",
        "kind": kind,
        "message": "bad",
        "author": "anna",
        "text": "",
        "emoji": "",
        "changed_at": "2026-01-02T23:59:59.000+00:00",
    }


WRITTEN = {
    "message": posted("bad"),
    "edit": changed("edit"),
    "deletion": changed("deletion"),
    "reaction": changed("reaction"),
    "who joins": {"pk": "ROOM#room", "sk": "MEMBER#anna", "user": "anna", "room": "room"},
    "who leaves": {"pk": "ROOM#room", "sk": "MEMBER#anna", "left_at": "2026-01-02", "left_in": "eu-west-1"},
    "channel": {"pk": "ROOM#room", "sk": "CHANNEL#us-east-1", "previous": LEFT, "generation": CHANNEL},
    "presence": {"pk": "ROOM#room", "sk": "PRESENCE#anna", "change": "entered"},
    "typing": {"pk": "ROOM#room", "sk": "TYPING#anna", "change": "left"},
    "attachment": {"pk": "ROOM#room", "sk": "ATTACHMENT#u-1"},
}
PARTITIONS = ("ROOM", "ROOM#", "ROOM##us-east-1", "#", "ROOM#a\x00b", "ROOM#a\r\nb", "ROOM#" + "é" * 1021)
SORTS = (
    "MESSAGE",
    "MESSAGE#",
    "NEWS#1",
    "#",
    "MEMBER#a\x00b",
    "TYPING#a\r\nb",
    "ATTACHMENT#\ufffe",
    "CHANGE#",
    "x" * 1024,
)
VALUES: tuple[Any, ...] = (
    b"\xff\xfe",
    {"a", "b"},
    {1, 2},
    "x" * 300_000,
    "\x00",
    "a\r\nb",
    "\ufffe",
    "",
    None,
    {},
    [[]],
)


@st.composite
def images(draw: st.DrawFn, image: dict[str, Any]) -> dict[str, Any]:
    """Return what may be written instead of an item: altered, with other keys, or with what only DynamoDB has."""
    bad: dict[str, Any] = draw(altered(image))
    # Keys are never missing, and are texts of some length.
    bad |= {name: image[name] for name in ("pk", "sk")}
    match draw(st.sampled_from(["as it is", "keys", "values"])):
        case "keys":
            bad["pk"] = draw(st.sampled_from([image["pk"], *PARTITIONS]))
            bad["sk"] = draw(st.sampled_from([image["sk"], *SORTS]))
        case "values":
            name = draw(st.sampled_from([name for name in bad if name not in {"pk", "sk"}] or ["extra"]))
            bad[name] = draw(st.sampled_from(VALUES))
    return bad


def events_of(delivered: Delivered) -> list[str]:
    """Return the messages that SNS took."""
    return [
        entry["Message"]
        for name, asked in delivered.calls
        if name == "sns.PublishBatch"
        for entry in asked["PublishBatchRequestEntries"]
    ]


def check(run: Run, image: dict[str, Any]) -> list[str]:
    """Let an item come between two that are healthy: those are published; return who is given up."""
    records = [dynamodb("1", posted("first")), dynamodb("2", image), dynamodb("3", posted("last"))]
    delivered = deliver(run, records, fails_with="FirstRecordFailedError")
    ids = [json.loads(event).get("message", {}).get("id") for event in events_of(delivered)]
    assert "first" in ids
    assert "last" in ids
    others = [found for found in ids if found not in ("first", "last")]
    assert delivered.given_up in ([], ["2"])
    assert not (delivered.given_up and others), "a record that was published was given up"
    return delivered.given_up


@pytest.mark.parametrize("name", WRITTEN)
def test_an_item_that_is_written_is_published(name: str) -> None:
    with running(PUBLISHER) as run:
        assert check(run, WRITTEN[name]) == []


@pytest.mark.parametrize("name", WRITTEN)
def test_an_item_costs_only_itself(name: str) -> None:
    image = WRITTEN[name]
    with running(PUBLISHER) as run:

        @examples(20)
        @given(image=images(image))
        @example(image={"pk": "ROOM#room", "sk": "NEWS#1"})
        @example(image={**image, "pk": "ROOM"})
        @example(image={**image, "pk": "ROOM#a\x00b"})
        def holds(image: dict[str, Any]) -> None:
            check(run, image)

        holds()


def check_alone(run: Run, image: dict[str, Any]) -> None:
    """Let an item come between two others: the first delivery publishes those, and reports it."""
    records = [dynamodb("1", posted("first")), dynamodb("2", image), dynamodb("3", posted("last"))]
    assert run.call({"Records": records}) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert run.world.did("first")
    assert run.world.did("last")


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\ufffe"])
def test_an_entry_whose_attribute_sns_refuses_fails_alone_at_once(character: str) -> None:
    with running(PUBLISHER) as run:
        check_alone(run, {"pk": f"ROOM#a{character}b", "sk": "TYPING#anna", "change": "entered"})
        check_alone(run, {**posted("bad"), "region": f"us{character}"})


def test_an_entry_that_boto3_refuses_fails_alone_at_once() -> None:
    def take(parameters: Any) -> dict[str, Any]:
        if "bad" in repr(parameters):
            raise ParamValidationError(report="a value of another type")
        return {}

    with running(replace(PUBLISHER, world=lambda: World(answers={"sns.PublishBatch": take}))) as run:
        check_alone(run, posted("bad"))
