"""The comparison of a bucket with its index: what cannot be read or written is counted, and all others are compared."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.aws import World, refusal
from tests.properties.inputs import KEYS, altered, examples
from tests.properties.running import Run, Subject, running
from tests.properties.tables import held, typed

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FIRST, BAD, LAST = "u1/a-first.jpg", "u1/b-bad.jpg", "u1/c-last.jpg"


def head(**more: Any) -> dict[str, Any]:
    return {
        "LastModified": AT,
        "ContentLength": 7,
        "ContentType": "image/jpeg",
        "ETag": '"new"',
        "Metadata": {},
        "VersionId": "v1",
        **more,
    }


def indexed(key: str) -> dict[str, Any]:
    """Return an item that differs from its object."""
    return {
        "object": f"bucket/{key}",
        "bucket": "bucket",
        "key": key,
        "search_name": key,
        "owner": "u1",
        "day": "2026-01-01",
        "modified_at": "2026-01-01T00:00:00Z",
        "size": 1,
        "etag": "old",
        "content_type": "image/jpeg",
        "metadata": {},
        "sequencer": "1" * 64,
    }


class Bucket:
    """Objects with their items, of which one may be unlike the others.

    Attributes:
        objects: Answers of HeadObject by key, or what it raises.
        items: Items of the index by the name of their object.
        refused: Key of the object whose item DynamoDB refuses to write.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any] | Exception] = {}
        self.items: dict[str, dict[str, Any]] = {}
        self.refused: str | None = None

    def have(self, bad: str = BAD, answer: dict[str, Any] | Exception | None = None, **items: Any) -> None:
        """Have three objects that differ from the index, the second with this answer and these parts of its item."""
        self.objects = {FIRST: head(), bad: answer or head(), LAST: head()}
        self.items = {f"bucket/{key}": indexed(key) for key in (FIRST, LAST)}
        self.items[f"bucket/{bad}"] = {**indexed(bad), **items}
        self.refused = None

    def world(self) -> World:
        """Return a world with this bucket and its index."""
        return World(
            find=lambda key: self.items.get(key["object"]),
            answers={
                "s3.ListObjectsV2": self._list,
                "s3.HeadObject": self._head,
                "dynamodb.Scan": lambda _: {"Items": [typed(held(item)) for item in self.items.values()]},
                "dynamodb.PutItem": self._put,
            },
        )

    def _list(self, _asked: Any) -> Any:
        found = [{"Key": key, "ETag": '"new"', "LastModified": AT} for key in sorted(self.objects)]
        return {"Contents": found, "IsTruncated": False}

    def _head(self, asked: Any) -> Any:
        answer = self.objects.get(asked["Key"], refusal("404", "HeadObject"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _put(self, asked: Any) -> Any:
        if self.refused is not None and asked["Item"]["object"] == {"S": f"bucket/{self.refused}"}:
            raise refusal("ValidationException", "PutItem", "item size")
        return {}


BUCKET = Bucket()
RECONCILIATION = Subject(
    package="cdp_constructs.data.handlers.index_reconciliation",
    environment={"BUCKET": "bucket", "PREFIX": "", "TABLE_NAME": "index"},
    world=BUCKET.world,
)


def written(run: Run) -> set[str]:
    """Return the keys of objects whose items were written anew, as the index has them from now on."""
    return {
        asked["Item"]["key"]["S"]
        for name, asked in run.world.calls
        if name == "dynamodb.PutItem" and asked["Item"].get("etag") == {"S": "new"}
    }


def reconcile(run: Run) -> int:
    """Compare and repair; return how many objects could not be compared."""
    failed = 0
    try:
        run.call({"grace_seconds": 900})
    except Exception as error:
        if type(error).__name__ != "NotComparedError":
            raise
        failed = int(re.match(r"\d+", str(error))[0])  # type: ignore[index]
    assert written(run) >= {FIRST, LAST}
    # The next run begins at the beginning: nothing is left of this one.
    assert [asked["Key"] for name, asked in run.world.calls if name == "dynamodb.DeleteItem"]
    return failed


def test_objects_that_differ_are_written_anew() -> None:
    with running(RECONCILIATION) as run:
        BUCKET.have()
        assert reconcile(run) == 0
        assert written(run) == {FIRST, BAD, LAST}


@pytest.mark.parametrize(
    "error",
    [
        refusal("403", "HeadObject"),
        refusal("400", "HeadObject"),
        refusal("503", "HeadObject"),
        ReadTimeoutError(endpoint_url="https://bucket.example"),
        KeyError("ContentType"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
    ],
    ids=repr,
)
def test_an_object_that_cannot_be_read_is_counted(error: Exception) -> None:
    with running(RECONCILIATION) as run:
        BUCKET.have(answer=error)
        assert reconcile(run) > 0
        assert written(run) == {FIRST, LAST}


def test_an_object_whose_item_cannot_be_written_is_counted() -> None:
    with running(RECONCILIATION) as run:
        BUCKET.have()
        BUCKET.refused = BAD
        assert reconcile(run) > 0


def test_an_object_of_which_s3_says_anything_costs_only_itself() -> None:
    with running(RECONCILIATION) as run:

        @examples(20)
        @given(answer=altered({**head(), "LastModified": "now"}))
        @example(answer={})
        @example(answer={**head(), "Metadata": {"traceparent": "\x00", "é" * 900: "x" * 2000}})
        @example(answer={**head(), "ETag": ""})
        @example(answer={**head(), "ContentLength": -1})
        def holds(answer: dict[str, Any]) -> None:
            moment = {"LastModified": AT} if answer.get("LastModified") == "now" else {}
            BUCKET.have(answer={**answer, **moment})
            reconcile(run)

        holds()


NAMES = (*(key for key in KEYS if len(key.encode()) <= 1024), "a\x01", "a\r\nb", "\x00", "\ufffe")


@pytest.mark.parametrize("prefix", ["", "u1/"])
def test_a_key_of_any_kind_costs_only_itself(prefix: str) -> None:
    subject = replace(RECONCILIATION, environment={**RECONCILIATION.environment, "PREFIX": prefix})
    with running(subject) as run:
        for name in NAMES:
            BUCKET.have(bad=f"{prefix}{name}".encode()[:1024].decode(errors="ignore"))
            assert reconcile(run) == 0


Change = Callable[[dict[str, Any]], Mapping[str, Any]]


def without(*names: str) -> Change:
    return lambda item: {name: value for name, value in item.items() if name not in names}


WRITTEN_BY_OTHERS: dict[str, Change] = {
    "no key": without("key"),
    "no sequencer": without("sequencer"),
    "no time": without("modified_at"),
    "no state": without("etag", "modified_at"),
    "the name only": lambda item: {"object": item["object"]},
    "bucket and name": lambda item: {"object": item["object"], "bucket": "bucket"},
    "another key": lambda item: {**item, "key": "elsewhere"},
    "a number as key": lambda item: {**item, "key": 7},
    "a number as sequencer": lambda item: {**item, "sequencer": Decimal(7)},
    "numbers as state": lambda item: {**item, "etag": Decimal(7), "modified_at": None},
}


@pytest.mark.parametrize("exists", [True, False])
def test_an_item_that_others_wrote_does_not_end_the_run(exists: bool) -> None:
    with running(RECONCILIATION) as run:
        for name, change in WRITTEN_BY_OTHERS.items():
            BUCKET.have()
            BUCKET.items[f"bucket/{BAD}"] = dict(change(indexed(BAD)))
            if not exists:
                del BUCKET.objects[BAD]
            reconcile(run)
            assert not exists or BAD in written(run), f"{name}: the object stays without an item"


def test_an_item_of_any_kind_does_not_end_the_run() -> None:
    with running(RECONCILIATION) as run:

        @examples(20)
        @given(item=altered(indexed(BAD)), exists=st.booleans())
        def holds(item: dict[str, Any], exists: bool) -> None:
            BUCKET.have()
            BUCKET.items[f"bucket/{BAD}"] = held(item) | {"object": f"bucket/{BAD}"}
            if not exists:
                del BUCKET.objects[BAD]
            reconcile(run)

        holds()
