"""Thumbnails with and without a queue, while the same fault lasts: without one they are missed."""

import io
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, RemovalPolicy
from PIL import Image

from cdp_constructs import ImageThumbnails, SnsSqsFanout
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import Synthesis, architecture, eventually
from stacks.mobile.first_try.stack import EVERY, FirstTryStack

REGION = "us-east-1"
PICTURES = 5


@architecture
def first_try(app: App) -> FirstTryStack:
    """The first try, and the pattern for pictures of the same bucket."""
    stack = FirstTryStack(app, "FirstTry")
    accepted = SnsSqsFanout(stack, "Accepted", removal_policy=RemovalPolicy.DESTROY)
    sure = ImageThumbnails(
        stack,
        "Sure",
        fanout=accepted,
        bucket=stack.bucket,
        pillow_layer=stack.pillow_layer,
        removal_policy=RemovalPolicy.DESTROY,
    )
    outputs = {"Topic": accepted.topic.topic_arn, "SureQueue": sure.queue.queue_url}
    for name, value in outputs.items():
        CfnOutput(stack, name, value=value)
    return stack


class Ways:
    """The deployed ways, and who uploads pictures."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        ((_, self.outputs),) = deployment.outputs.items()
        self.bucket = self.outputs["BucketName"]
        self.s3, self.sqs = cloud.client("s3", REGION), cloud.client("sqs", REGION)
        self._sns, self._lambda = cloud.client("sns", REGION), cloud.client("lambda", REGION)

    def upload(self, names: list[str]) -> None:
        """Upload each picture three times, once for each way."""
        file = io.BytesIO()
        Image.new("RGB", (640, 360), "teal").save(file, "JPEG")
        for name in names:
            for folder in ("direct", "timed", "accepted/anna"):
                key = f"{folder}/{name}/picture.jpg"
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=file.getvalue(), ContentType="image/jpeg")
            self._publish(name, f"accepted/anna/{name}/picture.jpg", len(file.getvalue()))

    def _publish(self, name: str, key: str, size: int) -> None:
        """Say that a picture was accepted, as DirectObjectUpload does."""
        described = {"upload_id": name, "owner": "anna", "bucket": self.bucket, "key": key, "size": size}
        self._sns.publish(
            TopicArn=self.outputs["Topic"],
            Message=json.dumps({**described, "content_type": "image/jpeg"}),
            MessageAttributes={"content_type": {"DataType": "String", "StringValue": "image/jpeg"}},
        )

    def work(self) -> dict[str, int]:
        """Start the worker as the timer does."""
        answer = self._lambda.invoke(FunctionName=self.outputs["TimedWorkerName"], Payload=b"{}")
        found: dict[str, int] = json.loads(answer["Payload"].read())
        return found

    def invocations(self) -> int:
        """Return how often S3's function was called, tries included."""
        cloudwatch = self.cloud.client("cloudwatch", REGION)
        now = time.time()
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=[{"Name": "FunctionName", "Value": self.outputs["OnUploadName"]}],
            StartTime=now - 3600,
            EndTime=now + 3600,
            Period=60,
            Statistics=["Sum"],
        )
        return int(sum(one["Sum"] for one in found["Datapoints"]))

    def have(self, way: str) -> set[str]:
        """Return which pictures have a thumbnail."""
        prefix, place = {
            "direct": ("thumbnails/direct/", 2),
            "timed": ("thumbnails/timed/", 2),
            "sure": ("accepted/anna/", 2),
        }[way]
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return {one["Key"].split("/")[place] for one in found if way != "sure" or "/thumbnail/" in one["Key"]}


@pytest.fixture(scope="module")
def ways(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Ways:
    found = Ways(local_cloud, deployed(first_try))
    for queue in ("QueueUrl", "SureQueue"):
        # A message that failed is visible again at once, instead of after six minutes.
        found.sqs.set_queue_attributes(QueueUrl=found.outputs[queue], Attributes={"VisibilityTimeout": "3"})
    return found


def test_while_nothing_fails_each_way_makes_every_thumbnail(ways: Ways) -> None:
    names = [f"calm-{number}" for number in range(PICTURES)]
    ways.upload(names)
    eventually(lambda: ways.have("direct") >= set(names), within=60, what="thumbnails by S3's call")
    eventually(lambda: ways.have("sure") >= set(names), within=60, what="thumbnails by the queue")
    # The worker's have not been started: they wait for the timer.
    eventually(lambda: ways.work() and ways.have("timed") >= set(names), within=60, what="thumbnails by the worker")


def test_a_fault_that_outlasts_three_tries_loses_thumbnails_where_there_is_no_queue(ways: Ways) -> None:
    names = {f"fault-{number}" for number in range(PICTURES)}
    before = ways.invocations()
    with ways.cloud.inject_fault("s3", REGION, operation="GetObject"):
        ways.upload(sorted(names))
        # Three tries of each: on AWS a minute and two minutes after the first; here sooner.
        eventually(lambda: ways.invocations() - before >= 3 * PICTURES, within=120, what="three tries of each")
        assert ways.work()["failed"] >= PICTURES
    eventually(lambda: ways.have("sure") >= names, within=60, what="thumbnails by the queue")
    eventually(lambda: ways.work() and ways.have("timed") >= names, within=60, what="thumbnails by the worker")
    # They are not late, they are nowhere: nothing tries again, and nothing says so.
    assert ways.have("direct") & names == set()


def test_the_rule_pack_says_what_the_first_try_lacks(synthesis: Synthesis) -> None:
    found = " ".join(synthesis(first_try).findings("Serverless"))
    assert "LambdaAsyncFailureDestination" in found or "LambdaDLQ" in found
    assert "/OnUpload" in found


def test_the_worker_is_started_as_often_as_a_timer_can(synthesis: Synthesis) -> None:
    (rule,) = synthesis(first_try).resources("AWS::Events::Rule").values()
    assert (rule["Properties"]["ScheduleExpression"], EVERY.to_seconds()) == ("rate(1 minute)", 60)
