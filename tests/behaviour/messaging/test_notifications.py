"""What Notifications does, seen by users who are notified and by the back end that notifies them."""

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ses as ses
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_constructs import PUSH_SERVICES, Notifications, WebPush
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import Browser, architecture
from cdp_constructs.testing import eventually as seen_within
from notices.state import Batch, BusyError, Timer
from notices.waiting import Waiting
from tests.queues import messages_in

REGION = "us-east-1"
SETTINGS = Path(__file__).parents[3] / "docs/examples/notice_settings"
LAYER = Path(__file__).parents[3] / "build/layers/web-push"
APPLICATIONS = {
    "fcm": f"arn:aws:sns:{REGION}:000000000000:app/GCM/chat",
    "apns": f"arn:aws:sns:{REGION}:000000000000:app/APNS_SANDBOX/chat",
}
# Many steps on the way to a mail, each with a function that may start first.
eventually = partial(seen_within, within=60)
numbers = itertools.count()


@architecture
def office(stack: Stack) -> None:
    notifications = Notifications(
        stack,
        "Notices",
        identity=ses.EmailIdentity(stack, "Identity", identity=ses.Identity.domain("example.com")),
        sender="Chat <notices@example.com>",
        unsubscribe_url="https://api.example.com/unsubscribe",
        platform_applications=APPLICATIONS,
        web_push=WebPush(
            WebPush.layer_from_folder(stack, "WebPushLayer", LAYER),
            contact="mailto:operators@example.com",
            push_services=[*PUSH_SERVICES, "localhost"],
        ),
        encryption_key=kms.Key(stack, "Key", removal_policy=RemovalPolicy.DESTROY),
        removal_policy=RemovalPolicy.DESTROY,
    )
    back_end = add_function(
        stack, "BackEnd", handler=SETTINGS, description="Keeps choices", invocation=Invocation.REQUEST
    )
    notifications.share_with(back_end)
    sender, stranger = (iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal()) for name in ("Sender", "Stranger"))
    notifications.grant_notify(sender)
    outputs = {
        "Queue": notifications.queue.queue_url,
        "Failed": notifications.dead_letter_queue.queue_url,
        "TimerQueue": notifications.timer_queue.queue_url,
        "FailedTimers": notifications.timer_dead_letter_queue.queue_url,
        "FeedbackQueue": notifications.feedback_queue.queue_url,
        "FailedFeedback": notifications.feedback_dead_letter_queue.queue_url,
        "People": notifications.table.table_name,
        "Waiting": notifications.waiting_table.table_name,
        "Settings": back_end.function_name,
        "Unsubscribe": notifications.unsubscribe_function.function_name,
        "SenderRole": sender.role_arn,
        "StrangerRole": stranger.role_arn,
        "PublicKey": notifications.vapid_keys.public_key if notifications.vapid_keys else "",
    }
    for name, value in outputs.items():
        CfnOutput(stack, f"{name}Output", value=value)


