"""What the chat does in two Regions, seen by users who sign in, write, read, upload and download."""

import io
import itertools
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from cdp_constructs.testing import eventually
from tests.stacks.chat.architectures import ORIGIN
from tests.stacks.chat.clients import AWAY, HOME, REGIONS, Chat, Room, User, assert_complete


def test_messages_of_both_regions_make_one_history(room: Room) -> None:
    for number in range(4):
        author, region = ((room.anna, HOME), (room.ben, AWAY))[number % 2]
        answer = author.post(region, room.id, f"line {number}")
        assert answer.status_code == 201, answer.text
        assert answer.json()["region"] == region
        eventually(lambda number=number: len(room.ben.history(HOME, room.id)) == number + 1)
        eventually(lambda number=number: len(room.ben.history(AWAY, room.id)) == number + 1)
    histories = room.settled(4)
    assert [message["text"] for message in histories[HOME]] == [f"line {number}" for number in range(4)]
    assert_complete(histories[HOME])


def test_the_same_message_sent_twice_arrives_once(room: Room) -> None:
    first = room.anna.post(HOME, room.id, "once", "retry-1")
    again = room.anna.post(HOME, room.id, "once", "retry-1")
    eventually(lambda: room.anna.history(AWAY, room.id))
    elsewhere = room.anna.post(AWAY, room.id, "once", "retry-1")
    assert [answer.status_code for answer in (first, again, elsewhere)] == [201, 200, 200]
    assert first.json() == again.json() == elsewhere.json()
    # Another author's message with the same client id is another message.
    assert room.ben.post(AWAY, room.id, "also", "retry-1").status_code == 201
    room.settled(2)


def test_history_is_read_on_from_a_cursor(room: Room) -> None:
    for number in range(5):
        room.anna.post(HOME, room.id, str(number))
    whole = room.settled(5)[HOME]
    page = room.ben.call(AWAY, "GET", f"/rooms/{room.id}/messages", limit=2).json()
    assert page["messages"] == whole[:2]
    assert page["more"]
    # The cursor of one Region is good in the other.
    assert room.ben.history(HOME, room.id, page["cursor"], limit=2) == whole[2:]
    end = room.ben.call(HOME, "GET", f"/rooms/{room.id}/messages", limit=5).json()
    assert not end["more"]
    assert room.ben.history(AWAY, room.id, end["cursor"]) == []


def test_writers_in_both_regions_at_once_lose_double_and_renumber_nothing(room: Room) -> None:
    writers = [(user, region) for user in (room.anna, room.ben) for region in REGIONS for _ in range(2)]
    each = 12

    def write(number: int) -> list[dict[str, Any]]:
        author, region = writers[number]
        accepted = []
        for line in range(each):
            identity = f"{number}-{line}"
            # What a client does when it is told to come back: send the same message again. On a busy machine the
            # writers are told so for the time that delivery takes (429), too.
            while (answer := author.post(region, room.id, identity, identity)).status_code in {429, 503}:
                time.sleep(1 if answer.status_code == 429 else 0.05)
            assert answer.status_code == 201, answer.text
            accepted.append(answer.json())
        return accepted

    with ThreadPoolExecutor(len(writers)) as pool:
        accepted = list(itertools.chain(*pool.map(write, range(len(writers)))))
    histories = room.settled(len(writers) * each)
    assert_complete(histories[HOME])
    by_id = {message["id"]: message for message in histories[HOME]}
    assert by_id == {message["id"]: message for message in accepted}, "a message changed after it was accepted"


def test_one_client_message_sent_to_both_regions_at_once_is_one_message(room: Room) -> None:
    rounds = 10

    def send(number: int) -> tuple[httpx.Response, ...]:
        sent = [pool.submit(room.anna.post, region, room.id, "race", f"race-{number}") for region in REGIONS]
        return tuple(future.result() for future in sent)

    with ThreadPoolExecutor(2) as pool:
        answers = [send(number) for number in range(rounds)]
    assert {answer.status_code for pair in answers for answer in pair} <= {200, 201}
    assert all(one.json()["id"] == other.json()["id"] for one, other in answers)
    assert len({message["id"] for message in room.settled(rounds)[AWAY]}) == rounds


