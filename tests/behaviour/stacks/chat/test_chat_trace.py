"""One message, followed by its id through the functions of the chat in two Regions, to the place where it stops."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from cdp_constructs.cli.app import app
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.operations.deployed_stack import DeployedStack, open_session
from cdp_constructs.operations.trace.way import Way, follow
from cdp_constructs.testing import eventually
from tests.behaviour.stacks.chat.test_chat import Attachment, jpeg
from tests.stacks.chat.architectures import two_regions
from tests.stacks.chat.clients import AWAY, HOME, REGIONS, Chat, Room, User, live

# In every Region, of a message; the consumers of a queue each.
EVERYWHERE = ("MessagesPublisher", "MessagesArchiver", "LiveChannelsPublisher")
NOTICES = ("NoticesNotifier", "NoticesNotificationsIntakeFunction", "NoticesNotificationsDeliveryFunction")


@pytest.fixture(scope="session")
def chat(local_cloud: LocalCloud, deployed: Callable[..., Deployment]) -> Chat:
    return Chat(local_cloud, deployed(two_regions))


@pytest.fixture
def room(chat: Chat) -> Room:
    return Room(chat)


@pytest.fixture
def operator(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Way]:
    """Return what follows an id, as an operator does whose shell names the embedded cloud."""
    for name, value in chat.cloud.root.environment(chat.cloud.endpoint, HOME).items():
        monkeypatch.setenv(name, value)
    stacks = [DeployedStack(f"Chat-{region}", open_session(region)) for region in REGIONS]
    return lambda identity: follow(stacks, identity, since=time.time() - 900)


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
    room: Room, chat: Chat, operator: Callable[[str], Way]
) -> None:
    followed, other = uuid4().hex, uuid4().hex
    wants_mail(chat, room.ben)
    with archive_without_bucket(chat, HOME), live(room.anna, AWAY, room.id) as client:
        client.open()
        message = post(room.anna, AWAY, room.id, "followed", followed)
        post(room.anna, AWAY, room.id, "not followed", other)
        client.wait_for_message(message)
        mail = wait_for_mail(chat, room.ben)

        def archived() -> Way | None:
            way = operator(followed)
            seen = {(line.place.region, line.place.name) for line in way.lines}
            return way if {(region, "MessagesArchiver") for region in REGIONS} <= seen else None

        way = eventually(archived, within=60)
    assert followed in message["traceparent"]
    assert followed in mail["X-Correlation-Id"]
    places = {(line.place.region, line.place.name) for line in way.lines}
    assert places >= {(AWAY, "ApiFunction"), *((region, name) for region in REGIONS for name in EVERYWHERE)}
    assert places >= {(AWAY, name) for name in NOTICES}
    assert [line.place.name for line in way.lines][:2] == ["ApiFunction", "MessagesPublisher"]
    for line in way.lines:
        about = line.fields.get("correlation_ids", [line.fields.get("correlation_id")])
        assert followed in about, line.text
        assert (other in line.text) == (other in about), line.text
    # The Region with the wrong bucket, and no other place.
    (stop,) = way.stops
    assert (stop.region, stop.name) == (HOME, "MessagesArchiver")
    assert "NoSuchBucket" in stop.reason
    assert way.pending == []


def test_what_a_dead_letter_queue_keeps_is_found_by_the_command(
    chat: Chat, operator: Callable[[str], Way], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    identity = uuid4().hex
    queue = chat.resource(f"Chat-{HOME}", "AWS::SQS::Queue", "MessagesFanoutArchiveDeadLetterQueue")
    sqs = chat.cloud.client("sqs", HOME)
    carried = {"traceparent": {"DataType": "String", "StringValue": f"00-{identity}-00f067aa0ba902b7-01"}}
    sqs.send_message(QueueUrl=queue, MessageBody="{}", MessageAttributes=carried)
    try:
        assert operator(identity).stops
        arguments = ["trace", identity, "--region", HOME, "--region", AWAY]
        stacks = [part for region in REGIONS for part in ("--stack", f"Chat-{region}")]
        shown = CliRunner().invoke(app, [*arguments, *stacks])
        assert shown.exit_code == 0, shown.output
        (line,) = shown.stdout.splitlines()
        assert line.startswith(f"STOPPED  {HOME}  MessagesFanoutArchiveDeadLetterQueue keeps it as message ")
        assert line.endswith(", after MessagesArchiver")
        document = json.loads(CliRunner().invoke(app, [*arguments, *stacks, "--json"]).stdout)
        assert [stopped["region"] for stopped in document["stopped"]] == [HOME]
    finally:
        sqs.purge_queue(QueueUrl=queue)


def test_an_attachment_has_the_id_of_the_request_for_its_form(room: Room, operator: Callable[[str], Way]) -> None:
    sent = Attachment(room, HOME, jpeg())
    identity = sent.asked.headers["x-correlation-id"]

    def recorded() -> Way | None:
        way = operator(identity)
        said = [line.fields.get("message") for line in way.lines]
        return way if said.count("Attachment recorded") == 2 else None

    names = eventually(recorded, within=40).places()
    for part in ("ApiFunction", "ConfirmationFunction", "Thumbnails", "Recorder"):
        assert any(part in name for name in names), names


@pytest.mark.parametrize("given", [None, "", "00-xyz-1-01", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"])
def test_a_request_without_an_id_gets_one(room: Room, given: str | None) -> None:
    headers = {"Authorization": f"Bearer {room.anna.token}"} | ({} if given is None else {"traceparent": given})
    answer = room.chat.http.get(f"{room.chat.url(HOME)}/rooms/nowhere", headers=headers)
    assert answer.status_code == 404
    identity = answer.headers["x-correlation-id"]
    assert (len(identity), identity.strip("0123456789abcdef")) == (32, "")
    assert identity != "0" * 32