class Office:
    """The deployed notifications, those who send notices, and those who get them."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        outputs = deployment.outputs["NotificationsOffice"].items()
        self.outputs = {name.removesuffix("Output"): value for name, value in outputs}
        self.sqs = cloud.client("sqs", REGION)
        self.waiting = self.table("Waiting")
        cloud.client("sesv2", REGION).put_account_details(
            ProductionAccessEnabled=True, MailType="TRANSACTIONAL", WebsiteURL="https://example.com"
        )
        for arn in APPLICATIONS.values():
            platform, name = arn.rpartition(":")[2].split("/")[1:]
            cloud.client("sns", REGION).create_platform_application(
                Name=name, Platform=platform, Attributes={"PlatformCredential": "x", "PlatformPrincipal": "x"}
            )

    def table(self, name: str) -> Any:
        database = boto3.resource(
            "dynamodb",
            region_name=REGION,
            endpoint_url=self.cloud.endpoint,
            aws_access_key_id=self.cloud.root.access_key_id,
            aws_secret_access_key=self.cloud.root.secret_access_key,
        )
        return database.Table(self.outputs[name])

    def call(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        functions = self.cloud.client("lambda", REGION)
        answer = functions.invoke(FunctionName=self.outputs[function], Payload=json.dumps(event))
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result

    def person(self, *, address: str = "", tokens: tuple[str, ...] = (), **choice: Any) -> "Person":
        """Somebody new, who wants mail and push."""
        person = Person(self, f"user-{next(numbers)}", address)
        chosen = {"mail": True, "push": True, "quiet_minutes": 5, "language": "en", "address": person.address}
        self.call("Settings", {"user": person.name, "choice": {**chosen, **choice}})
        for token in tokens:
            self.call("Settings", {"user": person.name, "device": {"platform": "fcm", "token": token}})
        return person

    @contextmanager
    def impatient(self, queue: str, *, tries: int = 10) -> Iterator[None]:
        """Deliver what failed again after three seconds, instead of three minutes."""
        url, names = self.outputs[queue], ["VisibilityTimeout", "RedrivePolicy"]
        before = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        redrive = json.dumps({**json.loads(before["RedrivePolicy"]), "maxReceiveCount": tries})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "3", "RedrivePolicy": redrive})
        try:
            yield
        finally:
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes=before)

    def messages(self, queue: str) -> int:
        """Messages that wait or are being worked on; delayed ones, the timers, are not counted."""
        return messages_in(self.sqs, self.outputs[queue])

    def settled(self) -> None:
        """Wait until nothing is under way but timers."""
        eventually(lambda: not self.messages("Queue") and not self.messages("TimerQueue"))


class Person:
    """A user who is notified."""

    def __init__(self, place: Office, name: str, address: str) -> None:
        self.place = place
        self.name = name
        self.address = address or f"{name}@example.org"

    def notice(self, topic: str = "room", **changes: Any) -> dict[str, Any]:
        notice = {
            "notice_id": f"notice-{next(numbers)}",
            "user": self.name,
            "topic": topic,
            "title": "Lunch",
            "body": "Ann: <b>pizza?</b>",
            "link": "https://chat.example.com/rooms/room",
        }
        return notice | changes

    def tell(self, *notices: dict[str, Any]) -> None:
        for notice in notices:
            self.place.sqs.send_message(QueueUrl=self.place.outputs["Queue"], MessageBody=json.dumps(notice))

    def state(self, topic: str = "room") -> dict[str, Any]:
        key = {"pk": f"USER#{self.name}", "sk": f"TOPIC#{topic}"}
        item: dict[str, Any] = self.place.waiting.get_item(Key=key, ConsistentRead=True).get("Item", {})
        return item

    def notified(self, topic: str = "room") -> None:
        """Wait until what was there has been sent."""
        eventually(lambda: "quiet_until_ms" in self.state(topic) and "timer" not in self.state(topic))

    def fire(self, topic: str = "room") -> str:
        """Do as if the timer's time had come: its message comes, a copy of the delayed one."""
        state = eventually(lambda: self.state(topic) if "timer" in self.state(topic) else None)
        body = {"user": self.name, "topic": topic, "timer": state["timer"], "due_ms": 0}
        self.place.sqs.send_message(QueueUrl=self.place.outputs["TimerQueue"], MessageBody=json.dumps(body))
        return str(state["timer"])

    def mails(self) -> list[Any]:
        return [mail for mail in self.place.cloud.sent_mails(REGION) if self.address in mail.to]

    def choices(self) -> dict[str, Any]:
        return self.place.call("Settings", {"user": self.name})

    def browser(self) -> Browser:
        """Open another browser, which subscribes."""
        browser = Browser(self.place.cloud, self.place.outputs["PublicKey"])
        keys = {"endpoint": browser.endpoint, "p256dh": browser.p256dh, "auth": browser.auth}
        answer = self.place.call("Settings", {"user": self.name, "browser": keys})
        assert "error" not in answer, answer
        return browser

    def pushes(self, token: str) -> list[dict[str, Any]]:
        return [json.loads(push.message) for push in self.place.cloud.pushes(REGION) if push.token == token]