def test_regions_that_do_not_hear_of_each_other_agree_afterwards(room: Room, chat: Chat) -> None:
    with chat.cloud.suspend_replication(AWAY):
        home = [room.anna.post(HOME, room.id, f"home {number}").json() for number in range(5)]
        away = [room.ben.post(AWAY, room.id, f"away {number}").json() for number in range(5)]
        # Both Regions take the same client message, because neither knows of the other's.
        twice = [room.anna.post(region, room.id, "twice", "twice") for region in REGIONS]
        assert [answer.status_code for answer in twice] == [201, 201]
        kept = min((answer.json() for answer in twice), key=lambda item: (item["clock"], item["region"]))
        assert [message["text"] for message in room.anna.history(HOME, room.id)][:5] == [f"home {n}" for n in range(5)]
        read_on = room.ben.call(AWAY, "GET", f"/rooms/{room.id}/messages").json()["cursor"]
    history = room.settled(11)[AWAY]
    assert [message for message in history if message["id"] == kept["id"]] == [kept]
    assert [message for message in history if message["region"] == HOME and message["text"] != "twice"] == home
    assert [message for message in history if message["region"] == AWAY and message["text"] != "twice"] == away
    # A reader that had read the one side only gets the other from where it was.
    caught_up = room.ben.history(AWAY, room.id, read_on)
    assert [message for message in home if message not in caught_up] == []
    # And whoever sends again, to whichever Region, gets the message that everybody sees.
    for region in REGIONS:
        again = room.anna.post(region, room.id, "twice", "twice")
        assert (again.status_code, again.json()) == (200, kept)


def test_a_stranger_can_do_nothing_and_learns_nothing(room: Room, stranger: User) -> None:
    room.anna.post(HOME, room.id, "secret")
    nowhere = str(uuid4())
    for region, place in itertools.product(REGIONS, (room.id, nowhere)):
        answers = [
            stranger.call(region, "GET", f"/rooms/{place}/messages"),
            stranger.post(region, place, "hello"),
            stranger.call(region, "POST", f"/rooms/{place}/uploads", upload(1)),
            stranger.call(region, "GET", f"/rooms/{place}/attachments/{nowhere}"),
            stranger.call(region, "POST", f"/rooms/{place}/members", {"invite_code": "guess"}),
        ]
        assert {(answer.status_code, answer.json()["message"]) for answer in answers} == {
            (404, "there is no such room, you are not in it, or the invite code is wrong")
        }
    assert room.anna.history(HOME, room.id)[-1]["text"] == "secret"


def test_without_a_valid_token_there_is_no_api(room: Room, chat: Chat) -> None:
    url = f"{chat.url(AWAY)}/rooms/{room.id}/messages"
    forged = f"{room.anna.token[:-6]}AAAAAA"
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Bearer {forged}"}):
        assert chat.http.get(url, headers=headers).status_code == 401


def test_who_leaves_is_out_everywhere_and_can_come_back(room: Room) -> None:
    (listed,) = room.ben.call(AWAY, "GET", "/rooms").json()["rooms"]
    assert (listed["room"], listed["name"]) == (room.id, "Lobby")
    assert room.ben.call(AWAY, "DELETE", f"/rooms/{room.id}/members/me").status_code == 200
    for region in REGIONS:
        eventually(lambda region=region: room.read(region, room.ben).status_code == 404)
        eventually(lambda region=region: room.ben.call(region, "GET", "/rooms").json()["rooms"] == [])
    assert room.join(HOME, room.ben).status_code == 200
    assert room.read(HOME, room.ben).status_code == 200


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"text": "x"}, "body.client_message_id: Field required"),
        ({"text": " ", "client_message_id": "1"}, "body.text: String should have at least 1 character"),
        ({"text": "€" * 1366, "client_message_id": "1"}, "the text has 4098 bytes of UTF-8; send at most 4096"),
        ({"text": "x", "client_message_id": "a#b"}, "body.client_message_id: String should match pattern"),
        ({"text": "x", "client_message_id": "1", "sequence": 7}, "body.sequence: Extra inputs are not permitted"),
    ],
)
def test_a_malformed_message_is_refused_with_a_reason(stranger: User, body: dict[str, Any], says: str) -> None:
    answer = stranger.call(HOME, "POST", f"/rooms/{uuid4()}/messages", body)
    assert answer.status_code == 422
    assert says in answer.json()["message"]


