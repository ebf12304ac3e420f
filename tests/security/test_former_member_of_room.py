"""Who was in a room and has kept everything: token, invite code, upload form, live channel."""

import pytest

from cdp_constructs.testing import eventually
from tests.behaviour.stacks.chat.test_chat import jpeg, upload
from tests.security.moves import members, out_everywhere
from tests.stacks.chat.clients import AWAY, HOME, REGIONS, Chat, Room, User, live


def joins(user: User, region: str, room: Room, code: str) -> int:
    return user.call(region, "POST", f"/rooms/{room.id}/members", {"invite_code": code}).status_code


def test_an_invite_code_that_was_changed_opens_nothing(room: Room, chat: Chat) -> None:
    changed = room.anna.call(AWAY, "PUT", f"/rooms/{room.id}/invite")
    assert changed.status_code == 200, changed.text
    late = chat.user()
    for region in REGIONS:
        # Where the change has not arrived yet, who knows the old code comes in for the last time.
        eventually(lambda region=region: joins(chat.user(), region, room, room.invite_code) == 404)
    assert joins(late, HOME, room, changed.json()["invite_code"]) == 200
    # Only the creator changes it; to a stranger the room does not exist.
    assert room.ben.call(HOME, "PUT", f"/rooms/{room.id}/invite").status_code == 403
    assert chat.user().call(HOME, "PUT", f"/rooms/{room.id}/invite").status_code == 404


@pytest.mark.parametrize(("removed_in", "reads_in"), [(HOME, AWAY), (AWAY, HOME)])
def test_who_was_removed_reads_hears_and_comes_back_nowhere(room: Room, removed_in: str, reads_in: str) -> None:
    room.anna.post(HOME, room.id, "before")
    with live(room.ben, reads_in, room.id) as ben, live(room.anna, reads_in, room.id) as anna:
        ben.open()
        before = ben.channel
        path = f"/rooms/{room.id}/members/{room.ben.sub}"
        assert room.ben.call(removed_in, "DELETE", f"/rooms/{room.id}/members/{room.anna.sub}").status_code == 403
        assert room.anna.call(removed_in, "DELETE", path).status_code == 204
        ben.wait_for(kind="members")
        out_everywhere(room, room.ben)
        eventually(lambda: room.anna.call(reads_in, "GET", f"/rooms/{room.id}").json()["channel"] != before)
        anna.open()
        secret = room.anna.post(removed_in, room.id, "not for Ben").json()
        anna.wait_for_message(secret)
        assert ben.ask(anna.channel) == ben.ask(before) == "subscribe_error"
        assert secret["id"] not in {event.get("message", {}).get("id") for event in ben.settle()}
    for region in REGIONS:
        assert joins(room.ben, region, room, room.invite_code) == 404
        assert set(members(room, region)) == {room.anna.sub}
    newer = room.anna.call(removed_in, "PUT", f"/rooms/{room.id}/invite").json()["invite_code"]
    assert joins(room.ben, removed_in, room, newer) == 200


@pytest.mark.parametrize("leaving", ["leaves", "is removed"])
def test_a_form_that_was_issued_before_adds_no_file_afterwards(room: Room, chat: Chat, leaving: str) -> None:
    picture = jpeg()
    form = room.ben.call(HOME, "POST", f"/rooms/{room.id}/uploads", upload(len(picture))).json()
    if leaving == "leaves":
        assert room.ben.call(HOME, "DELETE", f"/rooms/{room.id}/members/me").status_code == 200
    else:
        path = f"/rooms/{room.id}/members/{room.ben.sub}"
        assert room.anna.call(HOME, "DELETE", path).status_code == 204
    sent = chat.http.post(form["url"], data=form["fields"], files={"file": ("cat.jpg", picture)})
    assert sent.status_code in {200, 201, 204}, sent.text
    s3 = chat.cloud.client("s3", HOME)
    bucket = chat.resource(f"Chat-{HOME}", "AWS::S3::Bucket", "AttachmentsUpload")

    def count(prefix: str) -> int:
        return int(s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}{room.ben.sub}/")["KeyCount"])

    # A file of Anna's, sent after it, has become an attachment: Ben's was decided about.
    form = room.anna.call(HOME, "POST", f"/rooms/{room.id}/uploads", upload(len(picture))).json()
    chat.http.post(form["url"], data=form["fields"], files={"file": ("cat.jpg", picture)})
    listed = eventually(
        lambda: room.anna.call(HOME, "GET", f"/rooms/{room.id}/attachments").json()["attachments"], within=40
    )
    eventually(lambda: count("incoming/") == count("accepted/") == 0, within=40)
    assert {attachment["owner"] for attachment in listed} == {room.anna.sub}
