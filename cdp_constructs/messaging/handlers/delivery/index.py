"""Sends what waits when its timer is due: one notice at once, or a digest, by mail and push as the user chose.

Each channel is noted when it was served, so a try after a failure repeats only what is missing. If the function dies
between sending and noting, that one mail or push is sent again.
"""

import json
import os
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import boto3
from aws_lambda_powertools import Logger, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from notices import Device, Notices
from notices.mail import compose, subject
from notices.timers import arm, is_early, read, send
from notices.waiting import Batch, Timer, Waiting

if TYPE_CHECKING:
    from mypy_boto3_sns.client import SNSClient

logger = Logger()
tracer = Tracer()
processor = BatchProcessor(event_type=EventType.SQS)
sqs = boto3.client("sqs")
# What fails twice is tried again by the queue, minutes later.
config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
ses = boto3.client("sesv2", config=config)
sns: "SNSClient" = boto3.client("sns", config=config)
waiting = Waiting(boto3.resource("dynamodb").Table(os.environ["WAITING_TABLE"]))
people = Notices.from_environment()

PLATFORMS: dict[str, str] = json.loads(os.environ["NOTICES_PLATFORMS"])
# A bit longer than this function may run: whoever comes later than that finds nobody at work.
LEASE_SECONDS = 35
LONGEST_PUSH = 200
# What SNS answers for an endpoint that somebody else deleted.
MISSING_ENDPOINT = {"NotFound", "InvalidParameter"}


@dataclass(frozen=True)
class Message:
    """What is told on every channel."""

    topic: str
    language: str
    notices: list[dict[str, Any]]
    """Those that are named, oldest first."""
    number: int
    """How many there are."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch of timers; only those that failed are delivered again."""
    return process_partial_response(event=event, record_handler=ring, processor=processor, context=context)


def ring(record: SQSRecord) -> None:
    """Do what is to be done when a timer's message comes."""
    timer = read(record.body)
    if is_early(timer):
        send(sqs, os.environ["TIMER_QUEUE"], timer)
        return
    begun = waiting.begin(timer, LEASE_SECONDS)
    following: Timer | None
    if isinstance(begun, Batch):
        try:
            quiet_minutes = deliver(begun)
        except Exception:
            waiting.release(begun)
            raise
        following = waiting.finish(begun, quiet_minutes * 60)
    else:
        following = begun
    if following is not None:
        arm(sqs, os.environ["TIMER_QUEUE"], waiting, following)


def deliver(batch: Batch) -> int:
    """Serve every channel that the user chose, and return for how many minutes to be quiet.

    A channel that fails does not hold up the others.
    """
    user, topic = batch.timer.user, batch.timer.topic
    preferences = people.preferences(user)
    seen_ms = people.seen_ms(user, topic)
    if batch.last_ms <= seen_ms:
        count("SeenNotices")
        return 0  # nobody was disturbed
    unseen = [notice for notice in batch.notices if int(notice["at_ms"]) > seen_ms]
    # Those that were only counted came after those that were kept.
    number = batch.count - (len(batch.notices) - len(unseen))
    shown = sorted(unseen or batch.notices[-1:], key=lambda notice: int(notice["at_ms"]))
    message = Message(topic, preferences.language or str(shown[-1].get("language", "en")), shown, number)
    failures: list[Exception] = []
    wanted = preferences.mail and preferences.address and not preferences.mail_off
    if wanted and "mail" not in batch.done:
        try:
            send_mail(user, str(preferences.address), message)
            waiting.done(batch, "mail")
        except (BotoCoreError, ClientError) as error:
            failures.append(error)
    devices = people.devices(user) if preferences.push else []
    for device in devices:
        if device.device in batch.done:
            continue
        try:
            push(user, device, message)
            waiting.done(batch, device.device)
        except (BotoCoreError, ClientError) as error:
            failures.append(error)
    if failures:
        raise failures[0]
    # Who chose no channel was not disturbed either, and hears at once after choosing one.
    return preferences.quiet_minutes if wanted or devices else 0


