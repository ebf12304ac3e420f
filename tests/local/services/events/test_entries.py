"""EventBridge: one event that cannot be read fails by itself, and the others are delivered."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

EVENT = {"Source": "shop", "DetailType": "order", "Detail": "{}"}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"Detail": "no JSON"}, "MalformedDetail"),
        ({"Detail": "[1, 2]"}, "MalformedDetail"),
        ({"Detail": '"text"'}, "MalformedDetail"),
        ({"Detail": "[" * 100_000}, "MalformedDetail"),
        ({"Detail": ""}, "InvalidArgument"),
        ({"Source": ""}, "InvalidArgument"),
    ],
)
def test_a_wrong_event_costs_itself_only(cloud: LocalCloud, wrong: dict[str, Any], code: str) -> None:
    answer = cloud.client("events").put_events(Entries=[EVENT, {**EVENT, **wrong}, EVENT])
    assert answer["FailedEntryCount"] == 1
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [None, code, None]
    assert [bool(entry.get("EventId")) for entry in answer["Entries"]] == [True, False, True]


def test_events_that_are_too_long_together_are_refused(cloud: LocalCloud) -> None:
    long = {**EVENT, "Detail": json.dumps({"text": "x" * 600_000})}
    assert cloud.client("events").put_events(Entries=[long])["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="Total size of the entries in the request is over the limit") as caught:
        cloud.client("events").put_events(Entries=[long, long])
    assert caught.value.response["Error"]["Code"] == "ValidationException"
