"""How notices are read, written as mails and pushes, and what feedback and unsubscribing do, as plain Python."""

import json
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.messaging.handlers.delivery.messages import Message, push_content
from cdp_constructs.messaging.handlers.unsubscribe.pages import TEXTS
from notices import Device, Notices, Preferences
from notices.mail import compose, subject
from notices.state import Batch, Timer
from notices.timers import is_early, read, send
from tests.handlers import import_handler

FCM = "arn:aws:sns:us-east-1:111122223333:app/GCM/chat"
APNS = "arn:aws:sns:us-east-1:111122223333:app/APNS_SANDBOX/chat"
CONTEXT = SimpleNamespace(
    function_name="notices",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:us-east-1:111122223333:function:notices",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 10_000,
)
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "notices",
        "CONFIGURATION_SET": "set",
        "NOTICES": json.dumps({"table": "people", "platforms": {"fcm": FCM}}),
        "POWERTOOLS_METRICS_NAMESPACE": "CdpConstructs",
        "POWERTOOLS_SERVICE_NAME": "DeliveryFunction",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "SENDER": "チャット <notices@example.com>",
        "TIMER_QUEUE": "https://queue",
        "UNSUBSCRIBE_URL": "https://api.example.com/unsubscribe",
        "WAITING_TABLE": "waiting",
    }.items():
        monkeypatch.setenv(name, value)

    def loaded(name: str) -> ModuleType:
        return import_handler(f"cdp_constructs.messaging.handlers.{name}")

    return loaded


def notice(**changes: Any) -> dict[str, Any]:
    content = {
        "notice_id": "1",
        "user": "ann",
        "topic": "room",
        "title": "Lunch",
        "body": "pizza?",
        "link": "https://chat.example.com/rooms/room",
    }
    return content | changes


def event(*bodies: Any) -> dict[str, Any]:
    records = [
        {
            "messageId": str(number),
            "body": body if isinstance(body, str) else json.dumps(body),
            "eventSource": "aws:sqs",
        }
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}


