"""Handlers that others call directly: each answers, and a mistake of the caller ends nothing."""

import contextlib
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, strategies

from tests.properties.aws import World, refusal, strict_json
from tests.properties.events import http, web_socket
from tests.properties.inputs import TEXTS, UNREADABLE, altered, examples, texts
from tests.properties.running import Subject, running

QUEUE = "https://sqs.us-east-1.amazonaws.com/111122223333/queue"
BROADCASTS = Subject(
    package="cdp_constructs.iot.handlers.broadcasts",
    environment={"APP": "app", "GROUPS": '{"all": "arn:all", "home": "arn:home"}', "JOB_PREFIX": "jobs"},
    world=lambda: World(answers={"iot.DescribeJob": {"job": {"status": "IN_PROGRESS"}}}),
)
SUBSCRIPTIONS = Subject(package="stacks.chat.handlers.subscriptions", environment={"TABLE_NAME": "chat"})


def _no_such_token(_parameters: Any) -> Any:
    raise refusal("ConditionalCheckFailedException", "UpdateItem")


UNSUBSCRIBE = Subject(
    package="cdp_constructs.messaging.handlers.unsubscribe",
    environment={"NOTICES": json.dumps({"table": "people", "platforms": {}})},
    world=lambda: World(answers={"dynamodb.UpdateItem": _no_such_token}),
)
WEB_SOCKET = Subject(
    package="cdp_constructs.realtime.handlers.web_socket_subscriptions",
    environment={"TABLE_NAME": "subscriptions", "SUBSCRIBE_HANDLERS": '{"rooms": ""}'},
)
VAPID_KEYS = Subject(
    package="cdp_constructs.messaging.handlers.vapid_keys",
    world=lambda: World(answers={"secretsmanager.GetSecretValue": {"SecretString": "random"}}),
)
PEERING = Subject(
    package="cdp_constructs.network.handlers.peering_acceptance",
    world=lambda: World(
        answers={
            "ec2.DescribeTransitGatewayPeeringAttachments": {
                "TransitGatewayPeeringAttachments": [{"State": "available"}]
            }
        }
    ),
)
TRANSITION = Subject(
    package="cdp_constructs.workflow.handlers.weighted_transition",
    environment={
        "NAME": "Shop/Move",
        "ALARMS": '["Errors"]',
        "INTERVAL_SECONDS": "600",
        "TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:notices",
        "TARGET": json.dumps({"rule": "arn:rule", "current": "arn:old", "replacement": "arn:new"}),
    },
    world=lambda: World(
        answers={
            "cloudwatch.DescribeAlarms": {
                "MetricAlarms": [{"AlarmName": "Errors", "StateValue": "OK"}],
                "CompositeAlarms": [],
            },
            "elbv2.DescribeRules": {"Rules": [{"Actions": [{"Type": "forward", "ForwardConfig": FORWARD}]}]},
        }
    ),
)
FORWARD = {
    "TargetGroups": [
        {"TargetGroupArn": "arn:old", "Weight": 100},
        {"TargetGroupArn": "arn:new", "Weight": 0},
    ]
}
REPLAY_PREFIX = "accepted/2026/11/24/10/"
REPLAY = Subject(
    package="cdp_constructs.workflow.handlers.replay",
    environment={"BUCKET": "kept", "ACCEPTED_PREFIX": "accepted/", "QUEUE_URL": QUEUE},
)
COMMANDS = {
    "place_orders": {
        "orders": [{"order": "o-1", "sku": "book", "quantity": 1, "total": 5, "customer": "anna"}],
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    },
    "restock": {"delivery": "d-1", "sku": "book", "quantity": 5},
}
ACCOUNT_LINKING = Subject(
    package="cdp_constructs.api.handlers.account_linking",
    environment={"LINKS": "true", "PROVIDERS": '["Works"]'},
    world=lambda: World(answers={"cognito-idp.ListUsers": {"Users": [OWNER]}}),
)
OWNER = {
    "Username": "anna",
    "UserStatus": "CONFIRMED",
    "Attributes": [{"Name": "email", "Value": "anna@example.com"}, {"Name": "email_verified", "Value": "true"}],
}
PLACE_ORDERS = Subject(package="stacks.services.handlers.place_orders", environment={"OUTBOX_TABLE": "orders"})
RESTOCK = Subject(package="stacks.services.handlers.restock", environment={"OUTBOX_TABLE": "shipping"})