@pytest.fixture(scope="module")
def place(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Office:
    made = Office(local_cloud, deployed(office))
    for queue in ("Queue", "TimerQueue"):
        # What another call works on is delivered again: three minutes later on AWS, and before a test gives up here.
        made.sqs.set_queue_attributes(QueueUrl=made.outputs[queue], Attributes={"VisibilityTimeout": "20"})
    return made


def test_first_notice_comes_at_once_by_mail_and_push(place: Office) -> None:
    ann = place.person(tokens=("ann-1",))
    ann.tell(ann.notice())
    (mail,) = eventually(ann.mails)
    assert (mail.sender, mail.subject) == ("Chat <notices@example.com>", "Lunch")
    assert "Ann: <b>pizza?</b>" in mail.text
    assert "https://chat.example.com/rooms/room" in mail.text
    assert "Ann: &lt;b&gt;pizza?&lt;/b&gt;" in mail.html
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    (link,) = re.findall(r"^<(https://api\.example\.com/unsubscribe\?.*)>$", mail.headers["List-Unsubscribe"])
    assert link in mail.text
    assert mail.configuration_set
    (push,) = eventually(lambda: ann.pushes("ann-1"))
    assert push["fcmV1Message"]["message"]["notification"] == {"title": "Lunch", "body": "Ann: <b>pizza?</b>"}


def test_busy_room_is_one_mail_and_then_one_digest(place: Office) -> None:
    bob = place.person(tokens=("bob-1",))
    bob.tell(bob.notice(body="number 0"))
    bob.notified()
    bob.tell(*(bob.notice(body=f"number {number}") for number in range(1, 30)))
    eventually(lambda: bob.state().get("pending_count") == 29)
    place.settled()
    assert (len(bob.mails()), len(bob.pushes("bob-1"))) == (1, 1)
    assert float(bob.state()["due_ms"]) > (time.time() + 280) * 1000  # the delayed message of the one timer
    bob.fire()
    bob.notified()
    first, digest = bob.mails()
    assert (first.subject, digest.subject) == ("Lunch", "29 new in Lunch")
    named = {int(number) for number in re.findall(r"number (\d+)", digest.text)}
    assert 20 <= len(named) < 29  # a few more than 20 when they come at the same moment
    assert f"and {29 - len(named)} more" in digest.text
    assert bob.pushes("bob-1")[1]["fcmV1Message"]["message"]["notification"]["title"] == "29 new in Lunch"
    # Quiet again, and the timer's own message, which comes now, has nothing to do.
    bob.tell(bob.notice())
    eventually(lambda: bob.state().get("pending_count") == 1)
    place.settled()
    assert len(bob.mails()) == 2


def test_topics_are_quiet_by_themselves(place: Office) -> None:
    carol = place.person()
    carol.tell(carol.notice("one"), carol.notice("two"))
    eventually(lambda: len(carol.mails()) == 2)


def test_same_notice_again_is_told_once(place: Office) -> None:
    dave = place.person()
    notice = dave.notice()
    dave.tell(notice, notice, notice)
    dave.notified()
    dave.tell(notice)
    place.settled()
    assert len(dave.mails()) == 1
    assert "timer" not in dave.state()


def test_repeated_timer_message_sends_nothing(place: Office) -> None:
    erin = place.person()
    erin.tell(erin.notice())
    erin.notified()
    erin.tell(erin.notice())
    erin.fire()
    erin.notified()
    body = {"user": erin.name, "topic": "room", "timer": erin.state()["previous"], "due_ms": 0}
    for _ in range(3):
        place.sqs.send_message(QueueUrl=place.outputs["TimerQueue"], MessageBody=json.dumps(body))
    place.settled()
    assert len(erin.mails()) == 2


def test_poison_ends_in_the_dead_letter_queue_and_others_are_told(place: Office) -> None:
    frank = place.person()
    poison = [
        "not json",
        json.dumps(frank.notice(link="http://chat.example.com")),
        json.dumps(frank.notice(surprise=1)),
    ]
    with place.impatient("Queue", tries=2):
        for body in poison:
            place.sqs.send_message(QueueUrl=place.outputs["Queue"], MessageBody=body)
        frank.tell(frank.notice())
        eventually(frank.mails)
        eventually(lambda: place.messages("Failed") >= 3)
    assert len(frank.mails()) == 1
    place.sqs.purge_queue(QueueUrl=place.outputs["Failed"])


def test_each_browser_and_each_device_gets_a_notice_once(place: Office) -> None:
    zoe = place.person(tokens=("zoe-1",), mail=False)
    browsers = [zoe.browser(), zoe.browser()]
    zoe.tell(zoe.notice("room-7"))
    zoe.notified("room-7")
    shown = {
        "title": "Lunch",
        "body": "Ann: <b>pizza?</b>",
        "topic": "room-7",
        "link": "https://chat.example.com/rooms/room",
    }
    assert [[json.loads(text) for text in browser.received()] for browser in browsers] == [[shown], [shown]]
    assert len(zoe.pushes("zoe-1")) == 1
    # The digest takes the place of the notice that the browser has not fetched.
    zoe.tell(zoe.notice("room-7"), zoe.notice("room-7"))
    eventually(lambda: zoe.state("room-7").get("pending_count") == 2)
    zoe.fire("room-7")
    zoe.notified("room-7")
    assert [json.loads(text)["title"] for text in browsers[0].received()] == ["2 new in Lunch"]


def test_a_browser_that_has_ended_its_subscription_is_forgotten(place: Office) -> None:
    yuri = place.person(mail=False)
    gone, open_ = yuri.browser(), yuri.browser()
    gone.unsubscribe()
    yuri.tell(yuri.notice())
    yuri.notified()
    assert len(open_.received()) == 1
    assert devices_of(place, yuri.name) == {open_.endpoint}


def test_a_push_service_that_is_busy_is_asked_again_and_the_other_browser_is_not(place: Office) -> None:
    xena = place.person(mail=False)
    busy, other = xena.browser(), xena.browser()
    push_service = place.cloud.push_service
    push_service.answer(busy.endpoint, 429)
    with place.impatient("TimerQueue"):
        xena.tell(xena.notice())
        eventually(other.received)
        eventually(lambda: "done" in xena.state())
        assert not busy.received()
        push_service.answer(busy.endpoint, 0)
        eventually(busy.received)
        xena.notified()
    assert (len(busy.received()), len(other.received())) == (1, 1)


def test_a_browser_of_somebody_who_signs_in_as_somebody_else_is_theirs(place: Office) -> None:
    before, after = place.person(mail=False), place.person(mail=False)
    browser = before.browser()
    keys = {"endpoint": browser.endpoint, "p256dh": browser.p256dh, "auth": browser.auth}
    place.call("Settings", {"user": after.name, "browser": keys})
    before.tell(before.notice())
    after.tell(after.notice(body="for the new one"))
    before.notified()
    after.notified()
    assert [json.loads(text)["body"] for text in browser.received()] == ["for the new one"]


def test_an_address_that_is_no_push_service_is_refused(place: Office) -> None:
    vera = place.person()
    browser = Browser(place.cloud, place.outputs["PublicKey"])
    for endpoint in ("https://evil.example/x", "http://169.254.169.254/latest/meta-data", "https://127.0.0.1/x"):
        keys = {"endpoint": endpoint, "p256dh": browser.p256dh, "auth": browser.auth}
        answer = place.call("Settings", {"user": vera.name, "browser": keys})
        assert answer == {"error": "endpoint is at no push service that is known here"}
    assert devices_of(place, vera.name) == set()


def test_the_key_pair_outlives_another_deployment(place: Office) -> None:
    secrets = place.cloud.client("secretsmanager", REGION)
    [secret] = [one for one in secrets.list_secrets()["SecretList"] if "VapidKeys" in one["Name"]]
    before = secrets.get_secret_value(SecretId=secret["ARN"])["SecretString"]
    [function] = [
        one["FunctionName"]
        for one in place.cloud.client("lambda", REGION).list_functions()["Functions"]
        if "NoticesVapidKeysFunction" in one["FunctionName"]
    ]
    event = {
        "RequestType": "Update",
        "ResponseURL": f"{place.cloud.endpoint}/_ministack/ready",
        "StackId": "stack",
        "RequestId": "1",
        "LogicalResourceId": "Pair",
        "PhysicalResourceId": "Pair",
        "ResourceProperties": {"SecretId": secret["ARN"]},
    }
    place.cloud.client("lambda", REGION).invoke(FunctionName=function, Payload=json.dumps(event))
    assert secrets.get_secret_value(SecretId=secret["ARN"])["SecretString"] == before
    assert json.loads(before)["public_key"] == place.outputs["PublicKey"]


def devices_of(place: Office, user: str) -> set[str]:
    """Return the tokens and endpoints that are registered for a user."""
    answer = place.table("People").query(
        KeyConditionExpression="pk = :user AND begins_with(sk, :kind)",
        ExpressionAttributeValues={":user": f"USER#{user}", ":kind": "DEVICE#"},
    )
    return {str(item["token"]) for item in answer["Items"]}


def test_throttled_mail_is_sent_later_and_the_push_not_again(place: Office) -> None:
    gina = place.person(tokens=("gina-1",))
    with place.impatient("TimerQueue"):
        with place.cloud.inject_fault(
            "sesv2", REGION, operation="SendEmail", error="TooManyRequestsException", status=429
        ):
            gina.tell(gina.notice())
            eventually(lambda: gina.pushes("gina-1"))
            eventually(lambda: "done" in gina.state())
            assert not gina.mails()
        eventually(gina.mails)
        gina.notified()
    assert (len(gina.mails()), len(gina.pushes("gina-1"))) == (1, 1)


def test_mail_and_push_that_fail_for_good_wait_for_an_operator(place: Office) -> None:
    hugo = place.person()
    browser = hugo.browser()
    place.cloud.push_service.answer(browser.endpoint, 503)
    with (
        place.impatient("TimerQueue", tries=2),
        place.cloud.inject_fault("sesv2", REGION, operation="SendEmail", error="SendingPausedException", status=400),
    ):
        hugo.tell(hugo.notice())
        eventually(lambda: place.messages("FailedTimers") == 1, within=90)
    failed = place.sqs.receive_message(QueueUrl=place.outputs["FailedTimers"])["Messages"][0]
    # The replay of an operator, when SES and the push service are back.
    place.cloud.push_service.answer(browser.endpoint, 0)
    place.sqs.send_message(QueueUrl=place.outputs["TimerQueue"], MessageBody=failed["Body"])
    place.sqs.delete_message(QueueUrl=place.outputs["FailedTimers"], ReceiptHandle=failed["ReceiptHandle"])
    eventually(hugo.mails)
    eventually(browser.received)


def test_disabled_endpoint_is_removed_and_the_other_device_is_told(place: Office) -> None:
    ivan = place.person(tokens=("ivan-1", "ivan-2"))
    ivan.tell(ivan.notice())
    ivan.notified()
    sns = place.cloud.client("sns", REGION)
    (endpoint,) = {push.endpoint for push in place.cloud.pushes(REGION) if push.token == "ivan-1"}
    sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "false"})
    ivan.tell(ivan.notice())
    ivan.fire()
    ivan.notified()
    assert (len(ivan.pushes("ivan-1")), len(ivan.pushes("ivan-2"))) == (1, 2)
    with pytest.raises(ClientError, match="NotFound"):
        sns.get_endpoint_attributes(EndpointArn=endpoint)
    # A user who installs the application again is notified again.
    place.call("Settings", {"user": ivan.name, "device": {"platform": "fcm", "token": "ivan-1"}})
    ivan.tell(ivan.notice("other"))
    eventually(lambda: len(ivan.pushes("ivan-1")) == 2)