class Queue:
    """Stands for SQS."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)


@pytest.mark.parametrize(
    "changes",
    [
        {"notice_id": ""},
        {"user": "x" * 257},
        {"title": ""},
        {"link": "http://chat.example.com"},
        {"link": "https://chat.example.com/ x"},
        {"link": "javascript:alert(1)"},
        {"language": "fr"},
        {"surprise": 1},
        {"body": 1},
    ],
)
def test_what_is_no_notice_is_not_kept(load: Load, changes: dict[str, Any]) -> None:
    module = load("intake")
    kept: list[Any] = []
    module.waiting = SimpleNamespace(accept=lambda *arguments: kept.append(arguments))  # type: ignore[attr-defined]
    answer = module.handler(event(notice(**changes), notice(), "not json"), CONTEXT)
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["0", "2"]
    assert [user for user, _, _ in kept] == ["ann"]


def test_long_texts_are_cut_and_a_new_timer_gets_its_message(load: Load) -> None:
    module = load("intake")
    timer, kept, armed = Timer("ann", "room", "t1", 0), {}, []
    module.sqs = Queue()  # type: ignore[attr-defined]
    module.waiting = SimpleNamespace(  # type: ignore[attr-defined]
        accept=lambda _user, _topic, content: kept.update(content) or timer, armed=armed.append
    )
    module.handler(event(notice(title="x" * 101, body="y" * 5000)), CONTEXT)
    assert (len(kept["title"]), len(kept["body"]), kept["body"][-1]) == (100, 300, "…")
    assert read(module.sqs.sent[0]["MessageBody"]) == timer
    assert armed == [timer]


@pytest.mark.parametrize(("due_in", "delay"), [(-5, 0), (0.2, 1), (300, 300), (86_400, 900)])
def test_message_is_delayed_as_long_as_sqs_can(monkeypatch: pytest.MonkeyPatch, due_in: float, delay: int) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.0)
    queue, timer = Queue(), Timer("ann", "room", "t1", int((1000 + due_in) * 1000))
    send(queue, "https://queue", timer)  # type: ignore[arg-type]
    assert queue.sent[0]["DelaySeconds"] == delay
    assert is_early(timer) is (due_in > 0)


def test_early_message_is_sent_again_without_a_look_at_the_table(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("delivery")
    module.sqs, module.waiting = Queue(), None  # type: ignore[attr-defined]
    monkeypatch.setattr("time.time", lambda: 1000.0)
    body = {"user": "ann", "topic": "room", "timer": "t1", "due_ms": 3_000_000}
    assert module.handler(event(body), CONTEXT) == {"batchItemFailures": []}
    assert (module.sqs.sent[0]["DelaySeconds"], json.loads(module.sqs.sent[0]["MessageBody"])) == (900, body)


class Mailbox:
    """Stands for SES."""

    def __init__(self) -> None:
        self.mails: list[dict[str, Any]] = []

    def send_email(self, **mail: Any) -> None:
        self.mails.append(mail)


class People:
    """Stands for the table of preferences and devices."""

    def __init__(self, preferences: Preferences, seen_ms: int = 0) -> None:
        self._preferences = preferences
        self._seen_ms = seen_ms
        self.off: list[tuple[str, str]] = []
        self.forgotten: list[str] = []

    def forget(self, user: str) -> None:
        self.forgotten.append(user)

    def follow(self, _user: str, preferences: Preferences, address: str) -> Preferences:
        self._preferences = replace(preferences, address=address)
        return self._preferences

    def preferences(self, _user: str) -> Preferences:
        return self._preferences

    def seen_ms(self, _user: str, _topic: str) -> int:
        return self._seen_ms

    def devices(self, _user: str) -> list[Device]:
        return []

    def unsubscribe_token(self, _user: str) -> str:
        return "a+b"

    def switch_mail_off(self, address: str, reason: str) -> None:
        self.off.append((address, reason))

    def unsubscribe(self, user: str, token: str) -> bool:
        assert len(user) <= 256, "longer ones may be no keys of a table"
        return (user, token) == ("ann", "right")


class Pool:
    """Stands for the user pool, with the account of Ann."""

    def __init__(self, *, enabled: bool = True, **attributes: str) -> None:
        self.enabled = enabled
        self.attributes = attributes
        self.asked: list[tuple[str, str]] = []

    def admin_get_user(self, UserPoolId: str, Username: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        self.asked.append((UserPoolId, Username))
        if not self.attributes:
            raise ClientError({"Error": {"Code": "UserNotFoundException"}}, "AdminGetUser")
        attributes = [{"Name": name, "Value": value} for name, value in self.attributes.items()]
        return {"Enabled": self.enabled, "UserAttributes": attributes}


@pytest.fixture
def deliver_to(load: Load, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Deliver to a user of a user pool."""
    monkeypatch.setenv("USER_POOL_ID", "ap-northeast-1_pool")
    monkeypatch.setenv("USER_POOL_REGION", "ap-northeast-1")

    def deliver_with(people: People, pool: Pool, quiet: list[int] | None = None) -> list[dict[str, Any]]:
        def loaded(name: str) -> ModuleType:
            module = load(name)
            assert module.accounts.client.meta.region_name == "ap-northeast-1"
            module.accounts.client = pool
            return module

        return deliver(loaded, people, quiet=quiet)

    return deliver_with


OLD, NEW = "ann@example.org", "ann@example.net"


def test_mail_goes_to_the_address_that_the_account_has_now(deliver_to: Callable[..., list[dict[str, Any]]]) -> None:
    people, pool = People(Preferences(mail=True, address=OLD)), Pool(email=NEW, email_verified="true")
    (mail,) = deliver_to(people, pool)
    assert mail["Destination"] == {"ToAddresses": [NEW]}
    assert (people.preferences("ann").address, pool.asked) == (NEW, [("ap-northeast-1_pool", "ann")])


@pytest.mark.parametrize(
    ("pool", "forgotten"),
    [
        (Pool(), ["ann"]),
        (Pool(enabled=False, email=OLD, email_verified="true"), []),
        (Pool(email=OLD, email_verified="false"), []),
        (Pool(email=OLD), []),
        (Pool(email="änn@example.org", email_verified="true"), []),
    ],
    ids=["deleted", "disabled", "not verified", "never verified", "not ASCII"],
)
def test_without_an_account_and_a_verified_address_there_is_no_mail(
    deliver_to: Callable[..., list[dict[str, Any]]], pool: Pool, forgotten: list[str]
) -> None:
    people, quiet = People(Preferences(mail=True, address=OLD)), list[int]()
    assert deliver_to(people, pool, quiet) == []
    assert (people.forgotten, quiet) == (forgotten, [0])


