"""The chat's attachments in pictures: thumbnails, of every image and for members only; and search."""

import io
import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from PIL import Image

from cdp_constructs.testing import eventually
from tests.behaviour.stacks.chat.test_chat import AWAY, HOME, REGIONS, Attachment, Chat, Room, User, jpeg
from tests.queues import messages_in
from tests.seconds import wait_for_another_second

RED, BLUE = (200, 30, 30), (30, 30, 200)
ORIENTATION = 0x0112
# "PLAN" as Japanese keyboards write it.
WIDE_PLAN = "\uff30\uff2c\uff21\uff2e"


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def halves(width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def photo() -> bytes:
    """Return a photo that is stored sideways, as phones do."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return saved(halves(1200, 600), "JPEG", exif=exif.tobytes())


def thumbnail_of(sent: Attachment, region: str, user: User) -> httpx.Response:
    path = f"/rooms/{sent.room.id}/attachments/{sent.id}"
    return user.call(region, "GET", path, variant="thumbnail")


def fetched(sent: Attachment, region: str, user: User) -> tuple[dict[str, Any], Image.Image]:
    """Wait for a thumbnail and return what the API says of it and the picture itself."""
    answer = eventually(
        lambda: answer if (answer := thumbnail_of(sent, region, user)).status_code == 200 else None, within=40
    )
    described: dict[str, Any] = answer.json()
    chat = sent.room.chat
    file = chat.http.get(chat.cloud.viewer_url(described["url"]))
    assert file.status_code == 200
    assert len(file.content) == described["size"]
    image = Image.open(io.BytesIO(file.content))
    assert image.format == "WEBP"
    assert described["content_type"] == file.headers["content-type"] == "image/webp"
    return described, image


def listed(user: User, region: str, room: Room, **query: object) -> dict[str, Any]:
    answer = user.call(region, "GET", f"/rooms/{room.id}/attachments", **query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def names(page: dict[str, Any]) -> list[str]:
    return [item["name"] for item in page["attachments"]]


@pytest.mark.parametrize("uploaded_in", REGIONS)
def test_a_photo_has_an_upright_thumbnail_in_every_region(room: Room, chat: Chat, uploaded_in: str) -> None:
    sent = Attachment(room, uploaded_in, photo())
    for region in REGIONS:
        described, image = fetched(sent, region, room.ben)
        assert (described["id"], described["name"]) == (sent.id, "cat.jpg")
        assert image.size == (160, 320)
        top, bottom = (image.convert("RGB").getpixel((80, y)) for y in (40, 280))
        assert isinstance(top, tuple)
        assert isinstance(bottom, tuple)
        assert top[0] > 150 > top[2]
        assert bottom[2] > 150 > bottom[0]
        # The original is what it was.
        original = sent.download(region, room.ben).json()
        assert chat.http.get(chat.cloud.viewer_url(original["url"])).content == photo()
        eventually(lambda region=region: listed(room.ben, region, room)["attachments"][0]["thumbnail"])


def test_a_thumbnail_is_for_members_with_a_signature(room: Room, chat: Chat, stranger: User) -> None:
    sent = Attachment(room, HOME, photo())
    described, _ = fetched(sent, HOME, room.ben)
    assert chat.http.get(chat.cloud.viewer_url(described["url"].partition("?")[0])).status_code == 403
    assert thumbnail_of(sent, HOME, stranger).status_code == 404
    other = Room(chat)
    path = f"/rooms/{other.id}/attachments/{sent.id}"
    assert other.anna.call(HOME, "GET", path, variant="thumbnail").status_code == 404
    assert room.ben.call(HOME, "GET", f"/rooms/{room.id}/attachments/{sent.id}", variant="huge").status_code == 422


def test_broken_images_hold_up_nothing_and_other_files_need_no_thumbnail(room: Room, chat: Chat) -> None:
    broken = [Attachment(room, AWAY, photo()[: 400 + number]) for number in range(3)]
    document = Attachment(room, AWAY, b"%PDF-1.7\n%%EOF", name="plan.pdf", content_type="application/pdf")
    picture = saved(halves(64, 32).convert("RGBA"), "PNG")
    behind = Attachment(room, AWAY, picture, name="small.png", content_type="image/png")
    animated = saved(
        Image.new("RGB", (640, 640), RED), "GIF", save_all=True, append_images=[Image.new("RGB", (640, 640), BLUE)]
    )
    last = Attachment(room, AWAY, animated, name="dance.gif", content_type="image/gif")
    assert fetched(behind, AWAY, room.ben)[1].size == (64, 32)
    _, image = fetched(last, AWAY, room.ben)
    assert image.size == (320, 320)
    for sent in (*broken, document):
        eventually(lambda sent=sent: sent.download(AWAY, room.ben).status_code == 200)
    # Nothing of it comes back: the queue is empty, and nobody is called to look at somebody else's broken file.
    thumbnails = Thumbnails(chat, AWAY)
    eventually(lambda: thumbnails.count(thumbnails.queue) == 0)
    assert thumbnails.count(thumbnails.failed) == 0
    assert {thumbnail_of(sent, AWAY, room.ben).status_code for sent in (*broken, document)} == {404}


class Thumbnails:
    """The thumbnail maker of one Region and its queues."""

    def __init__(self, chat: Chat, region: str) -> None:
        stack = f"Chat-{region}"
        self.sqs = chat.cloud.client("sqs", region)
        self.queue = chat.resource(stack, "AWS::SQS::Queue", "AttachmentsThumbnailsImagesQueue")
        self.failed = chat.resource(stack, "AWS::SQS::Queue", "AttachmentsThumbnailsImagesDeadLetterQueue")
        self.role = chat.resource(stack, "AWS::IAM::Role", "AttachmentsThumbnailsFunctionRole")
        self.bucket = chat.resource(stack, "AWS::S3::Bucket", "AttachmentsUpload")

    def count(self, url: str) -> int:
        return messages_in(self.sqs, url)

    def arn(self, url: str) -> str:
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return str(found["QueueArn"])


def test_an_image_around_which_something_failed_is_kept_and_made_later(room: Room, chat: Chat) -> None:
    thumbnails = Thumbnails(chat, HOME)
    iam = chat.cloud.client("iam", HOME)
    # Minutes between two deliveries are right for the chat and long for a test.
    thumbnails.sqs.set_queue_attributes(QueueUrl=thumbnails.queue, Attributes={"VisibilityTimeout": "1"})
    denied = {
        "Effect": "Deny",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{thumbnails.bucket}/accepted/{room.anna.sub}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    iam.put_role_policy(RoleName=thumbnails.role, PolicyName="Cause", PolicyDocument=policy)
    try:
        sent = Attachment(room, HOME, photo())
        eventually(lambda: thumbnails.count(thumbnails.failed) == 1, within=60)
        # The attachment itself does not wait for its thumbnail.
        assert sent.download(HOME, room.ben).status_code == 200
        assert thumbnail_of(sent, HOME, room.ben).status_code == 404
    finally:
        iam.delete_role_policy(RoleName=thumbnails.role, PolicyName="Cause")
    thumbnails.sqs.start_message_move_task(
        SourceArn=thumbnails.arn(thumbnails.failed), DestinationArn=thumbnails.arn(thumbnails.queue)
    )
    fetched(sent, HOME, room.ben)
    assert thumbnails.count(thumbnails.failed) == 0


def test_attachments_are_found_newest_first_by_name_and_by_type(room: Room, stranger: User) -> None:
    files = ["Plan A.jpg", "holiday.jpg", "PLAN-東京.jpg", "plan.pdf"]
    for number, name in enumerate(files):
        region = REGIONS[number % 2]
        if name.endswith(".pdf"):
            Attachment(room, region, b"%PDF-1.7\n%%EOF", name=name, content_type="application/pdf")
        else:
            Attachment(room, region, jpeg(), name=name)
        eventually(lambda number=number: len(listed(room.ben, HOME, room)["attachments"]) == number + 1)
        wait_for_another_second()
    for region in REGIONS:
        eventually(lambda region=region: len(listed(room.ben, region, room)["attachments"]) == 4)
        everything = listed(room.ben, region, room)
        assert everything["after"] is None
        assert names(everything) == files[::-1]
        newest = everything["attachments"][0]
        assert {"content_type": "application/pdf", "size": 14, "owner": room.anna.sub, "thumbnail": False} == {
            key: newest[key] for key in ("content_type", "size", "owner", "thumbnail")
        }
        assert newest["uploaded_at"]
        assert names(listed(room.ben, region, room, name="PLAN")) == [files[3], files[2], files[0]]
        assert names(listed(room.ben, region, room, name=f"{WIDE_PLAN}-")) == [files[2]]
        assert names(listed(room.ben, region, room, name="東京")) == [files[2]]
        assert names(listed(room.ben, region, room, name="plan", content_type="image/")) == [files[2], files[0]]
        assert names(listed(room.ben, region, room, name="nothing")) == []
        assert names(listed(room.ben, region, room, owner=room.ben.sub)) == []
        assert names(listed(room.ben, region, room, owner=room.anna.sub, name="holiday")) == [files[1]]
        # The index knows whole seconds.
        at = [datetime.fromisoformat(item["uploaded_at"]) for item in everything["attachments"]]
        day = timedelta(days=1)
        assert len(listed(room.ben, region, room, **{"from": at[-1] - day, "to": at[0] + day})["attachments"]) == 4
        assert names(listed(room.ben, region, room, to=at[-1] - day)) == []
        assert names(listed(room.ben, region, room, **{"from": at[0] + day})) == []
    first = listed(room.ben, HOME, room, limit=3)
    rest = listed(room.ben, AWAY, room, limit=3, after=first["after"])
    assert names(first) + names(rest) == files[::-1]
    filtered = listed(room.ben, HOME, room, name="plan", limit=2)
    assert names(filtered) + names(listed(room.ben, HOME, room, name="plan", after=filtered["after"])) == [
        files[3],
        files[2],
        files[0],
    ]
    assert stranger.call(HOME, "GET", f"/rooms/{room.id}/attachments").status_code == 404


def test_messages_of_both_regions_are_found_in_both(room: Room, stranger: User) -> None:
    lines = ["Shinkansen at nine", "新幹線は9時", "lunch?", "ｼﾝｶﾝｾﾝ の切符", "Two SHINKANSEN tickets"]
    for number, text in enumerate(lines):
        author, region = ((room.anna, HOME), (room.ben, AWAY))[number % 2]
        assert author.post(region, room.id, text).status_code == 201
        eventually(lambda number=number: len(room.ben.history(HOME, room.id)) == number + 1)
        eventually(lambda number=number: len(room.ben.history(AWAY, room.id)) == number + 1)

    def found(region: str, **query: object) -> list[str]:
        answer = room.ben.call(region, "GET", f"/rooms/{room.id}/search", **query)
        assert answer.status_code == 200, answer.text
        return [message["text"] for message in answer.json()["messages"]]

    for region in REGIONS:
        assert found(region, text="shinkansen") == [lines[4], lines[0]]
        assert found(region, text="tickets shinkansen") == [lines[4]]
        assert found(region, text="シンカンセン") == [lines[3]]
        assert found(region, text="新幹") == [lines[1]]
        assert found(region, author=room.ben.sub) == [lines[3], lines[1]]
        assert found(region, text="nothing") == []
    first = room.ben.call(HOME, "GET", f"/rooms/{room.id}/search", limit=3).json()
    # The cursor of one Region is good in the other.
    rest = room.ben.call(AWAY, "GET", f"/rooms/{room.id}/search", after=first["after"]).json()
    assert [message["text"] for message in first["messages"] + rest["messages"]] == lines[::-1]
    assert rest["after"] is None
    middle = first["messages"][2]["posted_at"]
    assert found(HOME, to=middle)[-1] == lines[0]
    assert set(found(HOME, **{"from": middle})) == set(lines[2:])
    path = f"/rooms/{room.id}/search"
    assert stranger.call(HOME, "GET", path, text="lunch").status_code == 404
    assert room.ben.call(HOME, "DELETE", f"/rooms/{room.id}/members/me").status_code == 200
    assert room.ben.call(HOME, "GET", path, text="lunch").status_code == 404
