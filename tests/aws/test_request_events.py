"""Handlers that answer somebody: APIs, authorizers, subscriptions and hooks, with AWS's documented events."""

import hashlib
import hmac
import json
import time
from functools import cache
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.aws.documented import CONTEXT, documented, function, http_request, run

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Example"
TABLE = {"TABLE_NAME": "table"}


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def as_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_a_url_is_signed_for_a_user() -> None:
    key = {"key_pair_id": "K1", "private_key": as_pem(private_key()), "usable_from": 0}
    answer, _ = run(
        http_request("POST", "/sign", {"path": "u1/a.png"}, claims={"sub": "u1"}),
        "cdp_constructs.delivery.handlers.url_signing",
        {"GetSecretValue": {"SecretString": json.dumps(key)}},
        DOMAIN_NAME="files.example.com",
        SIGNING_SECRET="secret",
        USER_PREFIX="{sub}/",
    )
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["url"].startswith("https://files.example.com/u1/a.png?")


@pytest.mark.parametrize(("claims", "status"), [({"sub": "u1"}, 201), ({}, 401)])
def test_a_form_is_given_to_who_signed_in(claims: dict[str, str], status: int) -> None:
    answer, _ = run(
        http_request("POST", "/uploads", {"name": "a.png", "content_type": "image/png"}, claims=claims),
        "cdp_constructs.upload.handlers.form",
        BUCKET="uploads",
        CONTENT_TYPES='["image/png"]',
        EXPIRES_IN="300",
        INCOMING_PREFIX="incoming/",
        MAX_BYTES="100",
    )
    assert answer["statusCode"] == status


def test_a_delivery_of_a_webhook_is_queued() -> None:
    event = http_request("POST", "/webhook", '{"action": "opened"}')
    signature = hmac.new(b"shared", event["body"].encode(), hashlib.sha256).hexdigest()
    event["headers"] |= {"x-signature": signature, "x-delivery": "d1"}
    answer, aws = run(
        event,
        "cdp_constructs.workflow.handlers.receiver",
        {"GetSecretValue": {"SecretString": "shared"}},
        BUCKET="deliveries",
        ACCEPTED_PREFIX="accepted/",
        REJECTED_PREFIX="rejected/",
        QUEUE_URL="queue",
        SECRET="secret",
        TABLE="idempotency",
        REMEMBERED_SECONDS="3600",
        SCHEME="hmac-sha256",
        SIGNATURE_HEADER="x-signature",
        SIGNATURE_PREFIX="",
        SIGNATURE_ENCODING="hex",
        TIMESTAMP_HEADER="",
        DELIVERY_HEADER="x-delivery",
        DELIVERY_POINTER="",
        GROUP_BY="",
        EQUAL_BODIES_ARE_REPLAYS="false",
    )
    assert answer["statusCode"] == 202, answer
    (sent,) = aws.requests("SendMessage")
    assert json.loads(sent["MessageBody"])["body"] == event["body"]


def test_a_command_is_sent_to_a_device() -> None:
    answer, aws = run(
        http_request("POST", "/things/s1/commands", {"command": "measure"}),
        "cdp_constructs.iot.handlers.commands",
        {"GetItem": {"Item": {"serial_number": "s1", "context": "home"}}},
        ALLOW_LIST="list",
        APP="app",
        OUTCOMES="outcomes",
        SESSIONS="sessions",
        TIMEOUT_SECONDS="10",
    )
    assert answer["statusCode"] == 202, answer
    assert aws.requests("Publish")[0]["topic"] == "cmd/app/home/s1/req"


def test_the_page_for_unsubscribing_changes_nothing() -> None:
    answer, aws = run(
        http_request("GET", "/unsubscribe"),
        "cdp_constructs.messaging.handlers.unsubscribe",
        NOTICES=json.dumps({"table": "people", "platforms": {}}),
    )
    assert (answer["statusCode"], aws.operations) == (200, [])
    assert "<button" in answer["body"]


