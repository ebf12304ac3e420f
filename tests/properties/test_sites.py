"""The check of a site: what differs is repaired, whatever keys there are, and what fails costs only itself."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.aws import World, refusal
from tests.properties.batches import NO_PAUSE, SITE, SITE_REPAIR
from tests.properties.inputs import KEYS, examples
from tests.properties.running import Subject, running

Objects = Mapping[str, str]
"""Entity tags by key."""


class Pages:
    """Stands for the paginator of a bucket."""

    def __init__(self, buckets: Mapping[str, Objects]) -> None:
        self._buckets = buckets

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        keys = sorted(self._buckets[asked["Bucket"]])
        # Pages of two, and one that is empty.
        pages = [{"Contents": [{"Key": key} for key in keys[at : at + 2]]} for at in range(0, len(keys), 2)]
        return [*pages, {}]


def answers(source: Objects, site: Objects, broken: str = "") -> dict[str, Any]:
    """Return what S3 and Systems Manager answer of two buckets."""
    buckets = {"source": source, "site": site}

    def head(parameters: Any) -> dict[str, Any]:
        key, bucket = parameters["Key"], parameters["Bucket"]
        if key == broken:
            raise refusal("SlowDown", "HeadObject")
        if key not in buckets[bucket]:
            raise refusal("404", "HeadObject")
        tag = buckets[bucket][key]
        return {"ETag": tag, "ContentLength": len(tag), "Metadata": {}, "ServerSideEncryption": "AES256"}

    def body(parameters: Any) -> dict[str, Any]:
        content = buckets[parameters["Bucket"]][parameters["Key"]].encode()
        return {"Body": SimpleNamespace(iter_chunks=lambda _size: [content])}

    return {"s3.HeadObject": head, "s3.GetObject": body, "s3.CopyObject": {}, "ssm.GetParameter": NO_PAUSE}


def check(source: Objects, site: Objects, broken: str = "") -> tuple[Any, set[str], set[str]]:
    """Return the answer, or the error, and what was copied and deleted."""
    subject: Subject = replace(
        SITE_REPAIR,
        package="cdp_constructs.delivery.handlers.site_check",
        environment=SITE,
        world=lambda: World(answers=answers(source, site, broken)),
    )
    with running(subject) as run:
        pages = Pages({"source": source, "site": site})
        run.module.site._client.get_paginator = lambda _operation: pages
        try:
            answer: Any = run.call({})
        except run.module.NotComparedError as error:
            answer = str(error)
        calls = run.world.calls
    copied = {parameters["Key"] for name, parameters in calls if name == "s3.CopyObject"}
    return answer, copied, {parameters["Key"] for name, parameters in calls if name == "s3.DeleteObject"}


POSSIBLE = [key for key in KEYS if 0 < len(key.encode()) <= 1024]
SITES = st.dictionaries(st.sampled_from([*POSSIBLE, "index.html", "reports/1"]), st.sampled_from(["a", "b", "cc"]))


@examples(15)
@given(source=SITES.filter(bool), site=SITES)
@example(source={"a": "a", "b": "a", "c": "a"}, site={"b": "b", "c": "a", "d": "a", "reports/1": "a"})
def test_what_differs_is_repaired_and_nothing_else(source: Objects, site: Objects) -> None:
    answer, copied, deleted = check(source, site)
    ours = {key for key in source if not key.startswith("reports/")}
    assert copied == {key for key in ours if site.get(key) != source[key]}
    assert deleted == {key for key in site if key not in source and not key.startswith("reports/")}
    assert answer["repaired"] == len(copied | deleted)


def test_an_object_that_cannot_be_compared_costs_only_itself() -> None:
    answer, copied, deleted = check({"a": "a", "b": "a", "c": "a"}, {"d": "a"}, broken="b")
    assert answer == "1 of 4 objects, such as b"
    assert (copied, deleted) == ({"a", "c"}, {"d"})


def test_time_that_is_too_short_ends_the_run_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    short = SimpleNamespace(
        function_name="f",
        memory_limit_in_mb=256,
        invoked_function_arn="arn:aws:lambda:us-east-1:111122223333:function:f",
        aws_request_id="1",
        get_remaining_time_in_millis=lambda: timedelta(seconds=1).total_seconds() * 1000,
    )
    monkeypatch.setattr("tests.properties.running.CONTEXT", short)
    answer, copied, _ = check({"a": "a"}, {"b": "a"})
    assert answer == "2 of 2 objects, such as a"
    assert not copied