def test_endpoint_that_somebody_deleted_is_made_again(place: Office) -> None:
    judy = place.person(tokens=("judy-1",))
    judy.tell(judy.notice())
    judy.notified()
    (endpoint,) = {push.endpoint for push in place.cloud.pushes(REGION) if push.token == "judy-1"}
    place.cloud.client("sns", REGION).delete_endpoint(EndpointArn=endpoint)
    judy.tell(judy.notice())
    judy.fire()
    eventually(lambda: len(judy.pushes("judy-1")) == 2)


def test_device_that_changed_hands_tells_only_its_new_user(place: Office) -> None:
    kim, lena = place.person(tokens=("shared",)), place.person(tokens=("shared",))
    kim.tell(kim.notice(body="for kim"))
    kim.notified()
    lena.tell(lena.notice(body="for lena"))
    lena.notified()
    bodies = [push["fcmV1Message"]["message"]["notification"]["body"] for push in lena.pushes("shared")]
    assert bodies == ["for lena"]


@pytest.mark.parametrize("reason", ["bounce", "complaint"])
def test_address_that_bounces_or_complains_gets_no_more(place: Office, reason: str) -> None:
    mike = place.person(address=f"{reason}+{next(numbers)}@simulator.amazonses.com")
    mike.tell(mike.notice())
    eventually(lambda: mike.choices()["mail_off"] == reason)
    mike.notified()
    mike.tell(mike.notice())
    mike.fire()
    mike.notified()
    assert len(mike.mails()) == 1
    assert mike.choices()["mail"] is True  # still the user's wish, for another address
    place.call(
        "Settings",
        {
            "user": mike.name,
            "choice": {"mail": True, "push": True, "quiet_minutes": 5, "language": "en", "address": "new@example.org"},
        },
    )
    assert mike.choices()["mail_off"] is None


