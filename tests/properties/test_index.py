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

# Prefix, key and what its owner is: the first part below the prefix, where there is one.
KNOWN: tuple[tuple[str, str, str | None], ...] = (
    ("", "/leading.txt", None),
    ("", "//", None),
    ("", "u1/cr\r\nlf.txt", "u1"),
    ("", "../x", ".."),
    ("", "a" * 1024, None),
    ("accepted/", "accepted//x", None),
    ("accepted/", "accepted/", None),
    ("accepted/", "accepted/u1/cr\r\nlf.txt", "u1"),
    ("accepted/", "accepted/u1//", "u1"),
)
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


@pytest.mark.parametrize(("prefix", "key", "owner"), KNOWN, ids=repr)
def test_an_object_is_recorded_by_its_event(prefix: str, key: str, owner: str | None) -> None:
    event = {"detail": {"object": {"key": key, "sequencer": "0A"}}}
    with running(subject("storage_index", prefix, holding(key))) as run:
        assert run.call({"Records": [sqs("1", json.dumps(event))]}) == {"batchItemFailures": []}
        item = recorded(run)[key]
        assert item["object"] == {"S": f"bucket/{key}"}
        assert item.get("owner") == ({"S": owner} if owner else None)


@pytest.mark.parametrize(("prefix", "key", "owner"), KNOWN, ids=repr)
def test_an_object_is_recorded_by_a_reconciliation(prefix: str, key: str, owner: str | None) -> None:
    others = [f"{prefix}a/first", f"{prefix}z/last"]
    with running(subject("index_reconciliation", prefix, holding(key, *others))) as run:
        assert run.call({"grace_seconds": 900}) == {"compared": 3, "repaired": 3, "finished": True}
        items = recorded(run)
        assert set(items) == {key, *others}
        assert items[key].get("owner") == ({"S": owner} if owner else None)


@pytest.mark.parametrize("key", [key for _, key, _ in KNOWN if key])
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

        @examples(25)
        @given(several=st.lists(keys, min_size=1, max_size=4, unique=True))
        def holds(several: list[str]) -> None:
            nonlocal world
            world = holding("a/first", *several, "z/last")()
            answer = run.call({"grace_seconds": 900})
            assert (answer["repaired"], answer["finished"]) == (answer["compared"], True)
            assert set(recorded(run)) == {"a/first", *several, "z/last"}

        holds = example(several=["/", "//", "\x00", "a\r\nb", "é" * 512])(holds)
        holds()