GOOD_SIGN_UP = {"email": "anna@example.com", "email_verified": "true", "name": "Anna"}


def sign_up_of(attributes: Any) -> dict[str, Any]:
    """Return what Cognito asks before somebody of a provider gets an account."""
    return {
        "triggerSource": "PreSignUp_ExternalProvider",
        "userPoolId": "us-east-1_Example",
        "userName": "Works_7",
        "request": {"userAttributes": attributes},
        "response": {},
    }


def test_a_sign_up_is_linked_passed_or_refused_whatever_the_provider_says() -> None:
    with running(ACCOUNT_LINKING) as run:
        assert run.call(sign_up_of(GOOD_SIGN_UP)) == sign_up_of(GOOD_SIGN_UP)
        assert [operation for operation, _ in run.world.calls][-1] == "cognito-idp.AdminLinkProviderForUser"

        @examples(40)
        @given(address=strategies.text(), verified=strategies.text(), name=strategies.text())
        def holds(address: str, verified: str, name: str) -> None:
            asked = sign_up_of({"email": address, "email_verified": verified, "name": name})
            # Refused, or answered as it came.
            with contextlib.suppress(run.module.RefusedError):
                assert run.call(asked) == asked
            links = [1 for operation, _ in run.world.calls if operation.endswith("AdminLinkProviderForUser")]
            assert bool(links) <= (verified.lower() == "true")

        for text in TEXTS:
            holds = example(address=text, verified="true", name=text)(holds)
            holds = example(address="anna@example.com", verified=text, name=text)(holds)
        holds()


@pytest.mark.parametrize("subject", [PLACE_ORDERS, RESTOCK], ids=["place_orders", "restock"])
def test_a_command_is_answered_whatever_it_is(subject: Subject) -> None:
    good = COMMANDS[subject.package.rpartition(".")[2]]
    with running(subject) as run:
        assert "error" not in run.call(good)
        assert run.world.calls

        @examples(40)
        @given(asked=altered(good))
        def holds(asked: Any) -> None:
            answer = run.call(asked)
            assert ("error" in answer) != bool(run.world.calls)
            json.dumps(answer)

        for text in TEXTS:
            answer = run.call({**good, "sku": text, "orders": [{"order": text}]})
            assert "error" in answer
        holds()


@pytest.mark.parametrize(
    "asked",
    [
        {"operation": "broadcast", "command": "ping", "arguments": {"n": 1}, "context": "home", "expires_in": 60},
        {"operation": "rollout", "command": "ping", "arguments": {}, "per_minute": 10, "abort_percentage": 20},
        {"operation": "progress", "job": "jobs-1"},
        {"operation": "cancel", "job": "jobs-1"},
    ],
    ids=lambda asked: asked["operation"],
)
def test_a_wrong_broadcast_is_answered_with_its_reason(asked: dict[str, Any]) -> None:
    with running(BROADCASTS) as run:
        assert "error" not in run.call(asked)

        @examples(30)
        @given(event=altered(asked))
        def holds(event: Any) -> None:
            answer = run.call(event)
            assert answer.get("error", "-")
            strict_json(json.dumps(answer))

        for text in TEXTS:
            for name in asked:
                holds = example(event={**asked, name: text})(holds)
            holds = example(event={**asked, "arguments": {text: [text]}})(holds)
        for event in (None, [], "broadcast", 7):
            holds = example(event=event)(holds)
        holds()