def test_passing_trouble_of_a_mailbox_switches_nothing_off(place: Office) -> None:
    nora = place.person()
    detail = {
        "eventType": "Bounce",
        "bounce": {"bounceType": "Transient", "bouncedRecipients": [{"emailAddress": nora.address}]},
    }
    queue = place.outputs["FeedbackQueue"]
    with place.impatient("FeedbackQueue", tries=2):
        place.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"detail": detail}))
        place.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"detail": {"eventType": "Open"}}))
        eventually(lambda: place.messages("FailedFeedback") == 1)
    assert nora.choices()["mail_off"] is None


def test_link_of_a_mail_switches_mail_off_for_its_user_only(place: Office) -> None:
    olga = place.person()
    olga.tell(olga.notice())
    olga.notified()
    link = urlsplit(olga.mails()[0].headers["List-Unsubscribe"].strip("<>"))
    query = {name: values[0] for name, values in parse_qs(link.query).items()}

    def request(method: str, **changes: str) -> dict[str, Any]:
        event = {
            "version": "2.0",
            "rawPath": "/unsubscribe",
            "requestContext": {"http": {"method": method, "path": "/unsubscribe"}, "stage": "$default"},
            "headers": {"accept-language": "ja"},
            "queryStringParameters": query | changes,
        }
        return place.call("Unsubscribe", event)

    assert '<form method="post">' in request("GET")["body"]
    assert olga.choices()["mail"] is True
    assert request("POST", token="guessed")["statusCode"] == 403
    assert request("POST", user=place.person().name)["statusCode"] == 403
    assert olga.choices()["mail"] is True
    assert request("POST")["statusCode"] == 200
    assert olga.choices()["mail"] is False
    olga.tell(olga.notice("other"))
    olga.notified("other")
    assert len(olga.mails()) == 1


