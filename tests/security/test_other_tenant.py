"""A member of another room, with a valid token of this chat: what he has is not good for this room."""

import io
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from cdp_constructs.testing import eventually
from tests.behaviour.stacks.chat.test_chat import Attachment, jpeg
from tests.security.moves import seen
from tests.stacks.chat.clients import AWAY, HOME, REGIONS, Chat, Room

PICTURE = jpeg()
UPLOAD = {"name": "cat.jpg", "content_type": "image/jpeg", "size": len(PICTURE)}


@pytest.fixture(scope="module")
def place(chat: Chat) -> Room:
    return Room(chat)


@pytest.fixture(scope="module")
def other(chat: Chat) -> Room:
    """The attacker's own room; he is its Anna."""
    return Room(chat)


def form(room: Room) -> dict[str, Any]:
    answer = room.anna.call(HOME, "POST", f"/rooms/{room.id}/uploads", UPLOAD)
    assert answer.status_code == 201, answer.text
    described: dict[str, Any] = answer.json()
    return described


def submit(room: Room, given: dict[str, Any], content: bytes = PICTURE, **changes: str) -> httpx.Response:
    fields = {**given["fields"], **{name.replace("__", "-"): value for name, value in changes.items()}}
    return room.chat.http.post(given["url"], data=fields, files={"file": ("cat.jpg", content)})