def test_who_wants_nothing_is_not_looked_up(deliver_to: Callable[..., list[dict[str, Any]]]) -> None:
    pool = Pool(email=OLD, email_verified="true")
    assert deliver_to(People(Preferences(mail=False)), pool) == []
    assert deliver_to(People(Preferences(mail=True, address=OLD), seen_ms=9), pool) == []
    assert pool.asked == []


def test_a_user_pool_that_does_not_answer_is_asked_again_later(
    deliver_to: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(**_: str) -> None:
        raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "AdminGetUser")

    pool = Pool()
    monkeypatch.setattr(pool, "admin_get_user", throttled)
    people = People(Preferences(mail=True, address=OLD))
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        deliver_to(people, pool)
    assert people.forgotten == []


def deliver(
    load: Load,
    people: People,
    *,
    quiet: list[int] | None = None,
    counted: dict[str, int] | None = None,
    **changes: Any,
) -> list[dict[str, Any]]:
    module = load("delivery")
    if counted is not None:
        module.count = lambda name, value=1: counted.update({name: value})  # type: ignore[attr-defined]
    module.channels.ses, module.people = Mailbox(), people  # type: ignore[attr-defined]
    module.waiting = SimpleNamespace(done=lambda *_: None)  # type: ignore[attr-defined]
    notices = [{**notice(body=f"n{number}"), "at_ms": number} for number in (1, 2, 3)]
    values = {"timer": Timer("ann", "room", "t1", 0), "notices": notices, "count": 5, "last_ms": 9, "done": frozenset()}
    minutes = module.deliver(Batch(**{**values, **changes}))
    if quiet is not None:
        quiet.append(minutes)
    mails: list[dict[str, Any]] = module.channels.ses.mails
    return mails


