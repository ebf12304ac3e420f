"""Sends what waits when its timer is due: one notice at once, or a digest, by mail and push as the user chose.

Each channel is noted when it was served, so a try after a failure repeats only what is missing. If the function dies
between sending and noting, that one mail or push is sent again.
"""

from dataclasses import replace
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from correlation import TRACEPARENT, about, correlated
from notices import Device, Notices, Preferences
from notices.state import Batch, Timer
from notices.timers import arm, is_early, read, send
from notices.values import WEB_PUSH
from notices.waiting import Waiting

from . import channels
from .accounts import Accounts, DisabledAccountError, NoAccountError
from .environment import Environment
from .messages import message_of

logger = Logger()
metrics = Metrics()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
environment = Environment.read()
metrics.set_default_dimensions(function_name=environment.function_name)
sqs = boto3.client("sqs")
waiting = Waiting(boto3.resource("dynamodb").Table(environment.waiting_table))
people = Notices.from_environment()
accounts = Accounts(environment.user_pool_id, environment.user_pool_region) if environment.user_pool_id else None

# A bit longer than this function may run: a call that takes the batch later than that is the only one.
LEASE_SECONDS = 35


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch of timers; only those that failed are delivered again."""
    return process_partial_response(event=event, record_handler=work, processor=processor, context=context)


@correlated(logger)
def work(record: SQSRecord) -> None:
    """Do what the message of a timer asks for."""
    timer = read(record.body)
    if is_early(timer):
        send(sqs, environment.timer_queue, timer)
        return
    taken = waiting.take(timer, LEASE_SECONDS)
    following: Timer | None
    if isinstance(taken, Batch):
        with about(logger, *(notice.get(TRACEPARENT) for notice in taken.notices)):
            try:
                quiet_minutes = deliver(taken)
            except Exception:
                waiting.release(taken)
                raise
        following = waiting.finish(taken, quiet_minutes * 60)
    else:
        following = taken
    if following is not None:
        arm(sqs, environment.timer_queue, waiting, following)


def deliver(batch: Batch) -> int:
    """Serve every channel that the user chose, and return for how many minutes to be quiet.

    A channel that fails does not hold up the others.
    """
    user, topic = batch.timer.user, batch.timer.topic
    preferences = people.preferences(user)
    message = message_of(batch, preferences, people.seen_ms(user, topic))
    if message is None:
        count("SeenNotices")
        logger.info("Seen meanwhile: nothing is sent", user=user, topic=topic)
        return 0  # nobody was disturbed
    preferences, devices = reachable(user, preferences)
    failures: list[Exception] = []
    address = preferences.address if preferences.mail and not preferences.mail_off else None
    if address and "mail" not in batch.done:
        try:
            channels.send_mail(environment, people, user, address, message)
            count("SentMails")
            logger.info("Mail sent", user=user, topic=topic, notices=message.number)
            waiting.done(batch, "mail")
        except (BotoCoreError, ClientError) as error:
            # Who did not get which mail; the address is in no log.
            template = "notice" if message.number == 1 else "digest"
            logger.exception("Mail refused", user=user, topic=topic, template=template, language=message.language)
            count("RejectedMails")
            # Also when it is 0: the alarm compares both.
            count("SendingDisabled", int(channels.is_sending_disabled(environment, error)))
            failures.append(error)
    for device in devices:
        if device.device in batch.done:
            continue
        in_browser = device.platform == WEB_PUSH
        push = channels.push_to_browser if in_browser else channels.push
        try:
            pushed = push(environment, people, user, device, message)
            if pushed == "sent":
                count("SentWebPushes" if in_browser else "SentPushes")
                logger.info("Push sent", user=user, topic=topic, platform=device.platform)
            elif pushed == "removed":
                count("RemovedDevices")
                logger.info("Device removed", user=user, topic=topic, platform=device.platform)
            waiting.done(batch, device.device)
        except (BotoCoreError, ClientError, channels.UnreachableError) as error:
            logger.exception("Push refused", user=user, topic=topic, platform=device.platform)
            failures.append(error)
    if failures:
        raise failures[0]
    # A user who chose no channel was not disturbed either, and is notified at once after choosing one.
    return preferences.quiet_minutes if address or devices else 0


def reachable(user: str, preferences: Preferences) -> tuple[Preferences, list[Device]]:
    """Return what the user chose, with the address that the account has verified by now, and the user's devices.

    Who has no account is forgotten, and neither mailed nor pushed to; nor is who may not sign in.
    """
    devices = people.devices(user) if preferences.push else []
    if accounts is None or not (preferences.mail or devices):
        return preferences, devices
    try:
        address = accounts.address_of(user)
    except NoAccountError:
        people.forget(user)
        count("UnknownUsers")
        return replace(preferences, mail=False), []
    except DisabledAccountError:
        return replace(preferences, mail=False), []
    if preferences.mail:
        preferences = people.follow(user, preferences, address) if address else replace(preferences, mail=False)
    return preferences, devices


def count(name: str, value: int = 1) -> None:
    """Count in CloudWatch, under this function's name."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