def test_the_page_of_an_approval_asks_for_the_code() -> None:
    answer, aws = run(
        http_request("GET", "/approvals/v-1.Approve"),
        "stacks.serverless.handlers.approvals",
        {"GetItem": {}},
        ANSWER_FUNCTION="answer",
        TABLE="prices",
    )
    assert (answer["statusCode"], aws.operations) == (404, ["GetItem"])


def test_a_region_without_dependencies_is_healthy() -> None:
    answer, _ = run(
        http_request("GET", "/health"),
        "cdp_constructs.routing.handlers.deep_health_check",
        CACHE_MS="0",
        TIME_BUDGET_MS="1000",
    )
    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (200, "ok")


def test_the_rooms_of_a_user_are_listed() -> None:
    # The query of the documented request means something else here.
    event = http_request("GET", "/rooms", claims={"sub": "u1"}) | {"rawQueryString": "", "queryStringParameters": {}}
    answer, aws = run(
        event,
        "stacks.chat.handlers.api",
        {"Query": {"Items": []}, "BatchGetItem": {"Responses": {}, "UnprocessedKeys": {}}},
        ACCEPTED_PREFIX="accepted/",
        ATTACHMENT_INDEX="index",
        LIMITS="{}",
        LOG_REGIONS="us-east-1",
        REALTIME="{}",
        SIGNING_FUNCTIONS="{}",
        UPLOAD_FUNCTION="upload",
        **TABLE,
    )
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["rooms"] == []
    assert "Query" in aws.operations


def test_a_phone_is_registered_for_notices() -> None:
    answer, aws = run(
        http_request("POST", "/devices", {"platform": "fcm", "token": "t" * 20}, claims={"sub": "u1"}),
        "stacks.mobile.handlers.notice_settings",
        {
            "CreatePlatformEndpoint": {"EndpointArn": "arn:aws:sns:us-east-1:111122223333:endpoint/GCM/mobile/1"},
            "Query": {"Items": []},
        },
        NOTICES='{"table": "notices", "platforms": {"fcm": "arn:aws:sns:us-east-1:111122223333:app/GCM/mobile"}}',
    )
    assert answer["statusCode"] == 201, answer
    assert "USER#u1" in str(aws.calls)


def test_a_document_of_a_user_is_written() -> None:
    event = http_request("PUT", "/documents/a", '{"level": 1}', claims={"sub": "u1"})
    event["headers"] = {"content-type": "application/json", "if-none-match": "*"}
    event["pathParameters"] = {"key": "a"}
    answer, aws = run(
        event,
        "cdp_constructs.data.handlers.user_data",
        {"BatchGetItem": {"Responses": {}, "UnprocessedKeys": {}}},
        BUCKET="documents",
        BYTES_PER_USER="1000",
        CONTENT_TYPES='["application/json"]',
        DOCUMENTS_PER_USER="10",
        INLINE_BYTES="100",
        LARGEST_BYTES="1000",
        WRITES_PER_MINUTE="10",
        **TABLE,
    )
    assert (answer["statusCode"], answer["headers"]["ETag"]) == (201, '"1"'), answer
    (request,) = aws.requests("TransactWriteItems")
    keys = [tuple(one["Put"]["Item"][name] for name in ("pk", "sk")) for one in request["TransactItems"]]
    assert keys == [("USER#u1", "COUNTER"), ("USER#u1", "DOCUMENT#a")]


def authorization(module: ModuleType, protocols: str | None) -> Any:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(private_key().public_key(), as_dict=True)
    module.keys.http = MagicMock()
    module.keys.http.request.return_value = MagicMock(json=lambda: {"keys": [public | {"kid": "k1"}]})
    event = documented("web-socket-authorizer")
    if protocols is not None:
        event["headers"]["Sec-WebSocket-Protocol"] = protocols
    return module.handler(event, CONTEXT)