def test_browsers_of_named_origins_only_may_call(chat: Chat) -> None:
    def preflight(origin: str) -> httpx.Response:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return chat.http.options(f"{chat.url(HOME)}/rooms", headers=asked)

    assert preflight(ORIGIN).headers.get("access-control-allow-origin") == ORIGIN
    assert "access-control-allow-origin" not in preflight("https://evil.example.com").headers


def test_a_message_reaches_the_archive_of_every_region(room: Room, chat: Chat) -> None:
    posted = [room.anna.post(AWAY, room.id, text).json() for text in ("for the record", "and this, too")]
    for region in REGIONS:
        archive = Archive(chat, region)
        eventually(lambda archive=archive: len(archive.messages(room.id)) == len(posted), within=30)
        kept = archive.messages(room.id)
        assert sorted((message for message, _ in kept), key=lambda one: int(one["sequence"])) == posted
        for _, key in kept:
            assert re.fullmatch(r"messages/\d{4}/\d\d/\d\d/\d\d/[0-9a-f]{32}\.jsonl", key)


class Archive:
    """The archive of one Region, and the queues in front of it."""

    def __init__(self, chat: Chat, region: str) -> None:
        stack = f"Chat-{region}"
        self.region = region
        self.sqs = chat.cloud.client("sqs", region)
        self.s3 = chat.cloud.client("s3", region)
        self.bucket = chat.resource(stack, "AWS::S3::Bucket", "MessagesArchiveBucket")
        self.topic = chat.resource(stack, "AWS::SNS::Topic", "Messages")
        self.role = chat.resource(stack, "AWS::IAM::Role", "MessagesArchiver")
        self.queue = chat.resource(stack, "AWS::SQS::Queue", "FanoutArchiveQueue")
        self.failed = chat.resource(stack, "AWS::SQS::Queue", "FanoutArchiveDeadLetterQueue")
        self.mapping = chat.resource(stack, "AWS::Lambda::EventSourceMapping", "FanoutArchive")
        self.lambda_ = chat.cloud.client("lambda", region)

    def hurry(self) -> None:
        """Deliver at once and again soon: seconds to gather and a minute to wait are right for the chat, not here."""
        self.lambda_.update_event_source_mapping(UUID=self.mapping, BatchSize=10, MaximumBatchingWindowInSeconds=0)
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"VisibilityTimeout": "1"})

    def messages(self, room: str) -> list[tuple[dict[str, Any], str]]:
        """Return a room's messages, each with the object that holds it."""
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="messages/").get("Contents", [])
        bodies = {
            item["Key"]: self.s3.get_object(Bucket=self.bucket, Key=item["Key"])["Body"].read() for item in listed
        }
        lines = [(json.loads(line), key) for key, body in bodies.items() for line in body.splitlines()]
        return [(message, key) for message, key in lines if message["room"] == room]

    def texts(self, room: str) -> list[str]:
        # One that was delivered twice may be in two objects.
        return sorted({str(message["text"]) for message, _ in self.messages(room)})

    def arn(self, url: str) -> str:
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return str(attributes["QueueArn"])

    def count_failed(self) -> int:
        name = "ApproximateNumberOfMessages"
        return int(self.sqs.get_queue_attributes(QueueUrl=self.failed, AttributeNames=[name])["Attributes"][name])