def test_each_is_told_in_the_own_language(place: Office) -> None:
    peggy = place.person(language="ja")
    peggy.tell(peggy.notice(title="昼食"))
    peggy.notified()
    peggy.tell(peggy.notice(title="昼食"), peggy.notice(title="昼食"))
    eventually(lambda: peggy.state().get("pending_count") == 2)
    peggy.fire()
    peggy.notified()
    assert [mail.subject for mail in peggy.mails()] == ["昼食", "昼食に新着2件"]
    assert 'lang="ja"' in peggy.mails()[0].html


def test_who_chose_neither_is_told_nothing(place: Office) -> None:
    quinn = place.person(mail=False, push=False, tokens=("quinn-1",))
    quinn.tell(quinn.notice())
    quinn.notified()
    nobody = Person(place, f"user-{next(numbers)}", "")
    nobody.tell(nobody.notice())
    nobody.notified()
    assert not quinn.mails()
    assert not quinn.pushes("quinn-1")


def test_what_was_seen_meanwhile_is_not_told(place: Office) -> None:
    rita = place.person()
    rita.tell(rita.notice())
    rita.notified()
    rita.tell(rita.notice(body="seen"))
    eventually(lambda: rita.state().get("pending_count") == 1)
    place.call("Settings", {"user": rita.name, "seen": "room"})
    rita.fire()
    rita.notified()
    assert len(rita.mails()) == 1
    # Nobody was disturbed, so the next one does not wait.
    rita.tell(rita.notice(body="unseen"))
    eventually(lambda: len(rita.mails()) == 2)


