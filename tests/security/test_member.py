"""A member of a room who means ill: uploads what decodes for long, and uses forms without end."""

import io
import time
from typing import Any

from PIL import Image

from cdp_constructs.testing import eventually
from tests.behaviour.stacks.chat.test_chat import Attachment
from tests.images import scanned_again, slow_png
from tests.queues import messages_in
from tests.stacks.chat.clients import HOME, Chat, Room

# --- uploads: images, forms


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (600, 400), "teal").save(file, "JPEG")
    return file.getvalue()


def seconds_until_thumbnail(sent: Attachment) -> float:
    began = time.monotonic()
    path = f"/rooms/{sent.room.id}/attachments/{sent.id}"
    eventually(
        lambda: sent.room.ben.call(HOME, "GET", path, variant="thumbnail").status_code == 200,
        within=60,
        what="a thumbnail",
    )
    return time.monotonic() - began


def test_images_that_decode_for_long_hold_up_no_others(room: Room, chat: Chat) -> None:
    alone = seconds_until_thumbnail(Attachment(room, HOME, picture()))
    endless, slow = scanned_again(3000, side=8000), slow_png()
    hostile = [Attachment(room, HOME, endless) for _ in range(10)]
    hostile += [Attachment(room, HOME, slow, name="a.png", content_type="image/png") for _ in range(2)]
    behind = seconds_until_thumbnail(Attachment(room, HOME, picture()))
    # Without limits the ten took every worker for a minute, five times; now it is less than one limit of decoding.
    assert behind < alone + 10
    queues = [
        chat.resource(f"Chat-{HOME}", "AWS::SQS::Queue", f"Thumbnails{name}") for name in ("ImagesQueue", "ImagesDead")
    ]
    sqs = chat.cloud.client("sqs", HOME)
    eventually(lambda: messages_in(sqs, queues[0]) == 0, within=60)
    assert messages_in(sqs, queues[1]) == 0
    for sent in hostile[:10]:
        path = f"/rooms/{room.id}/attachments/{sent.id}"
        assert room.ben.call(HOME, "GET", path, variant="thumbnail").status_code != 200


def test_a_form_that_is_used_thirty_times_keeps_one_file(room: Room, chat: Chat) -> None:
    first = Attachment(room, HOME, picture())
    form = first.asked.json()
    eventually(lambda: first.download(HOME, room.ben).status_code == 200)
    for _ in range(29):
        again = chat.http.post(form["url"], data=form["fields"], files={"file": ("cat.jpg", picture())})
        assert again.status_code in {200, 201, 204}
    s3 = chat.cloud.client("s3", HOME)
    bucket = chat.resource(f"Chat-{HOME}", "AWS::S3::Bucket", "AttachmentsUpload")

    def kept() -> dict[str, list[dict[str, Any]]]:
        pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket))
        found = [item for page in pages for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]]
        of_form = [item for item in found if form["upload_id"] in item["Key"]]
        return {
            name: [item for item in of_form if item["Key"].startswith(name)]
            for name in ("incoming", "quarantine", "accepted")
        }

    eventually(lambda: not kept()["incoming"], within=60, what="every use decided about")
    assert kept()["quarantine"] == []
    files = [item["Key"] for item in kept()["accepted"] if "/thumbnail/" not in item["Key"]]
    assert len(files) == 1
