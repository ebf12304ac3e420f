"""What the signer signs, for whom, and what it refuses."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aws_lambda_powertools.utilities.parameters.exceptions import TransformParameterError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.handlers import import_handler

CONTEXT = SimpleNamespace(
    function_name="sign", memory_limit_in_mb=512, invoked_function_arn="arn:aws:lambda:x", aws_request_id="1"
)
PACKAGE = "cdp_constructs.delivery.handlers.url_signing"
KEYS = {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("CURRENT", "PREVIOUS")}


def secret(name: str, *, usable_from: float = 0) -> dict[str, Any]:
    pem = KEYS[name].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"key_pair_id": f"K{name}", "private_key": pem.decode(), "usable_from": usable_from}


class Provider:
    """Stands for one version of the secret."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.asked: dict[str, Any] = {}

    def get(self, name: str, **options: Any) -> Any:
        self.asked = {"name": name, **options}
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    environment = {
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "SIGNING_SECRET": "arn:secret",
        "DOMAIN_NAME": "files.example.com",
        "USER_PREFIX": "accepted/{sub}/",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return start(monkeypatch)


def start(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the handler as a cold start does, with keys of the test."""
    module = import_handler(PACKAGE)
    monkeypatch.setattr(signing(), "current_key", Provider(secret("CURRENT")))
    monkeypatch.setattr(signing(), "previous_key", Provider(secret("PREVIOUS")))
    return module


def signing() -> Any:
    """The module that signs, of the handler that was imported last."""
    return import_module(f"{PACKAGE}.signing")


def decode(text: str) -> bytes:
    return base64.b64decode(text.translate(str.maketrans("-_~", "+=/")))


def verify(name: str, signature: str, policy: str) -> None:
    KEYS[name].public_key().verify(decode(signature), policy.encode(), padding.PKCS1v15(), hashes.SHA256())


def request(path: str, *, subject: str | None = "u1", **body: Any) -> dict[str, Any]:
    """Return what an HTTP API with a JWT authorizer sends."""
    claims = {"authorizer": {"jwt": {"claims": {"sub": subject}, "scopes": None}}} if subject else {}
    context = {"http": {"method": "POST", "path": "/downloads"}, "stage": "$default", **claims}
    event = {"version": "2.0", "routeKey": "POST /downloads", "rawPath": "/downloads", "headers": {}}
    return {**event, "requestContext": context, "body": json.dumps({"path": path, **body})}


def ask(index: ModuleType, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = index.handler(event, CONTEXT)
    assert answer["headers"]["Cache-Control"] == "no-store"
    return answer["statusCode"], json.loads(answer["body"])


# --- What is signed --------------------------------------------------------------------------------------------------


def test_an_object_gets_a_canned_policy_signed_with_sha_256(index: ModuleType) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    answer = index.handler({"path": "accepted/u1/a b.jpg", "expires_in": 60}, CONTEXT)
    url, query = answer["url"].partition("?")[::2]
    parts = {name: values[0] for name, values in parse_qs(query).items()}
    assert url == "https://files.example.com/accepted/u1/a%20b.jpg"
    assert parts["Key-Pair-Id"] == "KCURRENT"
    assert parts["Hash-Algorithm"] == "SHA256"
    expires = int(parts["Expires"])
    verify(
        "CURRENT",
        parts["Signature"],
        f'{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}',
    )
    expires_at = datetime.fromisoformat(answer["expires_at"])
    assert expires_at.timestamp() == expires
    assert timedelta(seconds=60) <= expires_at - before < timedelta(seconds=65)
    assert set(answer) == {"url", "expires_at"}


def test_a_folder_gets_cookies_with_a_wildcard_policy(index: ModuleType) -> None:
    answer = index.handler({"path": "accepted/u1/*", "expires_in": 600}, CONTEXT)
    cookies = answer["cookies"]
    assert answer["url"] == "https://files.example.com/accepted/u1/*"
    assert cookies["CloudFront-Key-Pair-Id"] == "KCURRENT"
    assert cookies["CloudFront-Hash-Algorithm"] == "SHA256"
    policy = decode(cookies["CloudFront-Policy"]).decode()
    verify("CURRENT", cookies["CloudFront-Signature"], policy)
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Resource"] == "https://files.example.com/accepted/u1/*"
    assert set(cookies) == {f"CloudFront-{name}" for name in ("Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")}


def test_a_wildcard_in_a_name_cannot_reach_other_objects(index: ModuleType) -> None:
    url = index.handler({"path": "accepted/u1/what?.jpg"}, CONTEXT)["url"]
    assert urlsplit(url).path == "/accepted/u1/what%3F.jpg"


def test_a_new_key_waits_until_the_edge_locations_know_it(index: ModuleType) -> None:
    signing().current_key.value = secret("CURRENT", usable_from=time.time() + 60)
    url = index.handler({"path": "accepted/u1/a.jpg"}, CONTEXT)["url"]
    assert "Key-Pair-Id=KPREVIOUS" in url
    assert signing().previous_key.asked["VersionStage"] == "AWSPREVIOUS"
    signing().current_key.value = secret("CURRENT", usable_from=time.time() - 1)
    assert "Key-Pair-Id=KCURRENT" in index.handler({"path": "accepted/u1/a.jpg"}, CONTEXT)["url"]


# --- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({}, "path"),
        ({"path": ""}, "path"),
        ({"path": "/a.jpg"}, "empty, '.' or '..' segment"),
        ({"path": "a//b.jpg"}, "empty, '.' or '..' segment"),
        ({"path": "accepted/u1/../u2/a.jpg"}, "empty, '.' or '..' segment"),
        ({"path": "accepted/u1/../*"}, "empty, '.' or '..' segment"),
        ({"path": "accepted/u*"}, "has a \\* that is not its end"),
        ({"path": "accepted/*/a.jpg"}, "has a \\* that is not its end"),
        ({"path": "/*"}, "empty, '.' or '..' segment"),
        ({"path": "é" * 513}, "longer than 1024 bytes"),
        ({"path": "a.jpg", "expires_in": 0}, "expires_in"),
        ({"path": "a.jpg", "expires_in": 3601}, "expires_in"),
        ({"path": "a.jpg", "expiry": 60}, "expiry"),
    ],
)
def test_requests_that_make_no_sense_are_refused(index: ModuleType, event: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        index.handler(event, CONTEXT)


# --- Users -----------------------------------------------------------------------------------------------------------


def test_a_user_gets_what_is_under_the_own_prefix(index: ModuleType) -> None:
    status, body = ask(index, request("accepted/u1/a.jpg"))
    assert status == 200
    assert body["url"].startswith("https://files.example.com/accepted/u1/a.jpg?")


@pytest.mark.parametrize(
    "path", ["accepted/u2/a.jpg", "accepted/u10/a.jpg", "a.jpg", "accepted/*", "incoming/u1/a.jpg"]
)
def test_what_is_of_another_user_is_refused(index: ModuleType, path: str) -> None:
    assert ask(index, request(path)) == (403, {"message": "Not yours"})


def test_a_subject_with_a_slash_is_refused(index: ModuleType) -> None:
    # Else the user "u1/x" would share the folder accepted/u1/x/ with the user "u1".
    assert ask(index, request("accepted/u1/x/a.jpg", subject="u1/x"))[0] == 403


def test_without_a_token_nothing_is_signed(index: ModuleType) -> None:
    assert ask(index, request("accepted/u1/a.jpg", subject=None))[0] == 401


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "Invalid JSON"),
        ("{", "Invalid JSON"),
        ('{"path": "accepted/u1/a.jpg", "expires_in": 86400}', "expires_in: Input should be less than"),
        ('{"path": "accepted/u1/../u2/a.jpg"}', "path: Value error, has an empty"),
    ],
)
def test_a_wrong_body_is_explained(index: ModuleType, body: str | None, message: str) -> None:
    status, answer = ask(index, {**request("x"), "body": body})
    assert status == 400
    assert message in answer["message"]


def test_a_body_in_base64_is_read(index: ModuleType) -> None:
    event = request("accepted/u1/a.jpg")
    event |= {"body": base64.b64encode(event["body"].encode()).decode(), "isBase64Encoded": True}
    assert ask(index, event)[0] == 200


def test_a_browser_gets_the_cookies_for_the_domain_that_it_shares(
    index: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert index.handler(request("accepted/u1/*"), CONTEXT)["cookies"] == []
    monkeypatch.setenv("COOKIE_DOMAIN", "example.com")
    index = start(monkeypatch)
    cookies = index.handler(request("accepted/u1/*", expires_in=60), CONTEXT)["cookies"]
    assert len(cookies) == 4
    for cookie in cookies:
        assert cookie.startswith("CloudFront-")
        attributes = cookie.split("; ")[1:]
        assert len(attributes) == 6
        assert set(attributes) == {
            "Domain=example.com",
            "Path=/accepted/u1/",
            "Max-Age=60",
            "Secure",
            "HttpOnly",
            "SameSite=Lax",
        }
    assert index.handler(request("accepted/u1/a.jpg"), CONTEXT)["cookies"] == []


def test_no_signature_reaches_the_log(index: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    url = index.handler({"path": "accepted/u1/a.jpg"}, CONTEXT)["url"]
    ask(index, request("accepted/u2/a.jpg"))
    signature = parse_qs(urlsplit(url).query)["Signature"][0]
    out, err = capsys.readouterr()
    assert signature not in out + err
    assert "PRIVATE KEY" not in out + err


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[" * 20_000, 400),
        ('{"path":' * 5_000, 400),
        (f'{{"path": "accepted/u1/a", "expires_in": {"9" * 4000}}}', 400),
        (f'{{"path": "accepted/u1/a", "expires_in": {"9" * 60_000}}}', 400),
        ('{"path": "accepted/u1/a", "expires_in": NaN}', 400),
        ('{"path": "accepted/u1/\\ud800"}', 400),
        ("", 400),
        ('{"path": "' + "a" * 70_000, 413),
    ],
)
def test_no_body_is_this_functions_failure(index: ModuleType, body: str, status: int) -> None:
    assert ask(index, {**request(""), "body": body})[0] == status


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(body=st.binary(max_size=100) | st.text(max_size=30).map(lambda path: json.dumps({"path": path}).encode()))
def test_no_bytes_are_this_functions_failure(index: ModuleType, body: bytes) -> None:
    event = {**request(""), "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    assert ask(index, event)[0] in {400, 403}


@pytest.mark.parametrize(
    "lost",
    [
        {"note": "overwritten by hand"},
        None,
        TransformParameterError("no JSON"),
        {**secret("CURRENT"), "usable_from": "soon"},
        {**secret("CURRENT"), "usable_from": None},
        {**secret("CURRENT"), "key_pair_id": 7},
        {**secret("CURRENT"), "private_key": 7},
        {**secret("CURRENT"), "private_key": ""},
        {**secret("CURRENT"), "private_key": "-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----"},
        {**secret("CURRENT"), "private_key": "\ud800"},
    ],
)
def test_an_unusable_secret_is_named(index: ModuleType, monkeypatch: pytest.MonkeyPatch, lost: Any) -> None:
    monkeypatch.setattr(signing(), "current_key", Provider(lost))
    with pytest.raises(signing().UnusableKeyError, match="secret arn:secret holds no usable signing key; rotate it"):
        index.handler({"path": "u1/report.pdf"}, CONTEXT)


def test_after_the_loss_of_a_key_the_new_one_signs_at_once(index: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing(), "current_key", Provider(secret("CURRENT", usable_from=time.time() + 600)))
    monkeypatch.setattr(signing(), "previous_key", Provider({"note": "overwritten by hand"}))
    signed = index.handler({"path": "u1/report.pdf"}, CONTEXT)
    assert "Key-Pair-Id=KCURRENT" in signed["url"]