def test_wrong_choice_is_answered_with_what_is_allowed(place: Office) -> None:
    choice = {"mail": True, "push": True, "quiet_minutes": 4, "language": "en"}
    answer = place.call("Settings", {"user": "sam", "choice": choice})
    assert answer == {"error": "quiet_minutes is 4; use 5 to 1440"}
    answer = place.call("Settings", {"user": "sam", "device": {"platform": "adm", "token": "t"}})
    assert answer == {"error": "platform is 'adm'; there are apns, fcm"}


def test_only_who_was_let_may_send_notices(place: Office) -> None:
    def queue_as(role: str) -> Any:
        sts = place.cloud.client("sts", REGION)
        answer = sts.assume_role(RoleArn=place.outputs[role], RoleSessionName="test")["Credentials"]
        return place.cloud.client("sqs", REGION, answer)

    tina = place.person()
    body = json.dumps(tina.notice())
    with pytest.raises(ClientError, match="AccessDenied"):
        queue_as("StrangerRole").send_message(QueueUrl=place.outputs["Queue"], MessageBody=body)
    queue_as("SenderRole").send_message(QueueUrl=place.outputs["Queue"], MessageBody=body)
    eventually(tina.mails)


class Desk:
    """One user and topic, with a clock and a queue of the test's own."""

    def __init__(self, place: Office) -> None:
        self.now = 1_000_000.0
        self.user = f"desk-{next(numbers)}"
        self.waiting = Waiting(place.waiting, lambda: self.now)
        self.messages: list[Timer] = []
        self.sent: list[Batch] = []
        self.kept = 0

    def accept(self, notice_id: str = "") -> Timer | None:
        self.kept += not notice_id
        return self.waiting.accept(self.user, "room", {"notice_id": notice_id or f"n-{next(numbers)}"})

    def arm(self, timer: Timer | None) -> None:
        if timer is not None:
            self.messages.append(timer)
            self.waiting.armed(timer)

    def fire(self, timer: Timer) -> None:
        taken = self.waiting.take(timer, 35)
        if isinstance(taken, Batch):
            self.sent.append(taken)
            self.arm(self.waiting.finish(taken, 300))
        else:
            self.arm(taken)


