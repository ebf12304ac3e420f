"""Every alarm of the systems is raised by its cause, and is not raised before."""

import json

import pytest

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import eventually
from tests.operator.acts import mails_refused
from tests.operator.alarms import Alarm, alarms_of, end_minute, states
from tests.operator.causes import (
    CAUSES,
    Cause,
    check_that_causes_and_alarms_belong_together,
    check_that_the_cause_raises_its_alarms,
    message_in_queue,
)
from tests.stacks.chat.clients import AWAY, Chat


@pytest.fixture(scope="session")
def alarms(
    local_cloud: LocalCloud, chat: Chat, iot: Deployment, serverless: Deployment, mobile: Deployment
) -> list[Alarm]:
    return [alarm for one in (chat.deployment, iot, serverless, mobile) for alarm in alarms_of(local_cloud, one)]


def test_every_alarm_has_a_cause_and_every_cause_an_alarm(alarms: list[Alarm]) -> None:
    assert len(alarms) > 100
    check_that_causes_and_alarms_belong_together(CAUSES, alarms)


@pytest.mark.parametrize("cause", CAUSES, ids=str)
def test_the_cause_raises_the_alarm(cause: Cause, alarms: list[Alarm], local_cloud: LocalCloud) -> None:
    check_that_the_cause_raises_its_alarms(cause, CAUSES, alarms, local_cloud)


def test_a_mail_that_is_refused_for_one_address_raises_no_alarm(alarms: list[Alarm], local_cloud: LocalCloud) -> None:
    [alarm] = [one for one in alarms if str(one) == f"Chat-{AWAY}/NoticesNotificationsRefusedMailAlarm"]
    local_cloud.metrics.advance(minutes=20)
    end_minute(local_cloud)
    with mails_refused("MessageRejected")(alarm):
        for _ in range(3):
            end_minute(local_cloud)
            assert states([alarm]) == {str(alarm): "OK"}


def test_an_alarm_raises_the_one_of_its_region_and_notifies_where_its_page_is(
    alarms: list[Alarm], chat: Chat, local_cloud: LocalCloud
) -> None:
    of_region = [alarm for alarm in alarms if alarm.stack == f"Chat-{AWAY}"]
    [one] = [alarm for alarm in of_region if alarm.logical_id == "AttachmentsThumbnailsImagesDeadLetterQueueAlarm"]
    whole, name = one.physical("RegionAlarm"), one.described["AlarmName"]
    sqs = local_cloud.client("sqs", AWAY)
    queue = sqs.create_queue(QueueName="operator")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    topic = one.physical("AlarmsFanoutTopic")
    local_cloud.client("sns", AWAY).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    pages: dict[tuple[str, str], str] = {}

    def notified(alarm: str, state: str) -> str | None:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            notice = json.loads(json.loads(message["Body"])["Message"])
            pages[notice["AlarmName"], notice["NewStateValue"]] = notice["AlarmDescription"].rpartition("/")[2]
        return pages.get((alarm, state))

    def somebody_asks() -> None:
        chat.http.get(f"{chat.url(AWAY)}/health")
        end_minute(local_cloud)

    local_cloud.metrics.advance(minutes=200)
    somebody_asks()
    assert [alarm for alarm, state in states(of_region).items() if state == "ALARM"] == []
    pages.clear()
    with message_in_queue(one):
        somebody_asks()
    assert eventually(lambda: notified(name, "ALARM")) == "dead-letter-queue.md"
    assert eventually(lambda: notified(whole, "ALARM")) == "region.md"
    local_cloud.metrics.advance(minutes=5)
    somebody_asks()
    assert eventually(lambda: notified(name, "OK")) == "dead-letter-queue.md"
    assert eventually(lambda: notified(whole, "OK")) == "region.md"