def test_a_refused_mail_is_logged_by_its_user_and_room_and_without_the_address(
    load: Load, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def suspended(_self: Mailbox, **_mail: Any) -> None:
        raise ClientError({"Error": {"Code": "MessageRejected", "Message": f"to {_mail['Destination']}"}}, "SendEmail")

    monkeypatch.setattr(Mailbox, "send_email", suspended)
    with pytest.raises(ClientError, match="MessageRejected"):
        deliver(load, People(Preferences(mail=True, address="ann@example.org")))
    (line,) = [record for record in caplog.records if record.msg == "Mail refused"]
    said = {name: vars(line)[name] for name in ("user", "topic", "template")}
    assert said == {"user": "ann", "topic": "room", "template": "digest"}
    assert line.levelname == "ERROR"
    assert "ann@example.org" not in caplog.text


UNVERIFIED = "Email address is not verified. The following identities failed the check in region US-EAST-1: "


@pytest.mark.parametrize(
    ("code", "text", "disabled"),
    [
        ("MessageRejected", "Illegal address", 0),
        ("MessageRejected", f"{UNVERIFIED}ann@example.org", 0),
        ("MessageRejected", f"{UNVERIFIED}notices@example.com, ann@example.org", 1),
        ("BadRequestException", "", 0),
        ("TooManyRequestsException", "", 0),
        ("AccountSuspendedException", "", 1),
        ("SendingPausedException", "", 1),
        ("MailFromDomainNotVerifiedException", "", 1),
        ("AccessDeniedException", "", 1),
    ],
)
def test_a_refusal_that_any_mail_would_get_is_told_from_one_of_a_single_address(
    load: Load, monkeypatch: pytest.MonkeyPatch, code: str, text: str, disabled: int
) -> None:
    def refuse(_self: Mailbox, **_mail: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": text}}, "SendEmail")

    monkeypatch.setattr(Mailbox, "send_email", refuse)
    counted: dict[str, int] = {}
    with pytest.raises(ClientError, match=code):
        deliver(load, People(Preferences(mail=True, address="ann@example.org")), counted=counted)
    assert counted == {"RejectedMails": 1, "SendingDisabled": disabled}


def test_mail_has_the_encoded_sender_and_the_way_out(load: Load) -> None:
    (mail,) = deliver(load, People(Preferences(mail=True, address="ann@example.org", language="ja")))
    assert mail["FromEmailAddress"].isascii()
    assert mail["FromEmailAddress"].endswith("<notices@example.com>")
    assert mail["ConfigurationSetName"] == "set"
    simple = mail["Content"]["Simple"]
    assert simple["Subject"]["Data"] == "Lunchに新着5件"
    assert "ほか2件" in simple["Body"]["Text"]["Data"]
    assert "チャットの通知" in simple["Body"]["Text"]["Data"]
    assert simple["Headers"][0]["Value"] == "<https://api.example.com/unsubscribe?user=ann&token=a%2Bb>"


def test_only_what_was_not_seen_is_counted_and_named(load: Load) -> None:
    people = People(Preferences(mail=True, address="ann@example.org"), seen_ms=2)
    (mail,) = deliver(load, people)
    simple = mail["Content"]["Simple"]
    assert simple["Subject"]["Data"] == "3 new in Lunch"
    assert "n2" not in simple["Body"]["Text"]["Data"]
    assert "n3" in simple["Body"]["Text"]["Data"]


@pytest.mark.parametrize(
    ("preferences", "changes"),
    [
        (Preferences(mail=False, address="ann@example.org"), {}),
        (Preferences(mail=True), {}),
        (Preferences(mail=True, address="ann@example.org", mail_off="bounce"), {}),
        (Preferences(mail=True, address="ann@example.org"), {"done": frozenset({"mail"})}),
    ],
)
def test_no_mail_is_sent(load: Load, preferences: Preferences, changes: dict[str, Any]) -> None:
    assert deliver(load, People(preferences), **changes) == []


@pytest.mark.parametrize(
    ("preferences", "minutes"),
    [
        (Preferences(mail=True, address="ann@example.org", quiet_minutes=30), 30),
        (Preferences(mail=False, push=True, quiet_minutes=30), 0),
        (Preferences(mail=True, address="ann@example.org", mail_off="bounce", quiet_minutes=30), 0),
    ],
)
def test_only_who_was_disturbed_is_left_in_peace(load: Load, preferences: Preferences, minutes: int) -> None:
    quiet: list[int] = []
    deliver(load, People(preferences), quiet=quiet)
    assert quiet == [minutes]


def test_push_has_the_form_of_its_platform() -> None:
    message = Message("room", "en", [notice(body="x" * 300)], 1)
    apple = json.loads(push_content(APNS, message))
    assert set(apple) == {"default", "APNS_SANDBOX"}
    shown = json.loads(apple["APNS_SANDBOX"])
    assert (shown["aps"]["alert"]["title"], shown["aps"]["thread-id"]) == ("Lunch", "room")
    assert len(shown["aps"]["alert"]["body"]) == 200
    firebase = json.loads(json.loads(push_content(FCM, message))["GCM"])["fcmV1Message"]["message"]
    assert firebase["data"] == {"topic": "room", "link": "https://chat.example.com/rooms/room"}


def test_title_cannot_end_the_subject_line() -> None:
    line = subject("en", "Lunch\r\nBcc: everybody@example.org", 2)
    assert "\n" not in line
    message = EmailMessage()
    message["Subject"] = line
    assert message["Bcc"] is None
    assert len(subject("en", "x" * 1000, 1)) == 150


def test_texts_of_users_are_text_in_the_mail() -> None:
    evil = '<img src=x onerror="alert(1)">\nnext'
    content = notice(title=evil, body=evil, link='https://example.com/"><script>')
    mail = compose("en", [content], 1, product="<Chat>", unsubscribe="https://example.com/?a=1&b=2")
    assert "<img" not in mail.html
    assert "<script" not in mail.html
    assert "<Chat>" not in mail.html
    assert "onerror=&quot;alert(1)&quot;&gt;<br>next" in mail.html
    assert 'href="https://example.com/?a=1&amp;b=2"' in mail.html
    assert evil in mail.text


def test_only_lasting_bounces_and_real_complaints_switch_mail_off(load: Load) -> None:
    module = load("feedback")
    module.people = People(Preferences())  # type: ignore[attr-defined]

    def bounce(kind: str) -> dict[str, Any]:
        recipients = [{"emailAddress": f"{kind}@example.org"}]
        return {"detail": {"eventType": "Bounce", "bounce": {"bounceType": kind, "bouncedRecipients": recipients}}}

    def complaint(**more: str) -> dict[str, Any]:
        content = {"complainedRecipients": [{"emailAddress": "c@example.org"}], **more}
        return {"detail": {"eventType": "Complaint", "complaint": content}}

    events = [
        *(bounce(kind) for kind in ("Permanent", "Transient", "Undetermined")),
        complaint(),
        complaint(complaintFeedbackType="not-spam"),
        {"detail": {"eventType": "Delivery"}},
    ]
    answer = module.handler(event(*events), CONTEXT)
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["5"]
    assert module.people.off == [("Permanent@example.org", "bounce"), ("c@example.org", "complaint")]


@pytest.mark.parametrize(
    ("method", "query", "status", "text"),
    [
        ("GET", {"user": "ann", "token": "right"}, 200, "ask"),
        ("POST", {"user": "ann", "token": "right"}, 200, "done"),
        ("POST", {"user": "ann", "token": "wrong"}, 403, "wrong"),
        ("POST", {"user": "ann"}, 403, "wrong"),
        ("POST", None, 403, "wrong"),
        ("DELETE", {"user": "ann", "token": "right"}, 405, "wrong"),
    ],
)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_unsubscribing_is_answered_with_a_page(
    load: Load, method: str, query: Any, status: int, text: str, language: str
) -> None:
    module = load("unsubscribe")
    module.people = People(Preferences())  # type: ignore[attr-defined]
    request = {
        "version": "2.0",
        "rawPath": "/unsubscribe",
        "headers": {"accept-language": language},
        "requestContext": {"http": {"method": method, "path": "/unsubscribe"}, "stage": "$default"},
        "queryStringParameters": query,
    }
    answer = module.handler(request, CONTEXT)
    assert answer["statusCode"] == status
    assert answer["headers"]["content-security-policy"].startswith("default-src 'none'")
    assert answer["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert TEXTS[language][text] in answer["body"]
    assert ("<form" in answer["body"]) is (method == "GET")
    assert "right" not in answer["body"]


def test_a_table_that_is_throttled_asks_the_reader_to_come_back(load: Load) -> None:
    class Throttled(People):
        def unsubscribe(self, *_: str) -> bool:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    module = load("unsubscribe")
    module.people = Throttled(Preferences())  # type: ignore[attr-defined]
    request = {
        "version": "2.0",
        "rawPath": "/unsubscribe",
        "headers": {},
        "requestContext": {"http": {"method": "POST", "path": "/unsubscribe"}, "stage": "$default"},
        "queryStringParameters": {"user": "ann", "token": "right"},
    }
    answer = module.handler(request, CONTEXT)
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")
    assert TEXTS["en"]["later"] in answer["body"]


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("body", ["[" * 100_000, "NaN", "1" * 5_000, '"\\ud800"', "\ud800", "/////w=="])
def test_no_body_stops_the_answer_to_the_link_of_a_mail(load: Load, body: str, encoded: bool) -> None:
    module = load("unsubscribe")
    module.people = People(Preferences())  # type: ignore[attr-defined]
    for query, status in (({"user": "ann", "token": "right"}, 200), ({"user": "a" * 257, "token": "right"}, 403)):
        request = {
            "version": "2.0",
            "rawPath": "/unsubscribe",
            "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": "POST", "path": "/unsubscribe"}, "stage": "$default"},
            "queryStringParameters": query,
            "body": body,
            "isBase64Encoded": encoded,
        }
        assert module.handler(request, CONTEXT)["statusCode"] == status


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"quiet_minutes": 4}, "quiet_minutes is 4; use 5 to 1440"),
        ({"quiet_minutes": 1441}, "use 5 to 1440"),
        ({"language": "fr"}, "language is 'fr'; use one of en, ja"),
        ({"mail": "yes"}, "mail and push are yes or no"),
        ({"address": "ann@example.org\nBcc: x@y.z"}, "not a plain mail address"),
        ({"address": "Ann <ann@example.org>"}, "not a plain mail address"),
        ({"address": "a@b.c,d@e.f"}, "not a plain mail address"),
        ({"address": "a,b@example.org"}, "not a plain mail address"),
        ({"address": "x" * 250 + "@example.org"}, "not a plain mail address"),
    ],
)
def test_wrong_choice_is_refused_before_the_table_is_asked(choice: dict[str, Any], message: str) -> None:
    chosen: dict[str, Any] = {"mail": True, "push": True, "quiet_minutes": 15, "language": "en"}
    with pytest.raises(ValueError, match=message):
        Notices(None).choose("ann", **{**chosen, **choice})  # type: ignore[arg-type]


@pytest.mark.parametrize("token", ["", "x" * 4097, "a\nb"])
def test_wrong_token_is_refused_before_the_table_is_asked(token: str) -> None:
    with pytest.raises(ValueError, match="token must be printable"):
        Notices(None, platforms={"fcm": FCM}).add_device("ann", "fcm", token)  # type: ignore[arg-type]
