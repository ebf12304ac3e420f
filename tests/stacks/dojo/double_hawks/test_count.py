"""What the nightly batch counts, and which jobs nobody can do."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_worker import ReturnedJob
from stacks.dojo.double_hawks.count.worker import count, day_of, key_of
from tests.properties.inputs import UNREADABLE

PAGES = [[{"author": {"S": "ben"}}, {"author": {"S": "ann"}}], [], [{"author": {"S": "ann"}}]]


class Scanned:
    """A table of several pages, which remembers what it was asked."""

    asked: Any = None

    def get_paginator(self, operation: str) -> "Scanned":
        assert operation == "scan"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self.asked = request
        return iter([{"Items": page} for page in PAGES])


@pytest.mark.parametrize(
    ("body", "day"),
    [
        ('{"day": "2026-11-29"}', "2026-11-29"),
        ('{"scheduled_time": "2026-11-30T00:10:00Z"}', "2026-11-29"),
        ('{"scheduled_time": "2026-03-01T00:10:00Z"}', "2026-02-28"),
        # A day is one of UTC, wherever the time comes from.
        ('{"scheduled_time": "2026-11-30T00:10:00+09:00"}', "2026-11-28"),
    ],
)
def test_a_job_names_a_day_or_is_about_the_one_before_its_time(body: str, day: str) -> None:
    assert day_of(body) == day
    assert key_of(day_of(body)) == f"counts/{day}.json"


@pytest.mark.parametrize(
    "body",
    [
        *UNREADABLE,
        '{"day": 20261129}',
        '{"day": "yesterday"}',
        '{"scheduled_time": "2026-11-30T00:10:00"}',
        '{"scheduled_time": "0001-01-01T00:00:00Z"}',
        '{"scheduled_time": null}',
    ],
    ids=lambda body: repr(body)[:20],
)
def test_a_job_without_a_day_is_one_that_nobody_can_do(body: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        day_of(body)


@given(st.text())
def test_whatever_a_job_says_the_reason_can_be_sent_with_it(body: str) -> None:
    reason = ""
    try:
        day_of(body)
    except ValueError as error:
        reason = str(error)
    assert reason.isprintable()


def test_messages_of_all_pages_are_counted_by_their_authors() -> None:
    table = Scanned()
    assert list(count(table, "chat", "2026-11-29").items()) == [("ann", 2), ("ben", 1)]
    assert table.asked["ExpressionAttributeValues"] == {":message": {"S": "message#"}, ":day": {"S": "2026-11-29"}}


def test_a_task_that_is_to_stop_gives_its_job_back() -> None:
    with pytest.raises(ReturnedJob):
        count(Scanned(), "chat", "2026-11-29", lambda: True)