def test_exactly_one_timer_is_at_work(place: Office) -> None:
    desk = Desk(place)
    timer = desk.accept()
    assert timer is not None
    assert timer.due_ms == desk.now * 1000
    assert [desk.accept() for _ in range(3)] == [None, None, None]
    desk.arm(timer)
    desk.fire(timer)
    assert [batch.count for batch in desk.sent] == [4]
    following = desk.accept()
    assert following is not None
    assert following.due_ms == (desk.now + 300) * 1000


def test_what_comes_while_others_are_sent_gets_the_next_timer(place: Office) -> None:
    desk = Desk(place)
    timer = desk.accept()
    assert timer is not None
    taken = desk.waiting.take(timer, 35)
    assert isinstance(taken, Batch)
    assert desk.accept() is None
    following = desk.waiting.finish(taken, 300)
    assert following is not None
    assert following.due_ms == (desk.now + 300) * 1000
    desk.fire(following)
    assert [batch.count for batch in desk.sent] == [1]


def test_step_that_broke_off_before_its_message_was_sent_is_repeated(place: Office) -> None:
    desk = Desk(place)
    lost = desk.accept("a")
    again = desk.accept("a")
    assert again == lost
    assert again is not None
    desk.arm(again)
    assert desk.accept("a") is None
    taken = desk.waiting.take(again, 35)
    assert isinstance(taken, Batch)
    desk.accept("b")
    following = desk.waiting.finish(taken, 300)
    # The same message is delivered again, and finds that the next timer's was never sent.
    assert desk.waiting.take(again, 35) == following
    assert following is not None
    desk.arm(following)
    assert desk.waiting.take(again, 35) is None


def test_try_after_a_crash_leaves_out_what_was_served(place: Office) -> None:
    desk = Desk(place)
    timer = desk.accept()
    assert timer is not None
    taken = desk.waiting.take(timer, 35)
    assert isinstance(taken, Batch)
    desk.waiting.done(taken, "mail")
    with pytest.raises(BusyError):
        desk.waiting.take(timer, 35)
    desk.now += 36
    again = desk.waiting.take(timer, 35)
    assert isinstance(again, Batch)
    assert (again.notices, again.done) == (taken.notices, {"mail"})
    assert desk.waiting.finish(again, 300) is None


def test_timer_that_was_lost_is_replaced_after_an_hour(place: Office) -> None:
    desk = Desk(place)
    lost = desk.accept()
    assert lost is not None
    desk.now += 3599
    assert desk.accept() is None
    desk.now += 2
    found = desk.accept()
    assert found is not None
    desk.fire(lost)  # an operator's replay arrives too late, and does nothing
    assert not desk.sent
    desk.fire(found)
    assert [batch.count for batch in desk.sent] == [3]


@settings(max_examples=12, deadline=None)
@given(steps=st.lists(st.sampled_from(["accept", "accept", "repeat", "fire", "stale", "later"]), max_size=25))
def test_nothing_is_lost_or_told_twice_in_any_order(place: Office, steps: list[str]) -> None:
    desk = Desk(place)
    last = ""
    for step in steps:
        if step == "accept":
            last = f"n-{next(numbers)}"
            desk.kept += 1
            desk.arm(desk.accept(last))
        elif step == "repeat" and last:
            desk.arm(desk.accept(last))
        elif step == "fire" and desk.messages and desk.messages[-1].due_ms <= desk.now * 1000:
            desk.fire(desk.messages[-1])
        elif step == "stale" and len(desk.messages) > 1:
            desk.fire(desk.messages[0])
        elif step == "later":
            desk.now += 150
    elapsed = desk.now - 1_000_000
    # The first at once, then at most one in each quiet period.
    assert len(desk.sent) <= 1 + elapsed // 300
    desk.now += 300
    for timer in list(desk.messages):
        desk.fire(timer)
    assert sum(batch.count for batch in desk.sent) == desk.kept
    assert len(desk.messages) == len({timer.name for timer in desk.messages})
