"""Handlers of streams: a record that cannot be worked on is a dead letter, and those around it are done."""

import base64
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


COLUMNS = {"message_id": "string", "at": "bigint", "thing": "string", "context": "string", "type": "string"}
SPLITTING = Subject(
    package="cdp_constructs.data.handlers.gathered_records",
    environment={
        "BUCKET_NAME": "records",
        "KEY_PREFIX": "errors/measurements/",
        "COLUMNS": json.dumps({**COLUMNS, "temperature": "double", "humidity": "double"}),
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


def gathered(bad: str) -> str:
    """A record of three measurements, the second of which may be anything."""
    sound = [{"message_id": f"m{n}", "at": 1_800_000_000_000 + n, "temperature": 20 + n} for n in range(2)]
    first, last = (json.dumps(each) for each in sound)
    return f'{{"measurements": [{first}, {bad}, {last}], "thing": "gathers", "context": "home", "type": "sensor"}}'


def as_json(text: str) -> bool:
    """Whether a text may stand in a list of JSON without ending it."""
    try:
        json.loads(f"[{text}]")
    except (ValueError, RecursionError):
        return False
    return text.strip() != ""


def test_a_measurement_costs_only_itself_in_the_record_that_it_was_gathered_in() -> None:
    with running(SPEED_LAYER) as run:

        @examples(40)
        @given(bad=texts(measured("bad")).filter(as_json))
        def holds(bad: str) -> None:
            run.call({"Records": [kinesis("1", gathered(bad).encode("utf-8", "surrogatepass"))]})
            puts = [asked["Item"] for name, asked in run.world.calls if name == "dynamodb.PutItem"]
            letters = [asked for name, asked in run.world.calls if name == "sqs.SendMessage"]
            assert len(letters) <= 1
            try:
                json.loads(gathered(bad))["measurements"]
                bad.encode()
            except (ValueError, RecursionError):
                return
            if letters and "no JSON" in letters[0]["MessageBody"]:
                return  # NaN, infinities and half a surrogate pair make the whole no JSON
            latest = [json.loads(item["state"]["S"]) for item in puts if item["sk"] == {"S": "LATEST"}]
            assert latest[0]["at_ms"] >= 1_800_000_000_001
            assert {item["pk"]["S"] for item in puts} == {"THING#gathers"}

        for bad in ("7", "[]", "null", "{}", '"text"', '{"at": "noon"}', '{"at": 1, "temperature": "hot"}'):
            holds = example(bad=bad)(holds)
        holds()


def split(run: Run, *bodies: bytes) -> list[list[dict[str, Any]] | str]:
    """Let the function of a delivery stream work on a batch; return the rows of each record, or its result."""
    event = {
        "invocationId": "batch-1",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:111122223333:deliverystream/d",
        "region": "us-east-1",
        "records": [
            {
                "recordId": str(number),
                "approximateArrivalTimestamp": 1_800_000_000_000,
                "data": base64.b64encode(body).decode(),
            }
            for number, body in enumerate(bodies)
        ],
    }
    answers = run.call(event)["records"]
    assert [answer["recordId"] for answer in answers] == [str(number) for number in range(len(bodies))]
    found: list[list[dict[str, Any]] | str] = []
    for body, answer in zip(bodies, answers, strict=True):
        data = base64.b64decode(answer["data"])
        if answer["result"] != "Ok":
            assert (answer["result"], data) == ("ProcessingFailed", body)
            found.append(answer["result"])
        elif data == body:
            found.append("as it is")
        else:
            found.append([json.loads(line) for line in data.splitlines()])
    return found


SENDER = {"thing": "gathers", "context": "home", "type": "sensor"}
SOUND = [{**SENDER, "message_id": f"m{n}", "at": 1_800_000_000_000 + n, "temperature": 20 + n} for n in range(2)]


def test_a_measurement_that_does_not_fit_is_kept_apart_and_the_others_are_rows() -> None:
    with running(SPLITTING) as run:

        @examples(40)
        @given(bad=texts(measured("bad")).filter(as_json), other=texts(measured("other")))
        def holds(bad: str, other: str) -> None:
            bodies = [text.encode("utf-8", "surrogatepass") for text in (gathered(bad), other, gathered("7"))]
            first, _, last = split(run, *bodies)
            assert last == SOUND
            if first not in ("as it is", "ProcessingFailed"):
                assert [row for row in first if row in SOUND] == SOUND
                assert {row["thing"] for row in first if isinstance(row, dict)} == {"gathers"}
            kept = [asked for name, asked in run.world.calls if name == "s3.PutObject"]
            assert [asked["Key"] for asked in kept] == ["errors/measurements/2027-01-15/batch-1.json"]

        for bad in ("7", "[]", "null", "{}", '{"at": "noon"}', '{"at": 1e400}', '{"at": 1.5}', '{"temperature": true}'):
            holds = example(bad=bad, other="[]")(holds)
        holds()
