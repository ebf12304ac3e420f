"""What ImageThumbnails does with uploads, seen by the clients of a deployed one."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from PIL import Image

from cdp_constructs import DirectObjectUpload, ImageThumbnails, SnsSqsFanout
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually

REGION = "us-east-1"
LAYER = Path(__file__).parents[3] / "build/layers/pillow"


@architecture
def gallery(stack: Stack) -> None:
    upload = DirectObjectUpload(
        stack,
        "Pictures",
        content_types=["image/png"],
        max_size_mb=1,
        allowed_origins=["https://www.example.com"],
        removal_policy=RemovalPolicy.DESTROY,
    )
    thumbnails = ImageThumbnails(
        stack,
        "Thumbnails",
        fanout=SnsSqsFanout(stack, "Accepted", topic=upload.topic),
        bucket=upload.bucket,
        pillow_layer=ImageThumbnails.layer_from_folder(stack, "Pillow", LAYER),
        removal_policy=RemovalPolicy.DESTROY,
    )
    made = SnsSqsFanout(stack, "Made", topic=thumbnails.topic).add_subscriber("Gallery")
    CfnOutput(stack, "Bucket", value=upload.bucket.bucket_name)
    CfnOutput(stack, "Gallery", value=made.queue.queue_url)


@pytest.fixture(scope="module")
def outputs(deployed: Callable[[Callable[..., Any]], Deployment]) -> dict[str, str]:
    (found,) = deployed(gallery).outputs.values()
    return found


def png() -> bytes:
    encoded = io.BytesIO()
    Image.radial_gradient("L").resize((900, 600)).save(encoded, "PNG")
    return encoded.getvalue()


def test_an_image_gets_a_thumbnail_and_an_unreadable_one_costs_only_itself(
    outputs: dict[str, str], local_cloud: LocalCloud
) -> None:
    s3, sqs = local_cloud.client("s3", REGION), local_cloud.client("sqs", REGION)
    bucket = outputs["Bucket"]
    folders = [f"u1/{uuid4()}" for _ in range(3)]
    broken = png()[:200]
    for folder, body in zip(folders, (png(), broken, png()), strict=True):
        s3.put_object(Bucket=bucket, Key=f"incoming/{folder}/a.png", Body=body, ContentType="image/png")

    def thumbnails() -> set[str]:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="accepted/").get("Contents", [])
        return {item["Key"] for item in listed if "/thumbnail/" in item["Key"]}

    good = {f"accepted/{folder}/thumbnail/320.webp" for folder in (folders[0], folders[2])}
    eventually(lambda: thumbnails() == good, within=60)
    content = s3.get_object(Bucket=bucket, Key=min(good))["Body"].read()
    assert Image.open(io.BytesIO(content)).size == (320, 213)
    told: list[str] = []

    def both_are_published() -> bool:
        answer = sqs.receive_message(QueueUrl=outputs["Gallery"], MaxNumberOfMessages=10)
        told.extend(message["Body"] for message in answer.get("Messages", []))
        return all(any(key in body for body in told) for key in good)

    eventually(both_are_published, within=30)
    assert thumbnails() == good