def test_a_poison_message_is_set_aside_with_everything_behind_it_delivered(room: Room, chat: Chat) -> None:
    archive = Archive(chat, AWAY)
    archive.hurry()
    attributes = {"kind": {"DataType": "String", "StringValue": "message"}}
    chat.cloud.client("sns", AWAY).publish(
        TopicArn=archive.topic, Message="not a message", MessageAttributes=attributes
    )
    for number in range(12):
        room.anna.post(HOME, room.id, str(number))
    eventually(lambda: len(archive.texts(room.id)) == 12)
    eventually(lambda: archive.count_failed() == 1, within=40)
    (received,) = archive.sqs.receive_message(QueueUrl=archive.failed)["Messages"]
    assert received["Body"] == "not a message"
    archive.sqs.delete_message(QueueUrl=archive.failed, ReceiptHandle=received["ReceiptHandle"])


def test_what_was_set_aside_is_replayed_once_the_cause_is_corrected(room: Room, chat: Chat) -> None:
    archive = Archive(chat, AWAY)
    archive.hurry()
    # Nothing of other tests is on its way any more when this has arrived.
    room.anna.post(HOME, room.id, "before")
    eventually(lambda: archive.texts(room.id) == ["before"], within=30)
    iam = chat.cloud.client("iam", AWAY)
    denied = f"arn:aws:s3:::{archive.bucket}/messages/*"
    statement = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": denied}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=archive.role, PolicyName="Cause", PolicyDocument=policy)
    try:
        room.anna.post(HOME, room.id, "held up")
        eventually(lambda: archive.count_failed() == 1, within=40)
        assert archive.texts(room.id) == ["before"]
    finally:
        iam.delete_role_policy(RoleName=archive.role, PolicyName="Cause")
    archive.sqs.start_message_move_task(
        SourceArn=archive.arn(archive.failed), DestinationArn=archive.arn(archive.queue)
    )
    eventually(lambda: archive.texts(room.id) == ["before", "held up"])
    assert archive.count_failed() == 0


def test_a_region_without_its_table_says_so_and_the_other_serves_on(room: Room, chat: Chat) -> None:
    def health(region: str) -> httpx.Response:
        return chat.http.get(f"{chat.url(region)}/health/deep")

    assert [health(region).status_code for region in REGIONS] == [200, 200]
    with chat.cloud.inject_fault("dynamodb", AWAY):
        answer = eventually(lambda: answer if (answer := health(AWAY)).status_code == 503 else None)
        table = answer.json()["dependencies"]["table"]
        assert (table["status"], table["error"]) == ("failing", "other"), "DynamoDB answers with an internal error"
        assert health(HOME).status_code == 200
        assert room.anna.post(HOME, room.id, "still here").status_code == 201
    eventually(lambda: health(AWAY).status_code == 200)


class Attachment:
    """A file on its way into a room."""

    def __init__(self, room: Room, region: str, data: bytes, **description: Any) -> None:
        self.room = room
        path = f"/rooms/{room.id}/uploads"
        self.asked = room.anna.call(region, "POST", path, upload(len(data), **description))
        if self.asked.status_code == 201:
            form = self.asked.json()
            self.id = form["upload_id"]
            file = {"file": (str(description.get("name", "cat.jpg")), data)}
            self.sent = room.chat.http.post(form["url"], data=form["fields"], files=file)

    def download(self, region: str, user: User) -> httpx.Response:
        return user.call(region, "GET", f"/rooms/{self.room.id}/attachments/{self.id}")


def upload(size: int, name: str = "cat.jpg", content_type: str = "image/jpeg") -> dict[str, object]:
    return {"name": name, "content_type": content_type, "size": size}


def jpeg() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(picture, "JPEG")
    return picture.getvalue()