@pytest.mark.parametrize(
    ("operation", "asked", "code"),
    [
        ("iot.CreateJob", {"operation": "rollout", "command": "ping"}, "InvalidRequestException"),
        ("iot.DescribeJob", {"operation": "progress", "job": "jobs-1"}, "ResourceNotFoundException"),
        ("iot.CancelJob", {"operation": "cancel", "job": "jobs-1"}, "ResourceNotFoundException"),
        ("iot-data.Publish", {"operation": "broadcast", "command": "ping"}, "RequestEntityTooLargeException"),
        ("iot-data.Publish", {"operation": "broadcast", "command": "ping"}, "InvalidRequestException"),
    ],
)
def test_what_aws_iot_refuses_of_a_broadcast_is_a_mistake_of_the_caller(
    operation: str, asked: dict[str, Any], code: str
) -> None:
    def refuse(_asked: Any) -> Any:
        raise refusal(code, operation, "because")

    with running(replace(BROADCASTS, world=lambda: World(answers={operation: refuse}))) as run:
        assert run.call(asked) == {"error": "because"}


@pytest.mark.parametrize("text", TEXTS)
def test_a_subscription_to_no_channel_is_refused(text: str) -> None:
    event = {"info": {"channel": {"path": text}}, "identity": {"sub": "u1", "claims": {"token_use": "access"}}}
    with running(SUBSCRIPTIONS) as run:
        assert run.call(event)["error"]
        event["info"]["channel"]["path"] = f"/rooms/{text}/0"
        assert run.call(event)["error"]


@pytest.mark.parametrize("route", ["subscribe", "unsubscribe", "ping", "$default"])
def test_a_client_of_a_web_socket_is_answered_whatever_it_sends(route: str) -> None:
    with running(WEB_SOCKET) as run:

        @examples(15)
        @given(body=texts({"action": route, "channel": "/others/one"}))
        def holds(body: str) -> None:
            answer = run.call(web_socket(route, body))
            assert answer["statusCode"] == 200
            json.loads(answer["body"])

        for body in UNREADABLE:
            holds = example(body=body)(holds)
        holds()


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_link_that_no_mail_has_is_answered_with_a_page(method: str, text: str) -> None:
    with running(UNSUBSCRIBE) as run:
        for query in (None, {"user": text, "token": "t"}, {"user": "u1", "token": text}):
            answer = run.call(http(method=method, path="/unsubscribe", query=query, user=None))
            assert answer["statusCode"] == {"GET": 200, "POST": 403, "DELETE": 405}[method]
            assert "<html" in answer["body"]


@pytest.mark.parametrize("subject", [VAPID_KEYS, PEERING], ids=["vapid_keys", "peering_acceptance"])
def test_cloudformation_gets_one_answer_whatever_it_asks(subject: Subject) -> None:
    wanted = {"SecretId": "secret", "AttachmentId": "tgw-attach-1", "Region": "us-west-2"}
    asked = {"RequestType": "Create", "ResourceProperties": wanted}
    place = {
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "VapidKeys",
        "ResponseURL": "https://answer.example",
    }
    with running(subject) as run:

        @examples(15)
        @given(event=altered(asked))
        @example(event={**asked, "ResourceProperties": {**wanted, "AttachmentId": "é" * 1500}})
        @example(event={**asked, "ResourceProperties": {**wanted, "Region": "\ud800"}})
        def holds(event: Any) -> None:
            run.call({**event, **place})
            (sent,) = [asked for name, asked in run.world.calls if name == "http.PUT"]
            body = sent[1]["body"]
            assert len(body) < 4096
            assert json.loads(body)["Status"] in {"SUCCESS", "FAILED"}

        holds()


@pytest.mark.parametrize(
    "good",
    [{"action": "move", "share": 10, "after": 0}, {"action": "back", "error": {"Error": "AlarmError", "Cause": "{}"}}],
    ids=["move", "back"],
)
def test_a_step_of_a_transition_is_done_or_refused_and_moves_nobody_when_it_is_refused(good: dict[str, Any]) -> None:
    with running(TRANSITION) as run:
        assert run.call(good)["share"] in {0, 10}

        @examples(40)
        @given(asked=altered(good))
        def holds(asked: Any) -> None:
            # Refused as no step, or since the weights are others than it says.
            refused = (ValueError, run.module.ChangedError)
            with contextlib.suppress(*refused):
                assert run.call(asked)["share"] in range(101)
                return
            assert not [name for name, _ in run.world.calls if name == "elbv2.ModifyRule"]

        for text in TEXTS:
            run.call({"action": "back", "error": {"Error": text, "Cause": text}})
        holds()


