"""The push service for browsers: it keeps what an application signed and encrypted, and refuses what browsers' do."""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import http_ece
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import Browser


class Application:
    """An application server, written after the RFCs."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public_key = urlsafe_b64encode(point).rstrip(b"=").decode()

    def authorization(self, endpoint: str, **claims: Any) -> str:
        url = httpx.URL(endpoint)
        told = {"aud": f"{url.scheme}://{url.host}:{url.port}", "exp": int(time.time()) + 3600, "sub": "mailto:a@b.c"}
        return f"vapid t={jwt.encode(told | claims, self.key, 'ES256')}, k={self.public_key}"

    def push(self, browser: Browser, content: str, body: bytes | None = None, **headers: str) -> httpx.Response:
        given = {
            "authorization": self.authorization(browser.endpoint),
            "content-encoding": "aes128gcm",
            "ttl": "60",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        encrypted = body if body is not None else encrypted_for(browser, content)
        sent = {name: value for name, value in given.items() if value}
        return httpx.post(browser.endpoint, content=encrypted, headers=sent, trust_env=False)


def encrypted_for(browser: Browser, content: str) -> bytes:
    return bytes(
        http_ece.encrypt(
            content.encode(),
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=decoded(browser.p256dh),
            auth_secret=decoded(browser.auth),
            version="aes128gcm",
        )
    )


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture(scope="module")
def application() -> Application:
    return Application()


@pytest.fixture
def browser(cloud: LocalCloud, application: Application) -> Browser:
    return Browser(cloud, application.public_key)


def test_what_an_application_pushes_waits_encrypted_for_the_browser(
    cloud: LocalCloud, application: Application, browser: Browser
) -> None:
    assert application.push(browser, "こんにちは", urgency="high").status_code == 201
    assert application.push(browser, "second").status_code == 201
    assert browser.received() == ["こんにちは", "second"]
    first, _ = cloud.push_service.messages(browser.endpoint)
    assert (first.ttl, first.urgency, first.topic) == (60, "high", "")
    assert "こんにちは".encode() not in first.body


def test_a_newer_message_of_a_topic_replaces_the_older(application: Application, browser: Browser) -> None:
    for content, topic in (("1", "lunch"), ("2", "tea"), ("3", "lunch")):
        application.push(browser, content, topic=topic)
    assert browser.received() == ["2", "3"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": ""}, 401),
        ({"authorization": "vapid t=x.y.z"}, 401),
        ({"ttl": ""}, 400),
        ({"content_encoding": "aesgcm"}, 400),
        ({"topic": "a topic with spaces"}, 400),
        ({"urgency": "now"}, 400),
    ],
)
def test_a_message_without_what_the_rfc_asks_for_is_refused(
    application: Application, browser: Browser, headers: dict[str, str], status: int
) -> None:
    assert application.push(browser, "x", **headers).status_code == status
    assert browser.received() == []


def test_a_token_of_another_application_or_audience_or_of_too_long_life_is_refused(
    application: Application, browser: Browser
) -> None:
    tokens = [
        Application().authorization(browser.endpoint),
        application.authorization(browser.endpoint, aud="https://push.example.com"),
        application.authorization(browser.endpoint, exp=int(time.time()) - 60),
        application.authorization(browser.endpoint, exp=int(time.time()) + 2 * 86_400),
        # Signed by somebody else, in the application's name.
        Application().authorization(browser.endpoint).split(", k=")[0] + f", k={application.public_key}",
    ]
    assert [application.push(browser, "x", authorization=token).status_code for token in tokens] == [403] * 5
    assert browser.received() == []


def test_a_message_above_4096_bytes_is_refused(application: Application, browser: Browser) -> None:
    assert application.push(browser, "", body=b"x" * 4097).status_code == 413
    assert application.push(browser, "", body=b"x" * 4096).status_code == 201


def test_a_subscription_that_ended_and_one_that_never_was(
    cloud: LocalCloud, application: Application, browser: Browser
) -> None:
    cloud.push_service.answer(browser.endpoint, 429)
    assert application.push(browser, "x").status_code == 429
    cloud.push_service.answer(browser.endpoint, 0)
    assert application.push(browser, "y").status_code == 201
    browser.unsubscribe()
    assert application.push(browser, "x").status_code == 410
    assert browser.received() == ["y"]
    browser.endpoint += "0"
    assert application.push(browser, "x").status_code == 404