def test_a_token_lets_in() -> None:
    claims = {"iss": ISSUER, "exp": time.time() + 60, "token_use": "access", "client_id": "c1", "sub": "u1"}
    token = jwt.encode(claims, private_key(), "RS256", headers={"kid": "k1"})
    package = "cdp_constructs.realtime.handlers.web_socket_authorization"
    with function(package, ISSUER=ISSUER, CLIENT_IDS="c1") as (module, _):
        for protocols, effect in ((f"channels, token-{token}", "Allow"), (None, "Deny")):
            answer = authorization(module, protocols)
            (statement,) = answer["policyDocument"]["Statement"]
            assert statement["Effect"] == effect
            assert statement["Resource"] == documented("web-socket-authorizer")["methodArn"]


def test_a_client_of_a_web_socket_connects_subscribes_and_leaves() -> None:
    package = "cdp_constructs.realtime.handlers.web_socket_subscriptions"
    user = {"sub": "u1", "username": "ann", "issuer": ISSUER, "claims": "{}"}
    message, leaving = documented("web-socket-message"), documented("web-socket-disconnect")
    message["requestContext"] |= {"routeKey": "subscribe", "authorizer": user}
    message["body"] = json.dumps({"action": "subscribe", "channel": "/rooms/r1/0"})
    connection = message["requestContext"]["connectionId"]
    key = {"channel": "/rooms/r1/0", "connection": connection}
    answers = {
        "Invoke": {"Payload": MagicMock(read=lambda: b"null")},
        "Query": {"Items": [key]},
        "BatchWriteItem": {"UnprocessedItems": {}},
    }
    with function(package, answers, SUBSCRIBE_HANDLERS='{"rooms": "arn"}', **TABLE) as (module, aws):
        answer = module.handler(documented("web-socket-connect"), CONTEXT)
        assert answer == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "channels"}}
        answer = module.handler(message, CONTEXT)
        assert json.loads(answer["body"]) == {"type": "subscribe_success", "channel": "/rooms/r1/0"}
        (written,) = aws.requests("PutItem")
        assert written["Item"]["connection"] == connection
        assert module.handler(leaving, CONTEXT) == {"statusCode": 200}
        (removed,) = aws.requests("BatchWriteItem")[0]["RequestItems"][TABLE["TABLE_NAME"]]
        assert removed["DeleteRequest"]["Key"] == key
    # What decides gets the event of AppSync Events.
    asked = json.loads(aws.requests("Invoke")[0]["Payload"])
    assert asked["info"].keys() == documented("appsync-events-subscription")["info"].keys()
    assert asked["info"]["channel"].keys() == {"path", "segments"}


@pytest.mark.parametrize("is_member", [True, False])
def test_members_may_subscribe_to_the_channel_of_their_room(is_member: bool) -> None:
    event = documented("appsync-events-subscription")
    event["identity"] |= {"sub": "u1", "claims": {"token_use": "access"}}
    event["info"]["channel"] = {"path": "/rooms/r1/0", "segments": ["rooms", "r1", "0"]}
    member = {"Item": {"pk": "ROOM#r1", "sk": "MEMBER#u1", "user": "u1"}}

    def found(request: dict[str, Any]) -> Any:
        return member if is_member and request["Key"]["sk"].startswith("MEMBER") else {}

    answer, _ = run(event, "stacks.chat.handlers.subscriptions", {"GetItem": found}, **TABLE)
    assert (answer is None) is is_member


@pytest.mark.parametrize("is_allowed", [True, False])
def test_a_device_on_the_allow_list_is_admitted(is_allowed: bool) -> None:
    event = documented("iot-provisioning-hook") | {"clientId": "claim-s1", "parameters": {"SerialNumber": "s1"}}
    item = {"serial_number": "s1", "context": "home"}
    answer, aws = run(
        event,
        "cdp_constructs.iot.handlers.registration",
        {"GetItem": {"Item": item} if is_allowed else {}},
        ALLOW_LIST="list",
        CERTIFICATES="arn:aws:iot:us-east-1:111122223333:cert",
        CLAIM_WINDOW_SECONDS="3600",
        GROUPS='{"home": "home-group"}',
    )
    assert answer["allowProvisioning"] is is_allowed
    assert ("UpdateItem" in aws.operations) is is_allowed
    if is_allowed:
        assert answer["parameterOverrides"]["Group"] == "home-group"
