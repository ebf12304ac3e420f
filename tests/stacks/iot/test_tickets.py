"""Tickets, as plain Python: what alerts and webhooks say, and the two trackers."""

import json
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from stacks.iot.handlers.tickets import changes, trackers
from stacks.iot.handlers.tickets.changes import Change, UnreadableError
from stacks.iot.handlers.tickets.trackers import HttpTracker, TableTracker

ALERT: dict[str, Any] = {
    "alert_id": "A-1/TooHot/1700000000123/crossed",
    "threshold": "TooHot",
    "state": "crossed",
    "thing": "A-1",
    "context": "home",
    "measure": "temperature",
    "value": 41.5,
    "limit": 35,
    "at": 1_700_000_000_123,
}
CHANGE = Change("alert/A-1/TooHot", "open", "TooHot: A-1 in home", "text", "2023-11-14T22:13:20.123+00:00", "event-1")


def delivery(action: str, **more: Any) -> str:
    issue = {"action": action, "issue": {"id": 7, "title": "It creaks", "body": None}}
    return json.dumps({"id": "d-1", "received_at": "2026-11-24T10:00:00.5+00:00", "body": json.dumps(issue), **more})


def test_an_alert_opens_a_ticket_of_its_thing_and_threshold() -> None:
    change = changes.read(json.dumps(ALERT), from_webhook=False)
    assert change == Change(
        key="alert/A-1/TooHot",
        status="open",
        title="TooHot: A-1 in home",
        text="temperature 41.5, limit 35 (crossed)",
        at="2023-11-14T22:13:20.123+00:00",
        event="A-1/TooHot/1700000000123/crossed",
    )


def test_recovery_closes_the_same_ticket_later() -> None:
    opened = changes.of_alert(ALERT)
    closed = changes.of_alert({**ALERT, "state": "recovered", "at": ALERT["at"] + 1})
    assert (closed.key, closed.status) == (opened.key, "closed")
    assert closed.at > opened.at


@pytest.mark.parametrize(
    ("action", "status"), [("opened", "open"), ("edited", "open"), ("closed", "closed"), ("reopened", "open")]
)
def test_an_issue_has_a_ticket(action: str, status: str) -> None:
    change = changes.read(delivery(action), from_webhook=True)
    assert (change.key, change.status, change.title, change.text) == ("issue/7", status, "It creaks", "")
    assert change.at == "2026-11-24T10:00:00.500+00:00"


@pytest.mark.parametrize(
    ("body", "from_webhook"),
    [
        ("not json", False),
        ("[]", False),
        (json.dumps({**ALERT, "state": "sideways"}), False),
        (json.dumps({key: value for key, value in ALERT.items() if key != "thing"}), False),
        (delivery("labeled"), True),
        (delivery("opened", body="{}"), True),
    ],
)
def test_what_is_neither_is_refused(body: str, *, from_webhook: bool) -> None:
    with pytest.raises(UnreadableError):
        changes.read(body, from_webhook=from_webhook)


def test_the_table_takes_what_is_newer() -> None:
    table = boto3.resource("dynamodb", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b").Table(
        "tickets"
    )
    with Stubber(table.meta.client) as stub:
        stub.add_response(
            "update_item",
            {},
            {
                "TableName": "tickets",
                "Key": {"ticket": CHANGE.key},
                "UpdateExpression": ANY,
                "ConditionExpression": "attribute_not_exists(changed_at) OR changed_at < :at",
                "ExpressionAttributeNames": ANY,
                "ExpressionAttributeValues": ANY,
            },
        )
        stub.add_client_error("update_item", "ConditionalCheckFailedException")
        stub.add_client_error("update_item", "ProvisionedThroughputExceededException")
        tracker = TableTracker(table)
        assert tracker.take(CHANGE)
        assert not tracker.take(CHANGE), "the same again, or something older"
        with pytest.raises(table.meta.client.exceptions.ClientError):
            tracker.take(CHANGE)


class Answers:
    """An HTTP pool that answers as told."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.requests: list[tuple[str, str, dict[str, Any]]] = []

    def request(self, method: str, url: str, **more: Any) -> Any:
        self.requests.append((method, url, more))
        return type("Answer", (), {"status": self.statuses.pop(0)})


def test_a_tracker_with_an_api_is_told_once_per_event() -> None:
    tracker = HttpTracker("https://tracker.example.com/api/", "secret")
    pool = Answers(200, 409, 503)
    tracker._http = pool
    assert tracker.take(CHANGE)
    assert not tracker.take(CHANGE), "it knows already"
    with pytest.raises(RuntimeError, match="the tracker answered 503 for alert/A-1/TooHot"):
        tracker.take(CHANGE)
    method, url, request = pool.requests[0]
    assert (method, url) == ("PUT", "https://tracker.example.com/api/tickets/alert%2FA-1%2FTooHot")
    assert request["headers"]["Authorization"] == "Bearer secret"
    assert request["headers"]["Idempotency-Key"] == "event-1"
    assert json.loads(request["body"])["status"] == "open"


def test_the_variables_choose_the_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("TICKETS", "tickets")
    assert isinstance(trackers.connect(), TableTracker)
    monkeypatch.setenv("TRACKER_URL", "https://tracker.example.com")
    monkeypatch.setenv("TRACKER_TOKEN", "arn")
    monkeypatch.setattr(trackers.parameters, "get_secret", lambda _arn, max_age: f"token for {max_age} s")
    tracker = trackers.connect()
    assert isinstance(tracker, HttpTracker)
    assert tracker._token == "token for 300 s"
