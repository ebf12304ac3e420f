"""What ImageThumbnails does, seen by who publishes accepted uploads and who receives thumbnails."""

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from PIL import Image

from cdp_constructs import ImageThumbnails, SnsSqsFanout
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from tests.images import scanned_again, slow_png
from tests.queues import messages_in

REGION = "us-east-1"
LAYER = Path(__file__).parents[3] / "build/layers/pillow"


@architecture
def thumbnails_of_a_bucket(stack: Stack) -> None:
    bucket = s3.Bucket(stack, "Files", removal_policy=RemovalPolicy.DESTROY)
    accepted = SnsSqsFanout(stack, "Accepted")
    thumbnails = ImageThumbnails(
        stack,
        "Thumbnails",
        fanout=accepted,
        bucket=bucket,
        pillow_layer=ImageThumbnails.layer_from_folder(stack, "Pillow", LAYER),
        pixels=64,
        decoding_timeout=Duration.seconds(1),
    )
    made = SnsSqsFanout(stack, "Made", topic=thumbnails.topic).add_subscriber("Gallery")
    outputs = {
        "Bucket": bucket.bucket_name,
        "Topic": accepted.topic.topic_arn,
        "Queue": thumbnails.queue.queue_url,
        "Failed": thumbnails.dead_letter_queue.queue_url,
        "MadeQueue": made.queue.queue_url,
    }
    for name, value in outputs.items():
        CfnOutput(stack, name, value=value)


class Album:
    """The deployed pattern, and its clients."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        ((_, self.outputs),) = deployment.outputs.items()
        self.s3 = cloud.client("s3", REGION)
        self.sns = cloud.client("sns", REGION)
        self.sqs = cloud.client("sqs", REGION)
        self.made: list[dict[str, Any]] = []

    def accept(self, upload_id: str, content: bytes, content_type: str) -> None:
        """Put an object, and publish about it as DirectObjectUpload does."""
        key = f"accepted/ann/{upload_id}/picture"
        self.s3.put_object(Bucket=self.outputs["Bucket"], Key=key, Body=content, ContentType=content_type)
        message = {
            "upload_id": upload_id,
            "owner": "ann",
            "bucket": self.outputs["Bucket"],
            "key": key,
            "size": len(content),
            "content_type": content_type,
        }
        attributes = {"content_type": {"DataType": "String", "StringValue": content_type}}
        self.sns.publish(TopicArn=self.outputs["Topic"], Message=json.dumps(message), MessageAttributes=attributes)

    def thumbnail(self, upload_id: str) -> dict[str, Any]:
        """The message about an upload's thumbnail, once it is there."""

        def find() -> list[dict[str, Any]]:
            answer = self.sqs.receive_message(QueueUrl=self.outputs["MadeQueue"], MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                self.made.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.outputs["MadeQueue"], ReceiptHandle=message["ReceiptHandle"])
            return [item for item in self.made if item["upload_id"] == upload_id]

        return eventually(find, within=60)[0]  # type: ignore[no-any-return]

    def waiting(self, queue: str) -> int:
        """Count the messages of a queue, also those that are being worked on."""
        return messages_in(self.sqs, self.outputs[queue])

    def have_thumbnails(self) -> set[str]:
        """Ids of the uploads that have a thumbnail."""
        listed = self.s3.list_objects_v2(Bucket=self.outputs["Bucket"], Prefix="accepted/ann/")["Contents"]
        return {item["Key"].split("/")[2] for item in listed if "/thumbnail/" in item["Key"]}


@pytest.fixture(scope="module")
def album(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Album:
    return Album(local_cloud, deployed(thumbnails_of_a_bucket))


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (200, 100), "red").save(file, kind)
    return file.getvalue()


def test_an_accepted_image_gets_a_thumbnail_beside_it_and_a_message(album: Album) -> None:
    album.accept("u1", picture("JPEG"), "image/jpeg")
    message = album.thumbnail("u1")
    described = message["thumbnail"]
    assert described["key"] == "accepted/ann/u1/thumbnail/64.webp"
    assert (described["width"], described["height"]) == (64, 32)
    stored = album.s3.get_object(Bucket=album.outputs["Bucket"], Key=described["key"])
    assert stored["ContentType"] == "image/webp"
    assert Image.open(io.BytesIO(stored["Body"].read())).size == (64, 32)


def test_a_broken_image_holds_up_nobody_and_other_files_do_not_come(album: Album) -> None:
    album.accept("broken", b"\xff\xd8\xff no picture", "image/jpeg")
    album.accept("document", b"%PDF-1.7", "application/pdf")
    album.accept("u2", picture("PNG"), "image/png")
    assert album.thumbnail("u2")["thumbnail"]["key"] == "accepted/ann/u2/thumbnail/64.webp"
    eventually(lambda: album.waiting("Queue") == 0)
    assert album.waiting("Failed") == 0
    assert album.have_thumbnails().isdisjoint({"broken", "document"})


def scans() -> bytes:
    """Return a JPEG of 64 megapixels and 700 kB that takes more than a minute to decode."""
    return scanned_again(3000, side=8000)


@pytest.mark.parametrize(
    ("make", "content_type", "number"),
    [(scans, "image/jpeg", 10), (slow_png, "image/png", 4)],
    ids=["scans", "slow"],
)
def test_images_that_decode_for_long_hold_up_nobody(
    album: Album, make: Callable[[], bytes], content_type: str, number: int
) -> None:
    content, hostile = make(), {f"{make.__name__}-{place}" for place in range(number)}
    for name in hostile:
        album.accept(name, content, content_type)
    began = time.monotonic()
    album.accept(f"behind-{make.__name__}", picture("JPEG"), "image/jpeg")
    album.thumbnail(f"behind-{make.__name__}")
    # Each is refused at once, or after its second. Without limits the one behind waited for the function's timeout.
    assert time.monotonic() - began < 40
    eventually(lambda: album.waiting("Queue") == 0, within=60)
    assert album.waiting("Failed") == 0
    assert album.have_thumbnails().isdisjoint(hostile)