def test_the_site_asks_the_nearest_region_by_the_common_name(chat: Chat) -> None:
    host = httpx.URL(chat.cloud.browser_url(chat.deployment.outputs["ChatWeb"]["WebUrl"])).netloc.decode()
    answer = chat.http.get(f"{chat.cloud.endpoint}/api/health", headers={"Host": host})
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@pytest.mark.parametrize("region", REGIONS)
def test_a_page_of_the_deployed_site_may_upload_after_the_first_deployment(room: Room, chat: Chat, region: str) -> None:
    origin = chat.deployment.outputs["ChatWeb"]["WebUrl"]
    picture = jpeg()
    form = room.anna.call(region, "POST", f"/rooms/{room.id}/uploads", upload(len(picture))).json()

    def preflight(asking: str) -> httpx.Response:
        return chat.http.options(form["url"], headers={"Origin": asking, "Access-Control-Request-Method": "POST"})

    assert preflight(origin).headers["access-control-allow-origin"] == origin
    assert preflight("https://evil.example.com").status_code == 403
    sent = chat.http.post(form["url"], data=form["fields"], files={"file": picture}, headers={"Origin": origin})
    assert sent.status_code == 204
    assert sent.headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize("uploaded_in", REGIONS)
def test_a_picture_goes_from_one_member_to_the_other_in_any_region(room: Room, chat: Chat, uploaded_in: str) -> None:
    picture = jpeg()
    sent = Attachment(room, uploaded_in, picture)
    assert sent.sent.status_code in {200, 201, 204}, sent.sent.text
    body = {"text": "look", "client_message_id": "1", "attachments": [sent.id]}
    assert room.anna.call(uploaded_in, "POST", f"/rooms/{room.id}/messages", body).json()["attachments"] == [sent.id]
    for region in REGIONS:
        answer = eventually(
            lambda region=region: found if (found := sent.download(region, room.ben)).status_code == 200 else None
        )
        described = answer.json()
        assert (described["name"], described["content_type"], described["size"]) == (
            "cat.jpg",
            "image/jpeg",
            len(picture),
        )
        fetched = chat.http.get(chat.cloud.viewer_url(described["url"]))
        assert (fetched.status_code, fetched.content) == (200, picture)
        assert [name for name in fetched.headers if name.startswith("x-amz-meta-")] == []
        unsigned = described["url"].partition("?")[0]
        assert chat.http.get(chat.cloud.viewer_url(unsigned)).status_code == 403


def test_an_attachment_is_for_members_of_its_own_room_only(room: Room, chat: Chat, stranger: User) -> None:
    sent = Attachment(room, HOME, jpeg())
    eventually(lambda: sent.download(AWAY, room.ben).status_code == 200)
    assert sent.download(AWAY, stranger).status_code == 404
    other = Room(chat)
    assert other.anna.call(AWAY, "GET", f"/rooms/{other.id}/attachments/{sent.id}").status_code == 404


def test_files_that_are_too_large_or_not_what_they_say_never_become_attachments(room: Room) -> None:
    refused = Attachment(room, HOME, b"x" * 20_000_000)
    assert refused.asked.status_code == 400
    assert "20,000,000 bytes" in refused.asked.json()["message"]
    wrong_type = Attachment(room, HOME, b"MZ", name="a.exe", content_type="application/x-msdownload")
    assert wrong_type.asked.status_code == 400
    disguised = Attachment(room, HOME, b"MZ" + bytes(1000))
    assert disguised.sent.status_code in {200, 201, 204}
    # Sent after it and accepted: by then the disguised one has been judged too.
    genuine = Attachment(room, HOME, jpeg())
    eventually(lambda: genuine.download(HOME, room.ben).status_code == 200)
    s3 = room.chat.cloud.client("s3", HOME)
    bucket = room.chat.resource(f"Chat-{HOME}", "AWS::S3::Bucket", "AttachmentsUpload")
    eventually(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=f"quarantine/{room.anna.sub}/").get("KeyCount"))
    assert disguised.download(HOME, room.ben).status_code == 404


def test_a_larger_file_than_was_announced_is_refused_by_s3(room: Room) -> None:
    asked = room.anna.call(HOME, "POST", f"/rooms/{room.id}/uploads", upload(1000)).json()
    file = {"file": ("cat.jpg", b"x" * 20_000_000)}
    sent = room.chat.http.post(asked["url"], data=asked["fields"], files=file)
    assert sent.status_code == 400
    assert "EntityTooLarge" in sent.text