def test_an_answer_to_cloudformation_stays_below_its_limit() -> None:
    def refuse(_asked: Any) -> Any:
        raise refusal("AccessDeniedException", "GetSecretValue", "because " * 1000)

    subject = Subject(
        package=VAPID_KEYS.package,
        world=lambda: World(answers={"secretsmanager.GetSecretValue": refuse}),
    )
    event = {"RequestType": "Create", "ResourceProperties": {"SecretId": "secret"}}
    with running(subject) as run:
        run.call({**event, "StackId": "s", "RequestId": "r", "LogicalResourceId": "Keys", "ResponseURL": "https://a"})
        (sent,) = [asked[1]["body"] for name, asked in run.world.calls if name == "http.PUT"]
    assert json.loads(sent)["Status"] == "FAILED"
    assert len(sent) < 4096


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("0001-000-bad.json", b"{}"),
        ("0001-000-bad.json", b"\xff\xfe"),
        ("0001-000-bad.json", b"[" * 100_000),
        ("0001-000-bad.json", b'{"id": "\\ud800"}'),
        ("somebody else's", b"{}"),
        ("9999-999-bad.json", b"{}"),
    ],
    ids=["no field", "no text", "nested", "surrogate", "foreign", "no time"],
)
def test_an_object_that_is_no_delivery_does_not_end_a_replay(key: str, body: bytes) -> None:
    def kept(name: str) -> bytes:
        return json.dumps(
            {"id": name, "received_at": "2026-11-24T10:00:00.000+00:00", "headers": {}, "body": name}
        ).encode()

    objects = {
        f"{REPLAY_PREFIX}0000-000-first.json": kept("first"),
        f"{REPLAY_PREFIX}{key}": body,
        f"{REPLAY_PREFIX}0002-000-last.json": kept("last"),
    }

    def listed(parameters: Any) -> Any:
        found = sorted(name for name in objects if name.startswith(parameters.get("Prefix", "")))
        return {"Contents": [{"Key": name} for name in found], "IsTruncated": False}

    def world() -> World:
        return World(
            objects={name: {"Body": content} for name, content in objects.items()},
            answers={
                "s3.ListObjectsV2": listed,
                "s3.GetObject": lambda asked: {"Body": io.BytesIO(objects[asked["Key"]])},
            },
        )

    with running(Subject(package=REPLAY.package, environment=REPLAY.environment, world=world)) as run:
        answer = run.call({"from": "2026-11-24T10:00:00Z", "to": "2026-11-24T11:00:00Z"})
        assert answer["queued"] == 2
        assert run.world.did("first")
        assert run.world.did("last")


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("s3.GetObject", "NoSuchKey"),
        ("s3.GetObject", "InvalidObjectState"),
        ("sqs.SendMessage", "InvalidMessageContents"),
        ("sqs.SendMessage", "InvalidParameterValue"),
    ],
)
def test_a_delivery_that_can_never_be_queued_does_not_end_a_replay(operation: str, code: str) -> None:
    names = [f"{REPLAY_PREFIX}000{number}-000-{name}.json" for number, name in enumerate(("first", "bad", "last"))]

    def refuse(name: str, parameters: Any) -> None:
        if name == operation and "-bad.json" in repr(parameters):
            raise refusal(code, operation)

    def get(parameters: Any) -> Any:
        refuse("s3.GetObject", parameters)
        kept = {"id": parameters["Key"], "received_at": "2026-11-24T10:00:00.000+00:00", "headers": {}, "body": "{}"}
        return {"Body": io.BytesIO(json.dumps(kept).encode())}

    def send(parameters: Any) -> Any:
        refuse("sqs.SendMessage", parameters)
        return {}

    def world() -> World:
        listed = {"Contents": [{"Key": name} for name in names], "IsTruncated": False}
        return World(answers={"s3.ListObjectsV2": listed, "s3.GetObject": get, "sqs.SendMessage": send})

    with running(Subject(package=REPLAY.package, environment=REPLAY.environment, world=world)) as run:
        answer = run.call({"from": "2026-11-24T10:00:00Z", "to": "2026-11-24T11:00:00Z"})
        assert (answer["queued"], answer["failed"], answer["next"]) == (2, 1, None)
