"""Acts that go through several services until an alarm's metric has counted them."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from cdp_constructs.testing import eventually
from tests.operator.alarms import Alarm
from tests.seconds import wait_for_another_second
from tests.stacks.chat.clients import Chat, Room, User

TOO_SLOW_SECONDS = 2.2
"""More than the threshold of latency, and less than the time for which functions wait for their table."""

_rooms: dict[int, Room] = {}


def room_of(alarm: Alarm) -> Room:
    """Return one room of the chat for the session."""
    if id(alarm.cloud) not in _rooms:
        _rooms[id(alarm.cloud)] = Room(Chat(alarm.cloud, alarm.deployment))
    return _rooms[id(alarm.cloud)]


def counted(alarm: Alarm, name: str) -> float:
    """Return how often a metric of the alarm was counted in the last minutes."""
    [metric] = [one for one in alarm.metrics if one["MetricName"] == name]
    now = alarm.cloud.metrics.now()
    answer = alarm.client("cloudwatch").get_metric_statistics(
        Namespace=metric["Namespace"],
        MetricName=name,
        Dimensions=metric["Dimensions"],
        StartTime=now - timedelta(minutes=2),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in answer["Datapoints"]))


@contextmanager
def slow_table(alarm: Alarm) -> Iterator[None]:
    """Ask for messages while the table takes its time."""
    room = room_of(alarm)
    with alarm.cloud.inject_delay("dynamodb", alarm.region, TOO_SLOW_SECONDS):
        started = time.monotonic()
        answer = room.anna.call(alarm.region, "GET", f"/rooms/{room.id}/messages")
    assert answer.status_code == 200, "slow, and not broken"
    assert time.monotonic() - started > TOO_SLOW_SECONDS
    yield


def wants_mail(alarm: Alarm, user: User) -> None:
    """Let a user get mail, from an account that may send it."""
    ses = alarm.client("sesv2")
    if not any(item["IdentityName"] == "example.com" for item in ses.list_email_identities()["EmailIdentities"]):
        ses.create_email_identity(EmailIdentity="example.com")
    ses.put_account_details(ProductionAccessEnabled=True, MailType="TRANSACTIONAL", WebsiteURL="https://example.com")
    choice = {"mail": True, "push": False, "quiet_minutes": 5, "language": "en"}
    assert user.call(alarm.region, "PUT", "/me/notifications", choice).status_code == 200


def mails_refused(error: str) -> "Callable[[Alarm], Any]":
    """Return the act of posting to somebody who is away and wants mail, which SES refuses with an error."""

    @contextmanager
    def act(alarm: Alarm) -> Iterator[None]:
        # A room of its own: what waits for a user and a room is retried only minutes later.
        room = Room(Chat(alarm.cloud, alarm.deployment))
        wants_mail(alarm, room.ben)
        before = counted(alarm, "RejectedMails")
        with alarm.cloud.inject_fault("sesv2", alarm.region, error=error, status=400):
            # What an earlier fault held back is late, and posts are refused until it is delivered.
            eventually(lambda: room.anna.post(alarm.region, room.id, "hello").status_code == 201)
            eventually(lambda: counted(alarm, "RejectedMails") > before, within=90, what="a mail that is refused")
        yield

    return act


@contextmanager
def broken_pictures(alarm: Alarm) -> Iterator[None]:
    """Upload ten pictures that begin as such, and cannot be read."""
    bucket, s3 = alarm.physical("UploadBucket"), alarm.client("s3")
    for number in range(10):
        key = f"incoming/{uuid.uuid4()}/{uuid.uuid4()}/{number}.jpg"
        s3.put_object(Bucket=bucket, Key=key, Body=b"\xff\xd8\xff no picture", ContentType="image/jpeg")
    [metric] = {one["MetricName"] for one in alarm.metrics}
    eventually(lambda: counted(alarm, metric) >= 10, within=120, what="ten pictures without a thumbnail")
    yield


@contextmanager
def events_lost(alarm: Alarm) -> Iterator[None]:
    """Put ten objects while the bucket sends no events, and reconcile."""
    bucket, s3 = alarm.physical("AttachmentsUploadBucket"), alarm.client("s3")
    configuration = s3.get_bucket_notification_configuration(Bucket=bucket)
    configuration.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    owner = uuid.uuid4()
    try:
        for number in range(10):
            s3.put_object(Bucket=bucket, Key=f"accepted/{owner}/{uuid.uuid4()}/{number}.txt", Body=b"text")
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    # What changed within this second is left to its events.
    wait_for_another_second()
    answer = alarm.client("lambda").invoke(FunctionName=alarm.function, Payload=b'{"grace_seconds": 0}')
    said = json.loads(answer["Payload"].read())
    assert said["repaired"] >= 10, said
    yield


@contextmanager
def silent_devices(alarm: Alarm) -> Iterator[None]:
    """Send ten commands to a device that is not there, with a second to respond."""
    lambda_, function = alarm.client("lambda"), alarm.physical("CommandsCommandFunction")
    variables = lambda_.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    item = {"serial_number": {"S": "silent"}, "context": {"S": "home"}}
    alarm.client("dynamodb").put_item(TableName=alarm.physical("FleetAllowList"), Item=item)

    def wait(seconds: str) -> None:
        changed = {**variables, "TIMEOUT_SECONDS": seconds}
        lambda_.update_function_configuration(FunctionName=function, Environment={"Variables": changed})

    wait("1")
    try:
        request = json.dumps({"operation": "send", "thing": "silent", "command": "ping"})
        for _ in range(10):
            answer = json.loads(lambda_.invoke(FunctionName=function, Payload=request)["Payload"].read())
            assert answer["status"] == "pending", answer
    finally:
        wait(variables["TIMEOUT_SECONDS"])
    eventually(lambda: counted(alarm, "TimedOutCommands") >= 10, within=90, what="ten time-outs")
    yield


@contextmanager
def claimed_again(alarm: Alarm) -> Iterator[None]:
    """Ask for another identity of a device whose first certificate is active, as AWS IoT asks the fleet's hook."""
    iot, serial_number = alarm.client("iot"), f"again-{uuid.uuid4().hex}"
    first = iot.create_keys_and_certificate(setAsActive=True)["certificateId"]
    item = {
        "serial_number": {"S": serial_number},
        "context": {"S": "home"},
        "status": {"S": "pending"},
        "next_certificate_id": {"S": first},
        "certificates": {"SS": [first]},
        "claimed_at": {"S": datetime.now(UTC).isoformat(timespec="seconds")},
    }
    alarm.client("dynamodb").put_item(TableName=alarm.physical("FleetAllowList"), Item=item)
    event = {
        "certificateId": iot.create_keys_and_certificate(setAsActive=False)["certificateId"],
        "clientId": f"claim-{serial_number}",
        "templateArn": "arn:aws:iot:us-east-1:000000000000:provisioningtemplate/any",
        "parameters": {"SerialNumber": serial_number},
    }
    answer = alarm.client("lambda").invoke(FunctionName=alarm.function, Payload=json.dumps(event))
    assert json.loads(answer["Payload"].read())["allowProvisioning"] is True
    assert iot.describe_certificate(certificateId=first)["certificateDescription"]["status"] == "INACTIVE"
    yield