def send_mail(user: str, address: str, message: Message) -> None:
    """Send one mail by SES."""
    query = urlencode({"user": user, "token": people.unsubscribe_token(user)})
    unsubscribe = f"{os.environ['UNSUBSCRIBE_URL']}?{query}"
    name, sender = parseaddr(os.environ["SENDER"])
    mail = compose(message.language, message.notices, message.number, product=name or sender, unsubscribe=unsubscribe)
    ses.send_email(
        # SES wants ASCII; this encodes a name that is not.
        FromEmailAddress=formataddr((name, sender)),
        Destination={"ToAddresses": [address]},
        ConfigurationSetName=os.environ["CONFIGURATION_SET"],
        Content={
            "Simple": {
                "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": mail.text, "Charset": "UTF-8"},
                    "Html": {"Data": mail.html, "Charset": "UTF-8"},
                },
                # Mail programs show a button for it: RFC 2369 and, for one click, RFC 8058.
                "Headers": [
                    {"Name": "List-Unsubscribe", "Value": f"<{unsubscribe}>"},
                    {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
                ],
            }
        },
    )
    count("SentMails")


def push(user: str, device: Device, message: Message) -> None:
    """Push to one device; forget it when its platform has disabled it, or when it is another user's now."""
    application = PLATFORMS.get(device.platform)
    if application is None or not people.owns(user, device.device):
        return
    region = os.environ["AWS_REGION"]
    endpoint = device.endpoints.get(region) or make_endpoint(user, device, application)
    content = push_content(application, message)
    try:
        sns.publish(TargetArn=endpoint, MessageStructure="json", Message=content)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "EndpointDisabled":
            # The application was removed from the device, or its token is no longer valid.
            sns.delete_endpoint(EndpointArn=endpoint)
            people.remove_device(user, device.device)
            count("RemovedDevices")
            return
        if code not in MISSING_ENDPOINT or region not in device.endpoints:
            raise
        endpoint = make_endpoint(user, device, application)
        sns.publish(TargetArn=endpoint, MessageStructure="json", Message=content)
    count("SentPushes")


def make_endpoint(user: str, device: Device, application: str) -> str:
    """Return the endpoint of a device: SNS keeps one for each token of an application."""
    endpoint = sns.create_platform_endpoint(PlatformApplicationArn=application, Token=device.token)["EndpointArn"]
    # The token may have been here before, and been disabled; that it was registered again is newer.
    sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "true", "Token": device.token})
    people.keep_endpoint(user, device.device, os.environ["AWS_REGION"], endpoint)
    return endpoint


def push_content(application: str, message: Message) -> str:
    """Write what the platform shows, in the platform's own form."""
    newest = message.notices[-1]
    title = subject(message.language, str(newest["title"]), message.number)
    text = str(newest["body"])[:LONGEST_PUSH]
    # arn:aws:sns:us-east-1:111122223333:app/APNS_SANDBOX/chat
    platform = application.rpartition(":")[2].split("/")[1]
    if platform.startswith("APNS"):
        form: Any = {
            "aps": {"alert": {"title": title, "body": text}, "thread-id": message.topic},
            "link": newest["link"],
        }
    else:
        shown = {
            "notification": {"title": title, "body": text},
            "data": {"topic": message.topic, "link": newest["link"]},
        }
        form = {"fcmV1Message": {"message": shown}}
    return json.dumps({"default": text, platform: json.dumps(form, ensure_ascii=False)}, ensure_ascii=False)


def count(name: str) -> None:
    """Count in CloudWatch, under this function's name."""
    with single_metric(name=name, unit=MetricUnit.Count, value=1, namespace="CdpConstructs") as metric:
        metric.add_dimension("function_name", os.environ["AWS_LAMBDA_FUNCTION_NAME"])