CHANGES: dict[str, dict[str, str]] = {
    "the key of somebody else": {"key": "incoming/{other}/{upload}/cat.jpg"},
    "the key of what was accepted": {"key": "accepted/{own}/{upload}/cat.jpg"},
    "the key of what others have had accepted": {"key": "accepted/{other}/{upload}/cat.jpg"},
    "a key with dots": {"key": "incoming/{own}/{upload}/../../{other}/{upload}/cat.jpg"},
    "a key at the top": {"key": "index.html"},
    "HTML": {"Content-Type": "text/html"},
    "SVG": {"Content-Type": "image/svg+xml"},
    "no content type": {"Content-Type": ""},
    "another room": {"x-amz-meta-room": "{room}"},
    "more metadata": {"x-amz-meta-admin": "true"},
    "an ACL": {"acl": "public-read"},
    "a disposition": {"Content-Disposition": "inline"},
    "an encoding": {"Content-Encoding": "gzip"},
    "a redirect": {"success_action_redirect": "https://evil.example.com/"},
    "tags": {"tagging": "<Tagging><TagSet></TagSet></Tagging>"},
    "a storage class": {"x-amz-storage-class": "GLACIER"},
    "a redirect of the site": {"x-amz-website-redirect-location": "https://evil.example.com/"},
    "another policy": {"policy": "eyJleHBpcmF0aW9uIjoiMjA5OS0wMS0wMVQwMDowMDowMFoiLCJjb25kaXRpb25zIjpbXX0="},
    "a false signature": {"x-amz-signature": "0" * 64},
    "a later date": {"x-amz-date": "20990101T000000Z"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_form_is_good_for_what_it_was_made_for(place: Room, other: Room, name: str) -> None:
    made = form(other)
    values = {"own": other.anna.sub, "other": place.anna.sub, "upload": made["upload_id"], "room": place.id}
    changes = {field: value.format(**values) if "{" in value else value for field, value in CHANGES[name].items()}
    before = seen(place.anna, HOME, place.id)
    refused = submit(other, made, **changes)
    assert refused.status_code in {400, 403}, refused.text[:300]
    assert submit(other, made).status_code in {200, 201, 204}
    assert seen(place.anna, HOME, place.id) == before


def test_a_larger_file_is_refused(other: Room) -> None:
    made = form(other)
    assert submit(other, made, PICTURE + bytes(20_000_000)).status_code == 400
    assert submit(other, made).status_code in {200, 201, 204}


def test_a_second_use_of_a_form_never_replaces_the_first(other: Room) -> None:
    sent = Attachment(other, HOME, PICTURE)
    download = eventually(lambda: found if (found := sent.download(HOME, other.ben)).status_code == 200 else None)
    again = submit(other, sent.asked.json(), jpeg_of_other_colour())
    assert again.status_code in {200, 201, 204}
    # Sent after it and accepted: by then the second use has been judged too.
    later = Attachment(other, HOME, PICTURE)
    eventually(lambda: later.download(HOME, other.ben).status_code == 200)
    fetched = other.chat.http.get(other.chat.cloud.viewer_url(download.json()["url"]))
    assert fetched.content == PICTURE
    assert sent.download(HOME, other.ben).json()["size"] == len(PICTURE)


def jpeg_of_other_colour() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(picture, "JPEG")
    # Of the same length, so that nothing else refuses it.
    return picture.getvalue().ljust(len(PICTURE), b"\0")[: len(PICTURE)]


@pytest.mark.parametrize(
    "content",
    [
        b"<html><script>alert(1)</script></html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"MZ" + bytes(200),
        b"PK\3\4" + bytes(200),
    ],
    ids=["HTML", "SVG", "a program", "an archive"],
)
def test_what_calls_itself_a_picture_and_is_none_is_no_attachment(other: Room, content: bytes) -> None:
    disguised = Attachment(other, HOME, content)
    assert disguised.sent.status_code in {200, 201, 204}
    genuine = Attachment(other, HOME, PICTURE)
    eventually(lambda: genuine.download(HOME, other.ben).status_code == 200)
    bucket = other.chat.resource(f"Chat-{HOME}", "AWS::S3::Bucket", "AttachmentsUpload")
    s3 = other.chat.cloud.client("s3", HOME)
    waiting = f"incoming/{other.anna.sub}/{disguised.id}/"
    eventually(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=waiting)["KeyCount"] == 0, within=40)
    assert disguised.download(HOME, other.ben).status_code == 404


@pytest.mark.parametrize(
    "name", ["../../other/cat.jpg", "cat\x00.jpg", "${filename}", "a/b\\c.jpg", "%2e%2e%2fcat.jpg"]
)
def test_a_file_name_stays_in_its_own_folder(other: Room, name: str) -> None:
    answer = other.anna.call(HOME, "POST", f"/rooms/{other.id}/uploads", {**UPLOAD, "name": name})
    assert answer.status_code in {201, 400, 422}, answer.text
    if answer.status_code == 201:
        made = answer.json()
        owner, upload, file = made["fields"]["key"].removeprefix("incoming/").split("/")
        assert (owner, upload) == (other.anna.sub, made["upload_id"])
        assert file not in {"", ".", ".."}
        assert not set(file) & set("\\\0${}%")
        assert submit(other, made).status_code in {200, 201, 204}


def test_an_attachment_of_another_room_is_not_found_and_not_sent_on(place: Room, other: Room) -> None:
    sent = Attachment(place, HOME, PICTURE)
    eventually(lambda: sent.download(AWAY, place.ben).status_code == 200)
    for region in REGIONS:
        for room in (place, other):
            for variant in ("original", "thumbnail"):
                path = f"/rooms/{room.id}/attachments/{sent.id}"
                assert other.anna.call(region, "GET", path, variant=variant).status_code == 404
    # Named in a message, it opens nothing: it is looked for in the room that is asked.
    body = {"client_message_id": str(uuid4()), "text": "look", "attachments": [sent.id]}
    assert other.anna.call(HOME, "POST", f"/rooms/{other.id}/messages", body).status_code in {201, 400, 422}
    assert other.ben.call(HOME, "GET", f"/rooms/{other.id}/attachments/{sent.id}").status_code == 404


def test_another_rooms_invite_code_opens_nothing(place: Room, other: Room) -> None:
    code = {"invite_code": other.invite_code}
    for region in REGIONS:
        assert other.anna.call(region, "POST", f"/rooms/{place.id}/members", code).status_code == 404
        assert other.anna.call(region, "GET", f"/rooms/{place.id}").status_code == 404
    assert place.join(HOME, place.anna).status_code == 200
    described = place.anna.call(HOME, "GET", f"/rooms/{place.id}").json()
    assert {member["user"] for member in described["members"]} == {place.anna.sub, place.ben.sub}


def test_another_rooms_cursor_shows_nothing_of_it(place: Room, other: Room) -> None:
    place.anna.post(HOME, place.id, "for this room only")
    cursor = place.anna.call(HOME, "GET", f"/rooms/{place.id}/messages").json()["cursor"]
    for query in ({"after": cursor}, {"before": cursor}, {"before": "latest"}):
        page = other.anna.call(HOME, "GET", f"/rooms/{other.id}/messages", **query)
        assert page.status_code == 200
        assert {message["room"] for message in page.json()["messages"]} <= {other.id}
