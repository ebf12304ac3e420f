"""CloudWatch Logs: the limits of PutLogEvents."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.refusals import refusal

HOUR = 3_600_000
DAY = 24 * HOUR
LIMIT = 1_048_576


def event(after: int = 0, message: str = "m", now: float | None = None) -> dict[str, Any]:
    return {"timestamp": int((now or time.time()) * 1000) + after, "message": message}


@pytest.fixture
def put(cloud: LocalCloud, name: Callable[[str], str]) -> Callable[..., Mapping[str, Any]]:
    logs, own = cloud.client("logs"), name("limits")
    logs.create_log_group(logGroupName=own)
    logs.create_log_stream(logGroupName=own, logStreamName="one")

    def send(*events: dict[str, Any], days: int | None = None) -> Mapping[str, Any]:
        if days:
            logs.put_retention_policy(logGroupName=own, retentionInDays=days)
        answer = logs.put_log_events(logGroupName=own, logStreamName="one", logEvents=list(events))
        stored = logs.get_log_events(logGroupName=own, logStreamName="one", startFromHead=True)["events"]
        return {"rejected": answer.get("rejectedLogEventsInfo"), "stored": [each["message"] for each in stored]}

    return send


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(lambda: [event(message="x" * (LIMIT - 25))], id="an event that is too large"),
        pytest.param(lambda: [event(message="x" * (LIMIT // 2 - 25))] * 2, id="a batch that is too large"),
        pytest.param(lambda: [event()] * 10_001, id="too many events"),
        pytest.param(lambda: [event(0), event(-HOUR)], id="out of order"),
        pytest.param(lambda: [event(-DAY - HOUR), event(0)], id="more than a day"),
    ],
)
def test_batches_that_are_refused(put: Callable[..., Any], events: Callable[[], list[dict[str, Any]]]) -> None:
    assert refusal(lambda: put(*events())) == ("InvalidParameterException", 400)


def test_the_largest_batches_that_are_taken(put: Callable[..., Any]) -> None:
    assert len(put(event(message="x" * (LIMIT - 26)))["stored"]) == 1
    assert put(*[event(message="y")] * 10_000)["rejected"] is None


def test_events_that_are_too_old_or_too_new_are_left_out_and_named(cloud: LocalCloud, put: Callable[..., Any]) -> None:
    # The clock of metrics, which other tests move forward, is that of some services that log.
    latest = cloud.metrics.now().timestamp()
    later = [event(3 * HOUR, "new", latest), event(4 * HOUR, "newer", latest)]
    batch = [event(-15 * DAY, "old"), event(-HOUR, "a"), event(0, "b"), *later]
    answer = put(*batch)
    assert answer["stored"] == ["a", "b"]
    # The end is exclusive, the start inclusive.
    assert answer["rejected"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3}
    assert put(event(-15 * DAY, "old"))["rejected"] == {"tooOldLogEventEndIndex": 1}


def test_events_that_are_older_than_the_retention_are_left_out(put: Callable[..., Any]) -> None:
    answer = put(event(-3 * DAY, "gone"), event(-3 * DAY + HOUR, "kept"), days=3)
    assert (answer["stored"], answer["rejected"]) == (["kept"], {"expiredLogEventEndIndex": 1})
