"""Issues of Backlog become work and answers: a tracker of this test speaks Backlog's API."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from stacks.iot.requests import Requests

REGION = "ap-northeast-1"
API_KEY = "key-of-the-test"
COMMANDS = """
def handler(event, context):
    return {"reported": {"lamp": True}, "asked": event}
"""


class Backlog(ThreadingHTTPServer):
    """Speaks as much of Backlog's API as the system needs, for one project."""

    def __init__(self) -> None:
        self.issues: dict[str, str] = {}
        self.comments: list[tuple[str, str]] = []
        self.down = False
        super().__init__(("127.0.0.1", 0), _Answers)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, number: int, title: str) -> dict[str, Any]:
        """Add an issue, and return what the webhook says."""
        self.issues[f"OPS-{number}"] = title
        content = {"id": 9000 + number, "key_id": number, "summary": title, "description": ""}
        return {"id": 100 + number, "type": 1, "project": {"id": 1, "projectKey": "OPS"}, "content": content}

    def answers_to(self, number: int) -> list[str]:
        return [text for key, text in self.comments if key == f"OPS-{number}"]


class _Answers(BaseHTTPRequestHandler):
    server: Backlog

    def _answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _issue(self) -> str | None:
        parts = urlsplit(self.path)
        if self.server.down or parse_qs(parts.query).get("apiKey") != [API_KEY]:
            self._answer(503 if self.server.down else 401, {"errors": []})
            return None
        key = parts.path.removeprefix("/api/v2/issues/").partition("/")[0]
        if key not in self.server.issues:
            self._answer(404, {"errors": []})
            return None
        return key

    def do_GET(self) -> None:
        if (key := self._issue()) is None:
            return
        if urlsplit(self.path).path.endswith("/comments"):
            self._answer(200, [{"content": text} for issue, text in self.server.comments if issue == key])
        else:
            self._answer(200, {"issueKey": key, "summary": self.server.issues[key]})

    def do_POST(self) -> None:
        if (key := self._issue()) is None:
            return
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.comments.append((key, body["content"][0]))
        self._answer(201, {"id": len(self.server.comments)})

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


TRACKER = Backlog()


@architecture
def requests(app: App) -> None:
    stack = Stack(app, "BacklogRequests", env=Environment(region=REGION))
    commands = lambda_.Function(
        stack,
        "Commands",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline(COMMANDS),
    )
    made = Requests(
        stack,
        "Requests",
        backlog_url=TRACKER.url,
        command_function=commands,
        alarm_topic=sns.Topic(stack, "Operators"),
    )
    CfnOutput(stack, "Url", value=str(made.webhook.url))
    CfnOutput(stack, "SecretArn", value=made.webhook.secret.secret_arn)
    CfnOutput(stack, "ApiKeyArn", value=made.api_key.secret_arn)
    CfnOutput(stack, "QueueUrl", value=made.webhook.queue.queue_url)
    CfnOutput(stack, "FailedUrl", value=made.webhook.dead_letter_queue.queue_url)
    CfnOutput(stack, "BucketName", value=made.webhook.bucket.bucket_name)


class Sender:
    """Backlog as it calls: it signs nothing, and knows the address."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        (self.outputs,) = deployment.outputs.values()
        secrets = cloud.client("secretsmanager", REGION)
        secrets.put_secret_value(SecretId=self.outputs["ApiKeyArn"], SecretString=API_KEY)
        self.secret = secrets.get_secret_value(SecretId=self.outputs["SecretArn"])["SecretString"]
        address = urlsplit(self.outputs["Url"])
        self.url = cloud.http_api_url(str(address.hostname).partition(".")[0], REGION) + address.path
        self.sqs, self.s3 = cloud.client("sqs", REGION), cloud.client("s3", REGION)
        self.sqs.set_queue_attributes(QueueUrl=self.outputs["QueueUrl"], Attributes={"VisibilityTimeout": "1"})

    def send(self, delivery: Any, secret: str | None = None) -> int:
        suffix = f"/{self.secret if secret is None else secret}"
        return httpx.post(f"{self.url}{suffix}", json=delivery, timeout=20).status_code


@pytest.fixture(scope="module")
def sender(local_cloud: LocalCloud, deployed: Callable[..., Deployment]) -> Iterator[Sender]:
    threading.Thread(target=TRACKER.serve_forever, daemon=True).start()
    yield Sender(local_cloud, deployed(requests))
    TRACKER.shutdown()
    TRACKER.server_close()


def test_an_issue_is_worked_on_and_answered_once(sender: Sender) -> None:
    delivery = TRACKER.add(1, "state desk-1")
    assert [sender.send(delivery), sender.send(delivery)] == [202, 200]
    (answer,) = eventually(lambda: TRACKER.answers_to(1), what="an answer")
    assert '"lamp": true' in answer
    assert '"thing": "desk-1"' in answer


@pytest.mark.parametrize("secret", ["", "guess", "{secret}", "%00"])
def test_who_does_not_know_the_address_is_refused(sender: Sender, secret: str) -> None:
    delivery = TRACKER.add(2, "state desk-2")
    assert sender.send(delivery, secret) in {401, 404}
    assert TRACKER.answers_to(2) == []


def test_a_forged_delivery_makes_nobody_work(sender: Sender) -> None:
    delivery = TRACKER.add(3, "The lamp is broken")
    delivery["content"]["summary"] = "send desk-3 reboot"
    assert sender.send(delivery) == 202
    (answer,) = eventually(lambda: TRACKER.answers_to(3), what="an answer")
    assert answer.startswith("Write one of these")


def test_while_the_tracker_is_down_the_request_waits(sender: Sender) -> None:
    TRACKER.down = True
    try:
        assert sender.send(TRACKER.add(4, "state desk-4")) == 202
        # The next issue is not held up for ever: both are worked on when the tracker is back.
        assert sender.send(TRACKER.add(5, "state desk-5")) == 202
        eventually(lambda: _received_again(sender), what="a second delivery")
    finally:
        TRACKER.down = False
    for number in (4, 5):
        assert len(eventually(lambda number=number: TRACKER.answers_to(number), what="an answer")) == 1


def _received_again(sender: Sender) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sender.sqs.get_queue_attributes(QueueUrl=sender.outputs["QueueUrl"], AttributeNames=names)
    return sum(int(attributes["Attributes"][name]) for name in names) == 2


def test_no_log_and_no_kept_input_has_the_secret(sender: Sender, local_cloud: LocalCloud) -> None:
    assert sender.send(TRACKER.add(6, "state desk-6")) == 202
    assert sender.send(TRACKER.add(7, "state desk-7"), "guess") == 401
    eventually(lambda: TRACKER.answers_to(6), what="an answer, after which all is logged")
    objects = sender.s3.list_objects_v2(Bucket=sender.outputs["BucketName"]).get("Contents", [])
    assert objects
    kept = [sender.s3.get_object(Bucket=sender.outputs["BucketName"], Key=one["Key"])["Body"].read() for one in objects]
    logs = local_cloud.client("logs", REGION)
    lines = [
        event["message"].encode()
        for group in logs.describe_log_groups()["logGroups"]
        if "BacklogRequests" in group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for event in page["events"]
    ]
    assert lines
    for text in (*kept, *lines):
        assert sender.secret.encode() not in text
        assert API_KEY.encode() not in text
