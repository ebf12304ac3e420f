"""The index of a bucket: an object of any key that S3 has is recorded by its event, and by a reconciliation."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.aws import World, refusal
from tests.properties.events import sqs
from tests.properties.inputs import TEXTS, examples
from tests.properties.running import Run, Subject, running

# By prefix: keys, and who owns the object, which is the first part below the prefix where there is one.
KNOWN: dict[str, dict[str, str | None]] = {
    "": {"/leading.txt": None, "//": None, "u1/cr\r\nlf.txt": "u1", "../x": "..", "a" * 1024: None, "u1/a": "u1"},
    "accepted/": {
        "accepted//x": None,
        "accepted/": None,
        "accepted/u1/cr\r\nlf.txt": "u1",
        "accepted/u1//": "u1",
        "accepted/u1/a": "u1",
    },
}
HEAD = {
    "ContentLength": 1,
    "ContentType": "text/plain",
    "ETag": '"e"',
    "LastModified": datetime(2026, 1, 2, tzinfo=UTC),
    "Metadata": {},
    "VersionId": "v1",
}


def subject(name: str, prefix: str, world: Callable[[], World]) -> Subject:
    environment = {"BUCKET": "bucket", "PREFIX": prefix, "TABLE_NAME": "index"}
    return Subject(package=f"cdp_constructs.data.handlers.{name}", environment=environment, world=world)


def holding(*keys: str, unreadable: str | None = None) -> Callable[[], World]:
    """Return a bucket with some objects, one of which may not be read."""

    def head(asked: Mapping[str, Any]) -> Any:
        if asked["Key"] == unreadable:
            raise refusal("403", "HeadObject")
        return HEAD

    listed = [{"Key": key, "ETag": HEAD["ETag"], "LastModified": HEAD["LastModified"]} for key in sorted(keys)]
    answers = {"s3.HeadObject": head, "s3.ListObjectsV2": {"Contents": listed, "IsTruncated": False}}
    return lambda: World(answers=answers)


def recorded(run: Run) -> dict[str, dict[str, Any]]:
    """Return the items that were written, by key."""
    items = [asked["Item"] for name, asked in run.world.calls if name == "dynamodb.PutItem"]
    return {item["key"]["S"]: item for item in items if "key" in item}


@pytest.mark.parametrize("prefix", KNOWN, ids=repr)
def test_an_object_is_recorded_by_its_event(prefix: str) -> None:
    owners = KNOWN[prefix]
    records = [
        sqs(str(number), json.dumps({"detail": {"object": {"key": key, "sequencer": "0A"}}}))
        for number, key in enumerate(owners)
    ]
    with running(subject("storage_index", prefix, holding(*owners))) as run:
        assert run.call({"Records": records}) == {"batchItemFailures": []}
        check_recorded(run, owners)


@pytest.mark.parametrize("prefix", KNOWN, ids=repr)
def test_an_object_is_recorded_by_a_reconciliation(prefix: str) -> None:
    owners = KNOWN[prefix]
    number = len(owners)
    with running(subject("index_reconciliation", prefix, holding(*owners))) as run:
        assert run.call({"grace_seconds": 900}) == {"compared": number, "repaired": number, "finished": True}
        check_recorded(run, owners)


def check_recorded(run: Run, owners: Mapping[str, str | None]) -> None:
    items = recorded(run)
    assert {key: item["object"]["S"] for key, item in items.items()} == {key: f"bucket/{key}" for key in owners}
    found = {key: item.get("owner", {}).get("S") for key, item in items.items()}
    assert found == owners


@pytest.mark.parametrize("key", ["/leading.txt", "u1/cr\r\nlf.txt"])
def test_an_object_that_cannot_be_read_ends_no_reconciliation(key: str) -> None:
    with running(subject("index_reconciliation", "", holding("a/first", key, "z/last", unreadable=key))) as run:
        with pytest.raises(Exception, match="1 objects; the log has their keys"):
            run.call({"grace_seconds": 900})
        assert set(recorded(run)) == {"a/first", "z/last"}


def test_no_key_ends_a_reconciliation() -> None:
    samples = [text for text in TEXTS if "\ud800" not in text]
    keys = (st.sampled_from(samples) | st.text(max_size=30)).filter(lambda key: 0 < len(key.encode()) <= 1024)
    world = World()
    with running(subject("index_reconciliation", "", lambda: world)) as run:

        @examples(12)
        @given(several=st.lists(keys, min_size=1, max_size=4, unique=True))
        def holds(several: list[str]) -> None:
            nonlocal world
            world = holding("a/first", *several, "z/last")()
            answer = run.call({"grace_seconds": 900})
            assert (answer["repaired"], answer["finished"]) == (answer["compared"], True)
            assert set(recorded(run)) == {"a/first", *several, "z/last"}

        holds = example(several=["/", "//", "\x00", "a\r\nb", "é" * 512])(holds)
        holds()
