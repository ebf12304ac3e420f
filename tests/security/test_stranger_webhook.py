"""A stranger who knows the address of the IoT system's webhook, and perhaps one delivery of the real sender."""

import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from demo.iot.operator import Operator


class Tracker:
    """The webhook as somebody meets it who knows its address, and perhaps one delivery of the real sender."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        host = urlsplit(operator.outputs["WebhookUrl"])
        base = operator.cloud.http_api_url((host.hostname or "").partition(".")[0], operator.region)
        self.url = f"{base.rstrip('/')}{host.path}"
        self.secret: str = operator.client("secretsmanager").get_secret_value(
            SecretId=operator.outputs["WebhookSecretArn"]
        )["SecretString"]
        self.s3 = operator.client("s3")
        self.bucket = operator.part("AlertsTrackerBucket")

    def post(self, body: bytes, **headers: str) -> int:
        named = {name.replace("_", "-"): value.encode() for name, value in headers.items()}
        return httpx.post(self.url, content=body, headers=named, timeout=30).status_code

    def signed(self, body: bytes) -> str:
        return "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()

    def kept(self, prefix: str) -> list[bytes]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return [self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys]


@pytest.fixture(scope="module")
def tracker(operator: Operator) -> Tracker:
    return Tracker(operator)


def test_anonymous_posts_cost_no_storage(tracker: Tracker) -> None:
    before = set(tracker.kept("rejected/"))
    with ThreadPoolExecutor(4) as senders:
        answers = senders.map(lambda number: tracker.post(bytes([number]) * 200_000), range(60))
        assert set(answers) == {401}
    records = [record for record in tracker.kept("rejected/") if record not in before]
    assert len(records) == 60
    assert max(map(len, records)) < 4096
    assert all(json.loads(record)["body"] is None for record in records if b"no-signature" in record)


def test_forged_deliveries_leave_their_beginning(tracker: Tracker) -> None:
    assert tracker.post(b"y" * 200_000, x_hub_signature_256="sha256=" + "0" * 64, x_github_delivery="forged") == 401
    (record,) = [record for record in map(json.loads, tracker.kept("rejected/")) if record["id"] == "forged"]
    assert (record["body"], record["body_bytes"]) == ("y" * 4096, 200_000)


def test_no_post_is_answered_with_a_failure(tracker: Tracker) -> None:
    bodies = [b"[" * 100_000, b"9" * 100_000, b"\xff\xfe", b'{"issue":' * 10_000, b"NaN", b"", b"\0" * 10]
    for body in bodies:
        assert tracker.post(body) == 401
        assert tracker.post(body, x_hub_signature_256="sha256=é", content_type="application/octet-stream") == 401
    assert tracker.post(b"x" * 300_000) == 413


def test_a_delivery_that_was_seen_is_not_run_again_under_another_id(tracker: Tracker) -> None:
    event = {"action": "opened", "issue": {"id": 4711, "title": "It leaks", "updated_at": str(uuid4())}}
    body = json.dumps(event).encode()
    signature = tracker.signed(body)
    answers = [
        tracker.post(body, x_hub_signature_256=signature, x_github_delivery=f"seen-{number}") for number in range(5)
    ]
    assert answers == [202, 200, 200, 200, 200]
    ids = [json.loads(record)["id"] for record in tracker.kept("accepted/")]
    assert [name for name in ids if name.startswith("seen-")] == ["seen-0"]
