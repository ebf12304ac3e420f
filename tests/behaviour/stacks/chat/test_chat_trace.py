"""One message, followed by its id through the functions of the chat in two Regions, to the place where it stops."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from cdp_constructs.cli.app import app
from cdp_constructs.operations.deployed.stacks import DeployedStack, open_session
from cdp_constructs.operations.trace.log_search import Line, lines_with
from cdp_constructs.operations.trace.way import follow
from cdp_constructs.testing import eventually
from tests.behaviour.stacks.chat.test_chat import Attachment, jpeg
from tests.stacks.chat.clients import AWAY, HOME, REGIONS, Chat, Room, User, live

# In every Region, of a message; the consumers of a queue each.
EVERYWHERE = ("MessagesPublisher", "MessagesArchiver", "LiveChannelsPublisher")
NOTICES = ("NoticesNotifier", "NoticesNotificationsIntakeFunction", "NoticesNotificationsDeliveryFunction")


@pytest.fixture
def stacks(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> list[DeployedStack]:
    """Return the chat's stacks as an operator sees them whose shell names the embedded cloud."""
    for name, value in chat.cloud.root.environment(chat.cloud.endpoint, HOME).items():
        monkeypatch.setenv(name, value)
    return [DeployedStack(f"Chat-{region}", open_session(region)) for region in REGIONS]


def lines_of(stacks: list[DeployedStack], identity: str) -> list[Line]:
    return lines_with(stacks, identity, since=time.time() - 900)


@contextmanager
def archive_without_bucket(chat: Chat, region: str) -> Iterator[None]:
    """Let the archiver of a Region write to a bucket that does not exist, as a wrong deployment would."""
    functions = chat.cloud.client("lambda", region)
    name = chat.resource(f"Chat-{region}", "AWS::Lambda::Function", "MessagesArchiver")
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def use(bucket: str) -> None:
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**variables, "BUCKET_NAME": bucket}}
        )

    use("never-made")
    try:
        yield
    finally:
        use(variables["BUCKET_NAME"])


def post(user: User, region: str, room: str, text: str, identity: str) -> dict[str, Any]:
    """Post a message as the web client does, with a ``traceparent``."""
    answer = user.chat.http.post(
        f"{user.chat.url(region)}/rooms/{room}/messages",
        json={"text": text, "client_message_id": str(uuid4())},
        headers={"Authorization": f"Bearer {user.token}", "traceparent": f"00-{identity}-00f067aa0ba902b7-01"},
    )
    assert (answer.status_code, answer.headers["x-correlation-id"]) == (201, identity)
    message: dict[str, Any] = answer.json()
    return message


def wait_for_mail(chat: Chat, user: User) -> Any:
    """Return the headers of the one mail of a user that notifies of messages."""

    def found() -> list[Any]:
        mails = [mail for mail in chat.cloud.sent_mails(AWAY) if "List-Unsubscribe" in mail.headers]
        return [mail.headers for mail in mails if mail.to == [user.mail]]

    (headers,) = eventually(found, within=40)
    return headers


def wants_mail(chat: Chat, user: User) -> None:
    mails = chat.cloud.client("sesv2", AWAY)
    if not any(item["IdentityName"] == "example.com" for item in mails.list_email_identities()["EmailIdentities"]):
        mails.create_email_identity(EmailIdentity="example.com")
    mails.put_account_details(ProductionAccessEnabled=True, MailType="TRANSACTIONAL", WebsiteURL="https://example.com")
    choice = {"mail": True, "push": False, "quiet_minutes": 5, "language": "en"}
    assert user.call(AWAY, "PUT", "/me/notifications", choice).status_code == 200


def test_a_message_is_followed_through_both_regions_to_the_place_where_it_stops(
    room: Room, chat: Chat, stacks: list[DeployedStack]
) -> None:
    followed, other = uuid4().hex, uuid4().hex
    wants_mail(chat, room.ben)
    with archive_without_bucket(chat, HOME), live(room.anna, AWAY, room.id) as client:
        client.open()
        message = post(room.anna, AWAY, room.id, "followed", followed)
        post(room.anna, AWAY, room.id, "not followed", other)
        client.wait_for_message(message)
        mail = wait_for_mail(chat, room.ben)

        def archived() -> bool:
            seen = {(line.place.region, line.place.name) for line in lines_of(stacks, followed)}
            return {(region, "MessagesArchiver") for region in REGIONS} <= seen

        eventually(archived, within=60)
        way = follow(stacks, followed, since=time.time() - 900)
    assert followed in message["traceparent"]
    assert followed in mail["X-Correlation-Id"]
    places = {(line.place.region, line.place.name) for line in way.lines}
    assert places >= {(AWAY, "ChatFunction"), *((region, name) for region in REGIONS for name in EVERYWHERE)}
    assert places >= {(AWAY, name) for name in NOTICES}
    times = [line.time for line in way.lines]
    assert times == sorted(times)
    for line in way.lines:
        about = line.fields.get("correlation_ids", [line.fields.get("correlation_id")])
        assert followed in about, line.text
        assert (other in line.text) == (other in about), line.text
    # The Region with the wrong bucket, and no other place.
    (stop,) = way.stops
    assert (stop.region, stop.name) == (HOME, "MessagesArchiver")
    assert "NoSuchBucket" in stop.reason
    assert way.pending == []


def test_what_a_dead_letter_queue_keeps_is_found_by_the_command(chat: Chat, stacks: list[DeployedStack]) -> None:
    identity = uuid4().hex
    queue = chat.resource(stacks[0].name, "AWS::SQS::Queue", "MessagesFanoutArchiveDeadLetterQueue")
    sqs = chat.cloud.client("sqs", HOME)
    carried = {"traceparent": {"DataType": "String", "StringValue": f"00-{identity}-00f067aa0ba902b7-01"}}
    sent = sqs.send_message(QueueUrl=queue, MessageBody="{}", MessageAttributes=carried)["MessageId"]
    try:
        shown = CliRunner().invoke(app, ["trace", identity, "--stack", stacks[0].name])
        assert shown.exit_code == 0, shown.output
        place = f"STOPPED  {HOME}  MessagesFanoutArchiveDeadLetterQueue"
        assert shown.stdout.splitlines() == [f"{place} keeps it as message {sent}, after MessagesArchiver"]
    finally:
        sqs.purge_queue(QueueUrl=queue)


def test_an_attachment_has_the_id_of_the_request_for_its_form(room: Room, stacks: list[DeployedStack]) -> None:
    sent = Attachment(room, HOME, jpeg())
    identity = sent.asked.headers["x-correlation-id"]

    def recorded() -> list[Line] | None:
        lines = lines_of(stacks[:1], identity)
        return lines if [line.fields.get("message") for line in lines].count("Attachment recorded") == 2 else None

    names = {line.place.name for line in eventually(recorded, within=40)}
    wanted = {"ChatFunction", "AttachmentsUploadConfirmationFunction", "AttachmentsThumbnailsFunction"}
    assert names >= wanted | {"AttachmentsRecorderFunction"}


@pytest.mark.parametrize("given", [None, "", "00-xyz-1-01", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"])
def test_a_request_without_an_id_gets_one(room: Room, given: str | None) -> None:
    headers = {"Authorization": f"Bearer {room.anna.token}"} | ({} if given is None else {"traceparent": given})
    answer = room.chat.http.get(f"{room.chat.url(HOME)}/rooms/nowhere", headers=headers)
    assert answer.status_code == 404
    identity = answer.headers["x-correlation-id"]
    assert (len(identity), identity.strip("0123456789abcdef")) == (32, "")
    assert identity != "0" * 32
