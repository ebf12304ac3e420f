"""What WebhookAutomation does for a sender and for the operator behind it."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from docs.examples.webhook_automation import build

tracker = architecture(build)
REGION = "us-east-1"


class Tracker:
    """The issue tracker that sends, and the operator who looks."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        ((stack, outputs),) = deployment.outputs.items()
        self.cloud = cloud
        self._resources = deployment.resources[stack]
        address = urlsplit(outputs["WebhookUrl"])
        self.url = cloud.http_api_url(str(address.hostname).partition(".")[0], REGION) + address.path
        secrets = cloud.client("secretsmanager", REGION)
        self.secret_arn = outputs["SecretArn"]
        self.secret = secrets.get_secret_value(SecretId=self.secret_arn)["SecretString"]
        self.tickets = self.id_of("Tickets")
        self.bucket = self.id_of("TrackerBucket")
        self.queue, self.dead_letter_queue = self.id_of("TrackerQueue"), self.id_of("TrackerDeadLetterQueue")
        self.sqs = cloud.client("sqs", REGION)
        # Eighteen seconds between two deliveries are right for the handler's timeout and long for a test.
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"VisibilityTimeout": "1"})

    def id_of(self, prefix: str) -> str:
        (found,) = [physical for logical, physical in self._resources.items() if logical[:-8] == prefix]
        return found

    def send(self, body: dict[str, Any] | str, delivery: str, *, secret: str | None = None) -> int:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        signature = hmac.new((secret or self.secret).encode(), content, hashlib.sha256).hexdigest()
        headers = {
            "content-type": "application/json",
            "x-github-delivery": delivery,
            "x-hub-signature-256": f"sha256={signature}",
        }
        return httpx.post(self.url, content=content, headers=headers, timeout=20).status_code

    def ticket(self, number: int) -> dict[str, str]:
        table = self.cloud.client("dynamodb", REGION)
        item = table.get_item(TableName=self.tickets, Key={"ticket": {"S": str(number)}}).get("Item", {})
        return {name: value["S"] for name, value in item.items()}

    def kept(self, prefix: str) -> list[dict[str, Any]]:
        s3 = self.cloud.client("s3", REGION)
        listed = s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [json.loads(s3.get_object(Bucket=self.bucket, Key=item["Key"])["Body"].read()) for item in listed]

    def failed(self) -> int:
        name = "ApproximateNumberOfMessages"
        answer = self.sqs.get_queue_attributes(QueueUrl=self.dead_letter_queue, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def replay(self, **request: Any) -> dict[str, Any]:
        functions = self.cloud.client("lambda", REGION)
        name = self.id_of("TrackerReplayFunction")
        answer: dict[str, Any] = json.loads(
            functions.invoke(FunctionName=name, Payload=json.dumps(request).encode())["Payload"].read()
        )
        return answer


def issue(number: int, action: str = "opened", title: str = "It leaks") -> dict[str, Any]:
    """Return what happened to an issue, and when, as trackers say it."""
    return {"action": action, "issue": {"id": number, "title": title, "updated_at": time.time_ns()}}


@pytest.fixture(scope="module")
def sender(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Tracker:
    return Tracker(local_cloud, deployed(tracker))


def test_a_delivery_sent_twice_opens_one_ticket(sender: Tracker) -> None:
    opened = issue(1)
    assert [sender.send(opened, "first"), sender.send(opened, "first")] == [202, 200]
    assert eventually(lambda: sender.ticket(1)) == {
        "ticket": "1",
        "title": "It leaks",
        "status": "open",
        "delivery": "first",
    }
    assert [one["id"] for one in sender.kept("accepted/")].count("first") == 1


def test_events_of_one_issue_are_worked_on_in_order(sender: Tracker) -> None:
    for number, action in enumerate(("opened", "edited", "closed", "reopened", "closed")):
        assert sender.send(issue(2, action), f"second-{number}") == 202
    assert eventually(lambda: sender.ticket(2).get("delivery") == "second-4" and sender.ticket(2))["status"] == "closed"


def test_a_delivery_that_somebody_has_seen_cannot_be_sent_again_under_another_id(sender: Tracker) -> None:
    opened, closed = issue(7), issue(7, "closed")
    assert [sender.send(opened, "seen"), sender.send(closed, "later")] == [202, 202]
    eventually(lambda: sender.ticket(7).get("status") == "closed")
    assert [sender.send(opened, f"replay-{number}") for number in range(3)] == [200, 200, 200]
    ids = [one["id"] for one in sender.kept("accepted/")]
    assert [name for name in ids if name.startswith("replay-")] == []
    assert sender.ticket(7)["delivery"] == "later"
    # The sender's own second attempt is answered as ever.
    assert sender.send(closed, "later") == 200


def test_anonymous_posts_leave_records_and_no_bodies(sender: Tracker) -> None:
    body = b"x" * 200_000
    for _ in range(5):
        assert httpx.post(sender.url, content=body, timeout=20).status_code == 401
    kept = [one for one in sender.kept("rejected/") if one["body_bytes"] == len(body)]
    assert [(one["reason"], one["body"]) for one in kept] == 5 * [("no-signature", None)]
    assert {one["body_sha256"] for one in kept} == {hashlib.sha256(body).hexdigest()}
    assert max(len(json.dumps(one)) for one in kept) < 2000


def test_what_is_not_signed_changes_nothing_and_is_kept_for_inspection(sender: Tracker) -> None:
    assert sender.send(issue(3), "forged", secret="guessed") == 401
    (kept,) = [one for one in sender.kept("rejected/") if one["id"] == "forged"]
    assert kept["reason"] == "wrong-signature"
    assert httpx.post(sender.url, content=b"{}", timeout=20).status_code == 401
    assert sender.ticket(3) == {}


def test_the_former_secret_works_while_it_is_changed(sender: Tracker) -> None:
    sender.cloud.client("secretsmanager", REGION).put_secret_value(SecretId=sender.secret_arn, SecretString="changed")
    assert sender.send(issue(4), "with-the-former") == 202
    assert eventually(lambda: sender.ticket(4))["delivery"] == "with-the-former"


def test_what_the_handler_fails_on_is_set_aside_and_can_be_replayed(sender: Tracker) -> None:
    began = datetime.now(UTC)
    # No ticket can be made of it; what is about another issue is not held up.
    assert sender.send({"action": "unknown", "issue": {"id": 5, "title": "?"}}, "poison") == 202
    assert sender.send(issue(6), "behind") == 202
    assert eventually(lambda: sender.ticket(6))["delivery"] == "behind"
    eventually(lambda: sender.failed() == 1, within=40)

    # Somebody closes the ticket by mistake; the operator has the deliveries of that time worked on again.
    sender.cloud.client("dynamodb", REGION).delete_item(TableName=sender.tickets, Key={"ticket": {"S": "6"}})
    until = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    counted = sender.replay(**{"from": began.isoformat(), "to": until, "dry_run": True})
    assert counted["queued"] == 2
    assert sender.replay(**{"from": until, "to": began.isoformat()})["errorType"] == "WrongRequestError"
    assert sender.replay(**{"from": began.isoformat(), "to": until})["queued"] == 2
    # The poison stands before it in the replay's order, and moves to the dead-letter queue again first.
    assert eventually(lambda: sender.ticket(6), within=60)["delivery"] == "behind"
