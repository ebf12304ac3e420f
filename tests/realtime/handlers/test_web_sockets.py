"""The handlers of WebSocketChannels: who is let in, what is remembered, and what is posted to whom."""

import base64
import json
import time
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
import urllib3
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.handlers import import_handler

ISSUER = "https://cognito-idp.ap-northeast-1.amazonaws.com/ap-northeast-1_Example"
ARN = "arn:aws:execute-api:us-west-2:111122223333:api/live/$connect"


def load(name: str) -> ModuleType:
    return import_handler(f"cdp_constructs.realtime.handlers.{name}")


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_REGION": "us-west-2",
            "POWERTOOLS_TRACE_DISABLED": "1",
            "ISSUER": ISSUER,
            "CLIENT_IDS": "client1,client2",
            "TABLE_NAME": "subscriptions",
            "SUBSCRIBE_HANDLERS": json.dumps({"rooms": "arn:membership"}),
            "CALLBACK_URL": "https://api1.execute-api.us-west-2.amazonaws.com/live",
        }.items():
            patch.setenv(name, value)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(key: rsa.RSAPrivateKey = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    head = {"alg": "RS256", "kid": "k1", **(header or {})}
    body = {
        "iss": ISSUER,
        "exp": time.time() + 60,
        "token_use": "access",
        "client_id": "client1",
        "sub": "amy",
        "username": "amy@example.com",
        **claims,
    }
    signed = ".".join(encoded(json.dumps(part).encode()) for part in (head, body))
    return f"{signed}.{encoded(key.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"


class Pool:
    """Stands for Cognito: serves the pool's public key, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def request(self, _method: str, url: str) -> Any:
        self.asked.append(url)
        numbers = KEY.public_key().public_numbers()
        key = {"kty": "RSA", "kid": "k1", "n": encoded(numbers.n.to_bytes(256)), "e": encoded(numbers.e.to_bytes(3))}
        return MagicMock(json=lambda: {"keys": [key]})


@pytest.fixture
def authorization(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load("web_socket_authorization")
    monkeypatch.setattr(module.keys, "http", Pool())
    return module


def decision(module: ModuleType, *protocols: str) -> dict[str, Any]:
    event = {
        "methodArn": ARN,
        "headers": {"Sec-WebSocket-Protocol": ", ".join(protocols)} if protocols else {},
        "requestContext": {"connectionId": "c1", "identity": {"sourceIp": "192.0.2.1"}},
    }
    answer: dict[str, Any] = module.handler(event, MagicMock())
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("execute-api:Invoke", ARN)
    return {"effect": statement["Effect"], **answer}


@pytest.mark.parametrize(
    "claims",
    [{}, {"client_id": "client2"}, {"token_use": "id", "client_id": None, "aud": "client1"}],
    ids=["access token", "other client", "id token"],
)
def test_a_token_of_the_pool_and_its_clients_is_let_in(authorization: ModuleType, claims: dict[str, Any]) -> None:
    answer = decision(authorization, "channels", f"token-{token(**claims)}")
    assert (answer["effect"], answer["principalId"]) == ("Allow", "amy")
    assert answer["context"]["sub"] == "amy"
    assert json.loads(answer["context"]["claims"])["iss"] == ISSUER


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        "a.b.c",
        token(OTHER_KEY),
        token(header={"kid": "unknown"}),
        token(header={"alg": "none"}),
        token(header={"alg": "HS256"}),
        token(iss=ISSUER + "x"),
        token(exp=time.time() - 1),
        token(token_use="refresh"),
        token(client_id="client3"),
        token().rsplit(".", 1)[0] + ".",
        token(header={"alg": ["RS256"]}),
        token(header={"kid": {"k1": 1}}),
        token(header={"kid": None}),
        token(exp=None),
        token(exp="soon"),
        token(sub=None),
        token(iss=[ISSUER]),
        token(client_id=None),
        token(client_id=None, aud=["client1"]),
        token(nbf=time.time() + 60),
        f"{encoded(b'[' * 100_000)}.e30.",
        f"{encoded(bytes(range(256)))}.e30.",
    ],
)
def test_any_other_token_is_refused(authorization: ModuleType, bad: str) -> None:
    assert decision(authorization, "channels", f"token-{bad}")["effect"] == "Deny"


def test_no_text_is_more_than_refused(authorization: ModuleType) -> None:
    @settings(deadline=None)
    @given(st.text())
    def refused(text: str) -> None:
        assert decision(authorization, "channels", f"token-{text}")["effect"] == "Deny"

    refused()


def test_a_token_that_cognito_issued_a_moment_ahead_of_our_clock_is_let_in(authorization: ModuleType) -> None:
    assert decision(authorization, f"token-{token(iat=time.time() + 5)}")["effect"] == "Allow"


def test_a_pool_whose_keys_cannot_be_read_refuses_nobody_but_fails(
    authorization: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = SimpleNamespace(request=MagicMock(side_effect=urllib3.exceptions.HTTPError("no connection")))
    monkeypatch.setattr(authorization.keys, "http", away)
    with pytest.raises(urllib3.exceptions.HTTPError):
        decision(authorization, f"token-{token()}")


def test_keys_are_read_from_the_pool_and_with_another_endpoint_from_its_path_there(
    authorization: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    url = type(authorization.environment).read().keys_url
    assert url == "http://127.0.0.1:4566/ap-northeast-1_Example/.well-known/jwks.json"


def test_no_token_is_refused(authorization: ModuleType) -> None:
    assert decision(authorization)["effect"] == "Deny"
    assert decision(authorization, "channels")["effect"] == "Deny"


def test_keys_are_read_once_and_unknown_ones_looked_for_once_a_minute(authorization: ModuleType) -> None:
    for _ in range(3):
        decision(authorization, f"token-{token()}")
        decision(authorization, f"token-{token(header={'kid': 'unknown'})}")
    assert authorization.keys.http.asked == [f"{ISSUER}/.well-known/jwks.json"]
    authorization.keys.read_at -= 61
    decision(authorization, f"token-{token(header={'kid': 'unknown'})}")
    assert len(authorization.keys.http.asked) == 2


@pytest.fixture
def subscriptions(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load("web_socket_subscriptions")
    monkeypatch.setattr(module.subscriptions, "table", MagicMock())
    monkeypatch.setattr(module.handlers, "functions", MagicMock())
    answers(module, None)
    return module


def answers(module: ModuleType, said: Any, **more: Any) -> None:
    payload = MagicMock(read=lambda: json.dumps(said).encode())
    module.handlers.functions.invoke.return_value = {"Payload": payload, **more}


def ask(module: ModuleType, route: str, body: Any = None) -> dict[str, Any]:
    event = {
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "requestContext": {
            "routeKey": route,
            "connectionId": "c1",
            "connectedAt": 1_000_000,
            "identity": {"sourceIp": "192.0.2.1"},
            "authorizer": {"sub": "amy", "username": "a", "issuer": ISSUER, "claims": '{"sub": "amy"}'},
        },
    }
    answer: dict[str, Any] = module.handler(event, MagicMock())
    assert answer["statusCode"] == 200
    return {**answer, **json.loads(answer.get("body", "{}"))}


def test_a_connection_gets_the_sub_protocol_that_it_offered(subscriptions: ModuleType) -> None:
    assert ask(subscriptions, "$connect")["headers"] == {"Sec-WebSocket-Protocol": "channels"}


def test_a_subscription_is_checked_as_appsync_would_and_kept_until_the_connection_must_end(
    subscriptions: ModuleType,
) -> None:
    answer = ask(subscriptions, "subscribe", {"action": "subscribe", "channel": "rooms/one"})
    assert (answer["type"], answer["channel"]) == ("subscribe_success", "/rooms/one")
    question = json.loads(subscriptions.handlers.functions.invoke.call_args.kwargs["Payload"])
    assert question["identity"]["sub"] == "amy"
    assert question["info"] == {
        "channel": {"path": "/rooms/one", "segments": ["rooms", "one"]},
        "channelNamespace": {"name": "rooms"},
        "operation": "SUBSCRIBE",
    }
    item = {"channel": "/rooms/one", "connection": "c1", "user": "amy", "expires_at": 1_000 + 7_200}
    subscriptions.subscriptions.table.put_item.assert_called_once_with(Item=item)


@pytest.mark.parametrize(
    ("said", "more"), [({"error": "no"}, {}), ({"errorMessage": "broken"}, {"FunctionError": "Unhandled"})]
)
def test_who_the_handler_does_not_let_in_is_not_kept(
    subscriptions: ModuleType, said: Any, more: dict[str, Any]
) -> None:
    answers(subscriptions, said, **more)
    answer = ask(subscriptions, "subscribe", {"channel": "/rooms/one"})
    assert answer["type"] == "subscribe_error"
    assert "broken" not in answer["body"]
    subscriptions.subscriptions.table.put_item.assert_not_called()


@pytest.mark.parametrize(
    "body",
    [
        None,
        "no JSON",
        "[" * 100_000,
        '{"channel":' * 100_000,
        '{"channel": ' + "1" * 5_000 + "}",
        '{"channel": 1e999}',
        '{"channel": "\\ud800"}',
        "NaN",
        "[]",
        {},
        {"channel": "/rooms/*"},
        {"channel": "/elsewhere/one"},
    ],
)
def test_what_is_no_channel_is_refused_without_asking(subscriptions: ModuleType, body: Any) -> None:
    assert ask(subscriptions, "subscribe", body)["type"] == "subscribe_error"
    subscriptions.handlers.functions.invoke.assert_not_called()


def test_unsubscribing_pinging_and_nonsense_are_answered(subscriptions: ModuleType) -> None:
    assert ask(subscriptions, "unsubscribe", {"channel": "rooms/one"})["type"] == "unsubscribe_success"
    subscriptions.subscriptions.table.delete_item.assert_called_once_with(
        Key={"channel": "/rooms/one", "connection": "c1"}
    )
    assert ask(subscriptions, "ping")["type"] == "ka"
    assert ask(subscriptions, "$default", "nonsense")["type"] == "error"


def test_an_ended_connection_is_forgotten_page_by_page(subscriptions: ModuleType) -> None:
    subscriptions.subscriptions.table.query.side_effect = [
        {"Items": [{"channel": "/rooms/one"}], "LastEvaluatedKey": {"k": 1}},
        {"Items": [{"channel": "/rooms/two"}]},
    ]
    ask(subscriptions, "$disconnect")
    batch = subscriptions.subscriptions.table.batch_writer.return_value.__enter__.return_value
    deleted = [call.kwargs["Key"]["channel"] for call in batch.delete_item.call_args_list]
    assert deleted == ["/rooms/one", "/rooms/two"]


class Connections:
    """Stands for the callback API: remembers what it took, and fails for those it is told to."""

    def __init__(self, real: Any) -> None:
        self.exceptions = real.exceptions
        self.posted: dict[str, list[Any]] = {}
        self.failing: dict[str, Exception] = {}

    def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> None:  # noqa: N803
        if ConnectionId in self.failing:
            raise self.failing[ConnectionId]
        self.posted.setdefault(ConnectionId, []).append(json.loads(json.loads(Data)["event"]))


@pytest.fixture
def publishing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load("web_socket_publishing")
    monkeypatch.setattr(module.subscribers, "api", Connections(module.subscribers.api))
    monkeypatch.setattr(module.subscribers, "table", MagicMock())
    module.subscribers.table.query.side_effect = [
        {"Items": [{"connection": "c1"}, {"connection": "c2"}], "LastEvaluatedKey": {"k": 1}},
        {"Items": [{"connection": "c3"}]},
    ]
    return module


def message(number: Any, channel: str | None = "/rooms/one", body: str | None = None) -> dict[str, Any]:
    attributes = {"channel": {"dataType": "String", "stringValue": channel}} if channel is not None else {}
    text = json.dumps(number) if body is None else body
    return {"messageId": f"m{number}", "body": text, "messageAttributes": attributes}


def failed(module: ModuleType, *records: dict[str, Any]) -> list[str]:
    answer = module.handler({"Records": list(records)}, MagicMock())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_each_connection_gets_all_messages_in_order(publishing: ModuleType) -> None:
    assert failed(publishing, *(message(number) for number in range(7))) == []
    assert publishing.subscribers.api.posted == {name: list(range(7)) for name in ("c1", "c2", "c3")}
    assert publishing.subscribers.table.query.call_count == 2


def test_connections_are_queried_by_channel(publishing: ModuleType) -> None:
    failed(publishing, message(1, channel="rooms/one/"))
    arguments = publishing.subscribers.table.query.call_args_list[0].kwargs
    assert arguments["ExpressionAttributeValues"] == {":channel": "/rooms/one"}
    publishing.subscribers.table.scan.assert_not_called()


def test_a_connection_that_is_gone_is_removed_and_fails_nothing(publishing: ModuleType) -> None:
    gone = publishing.subscribers.api.exceptions.GoneException({"Error": {"Code": "GoneException"}}, "PostToConnection")
    publishing.subscribers.api.failing["c2"] = gone
    assert failed(publishing, message(1), message(2)) == []
    publishing.subscribers.table.delete_item.assert_called_once_with(Key={"channel": "/rooms/one", "connection": "c2"})
    assert publishing.subscribers.api.posted["c3"] == [1, 2]


def test_a_connection_that_cannot_be_posted_to_fails_the_messages(publishing: ModuleType) -> None:
    throttled = ClientError({"Error": {"Code": "LimitExceededException"}}, "PostToConnection")
    publishing.subscribers.api.failing["c2"] = throttled
    assert failed(publishing, message(1), message(2)) == ["m1", "m2"]
    assert publishing.subscribers.api.posted["c3"] == [1, 2]


def test_a_table_that_is_away_fails_its_messages(publishing: ModuleType) -> None:
    publishing.subscribers.table.query.side_effect = ClientError({"Error": {"Code": "ServiceUnavailable"}}, "Query")
    assert failed(publishing, message(1)) == ["m1"]


@pytest.mark.parametrize(
    "bad",
    [
        message("bad", channel=None),
        message("bad", channel="/rooms/*"),
        message("bad", body="no JSON"),
        message("bad", body="NaN"),
        message("bad", body="[" * 100_000),
        message("bad", body=json.dumps("x" * 131_072)),
    ],
)
def test_what_can_never_be_published_fails_alone(publishing: ModuleType, bad: dict[str, Any]) -> None:
    assert failed(publishing, message(1), bad) == ["mbad"]
    assert publishing.subscribers.api.posted["c1"] == [1]


def test_a_message_counts_as_its_bytes_are_sent(publishing: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[bytes] = []
    monkeypatch.setattr(publishing.subscribers.api, "post_to_connection", lambda **post: frames.append(post["Data"]))
    publishing.subscribers.table.query.side_effect = lambda **_: {"Items": [{"connection": "c1"}]}
    long = json.dumps("日本語" * 7334, ensure_ascii=False)
    assert len(long.encode()) > 66_000
    assert failed(publishing, message(1, body=long)) == []
    (frame,) = frames
    assert json.loads(frame)["event"] == long
    assert len(frame) < 66_100, "and not as \\u65e5, which has twice the bytes"
    # The largest one, and one more byte: API Gateway takes 128 KiB.
    around = len(frame) - len(long.encode())
    characters, rest = divmod(128 * 1024 - around - 2, 3)
    largest = json.dumps("日" * characters + "x" * rest, ensure_ascii=False)
    assert failed(publishing, message(2, body=largest)) == []
    assert len(frames[-1]) == 131_072
    assert failed(publishing, message(3, body=f'"x{largest[1:]}'), message(4)) == ["m3"]
    assert json.loads(frames[-1])["event"] == "4"


def test_posts_go_to_the_stage_and_with_another_endpoint_to_its_path_there(
    publishing: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = publishing.Environment
    assert environment.read().endpoint == "https://api1.execute-api.us-west-2.amazonaws.com/live"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert environment.read().endpoint == "http://127.0.0.1:4566/_aws/execute-api/api1/live"


def test_an_answer_repeats_no_more_than_a_channel(subscriptions: ModuleType) -> None:
    longest = "/".join(["", *5 * ["a" * 50]])
    assert ask(subscriptions, "subscribe", {"channel": longest})["channel"] == longest
    for named in ("\u3042" * 30_000, {"a": "b" * 100_000}, int("9" * 4000)):
        answer = ask(subscriptions, "subscribe", {"channel": named})
        assert (answer["type"], answer["channel"]) == ("subscribe_error", "")
        assert len(answer["body"]) < 1000
