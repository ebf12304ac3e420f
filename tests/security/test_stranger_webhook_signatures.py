"""A stranger at the webhook of the IoT system, without its secret."""

import hashlib
import hmac
import json
from collections.abc import Callable
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from cdp_constructs.testing import eventually
from demo.iot.operator import Operator


class Hook:
    """The webhook, and its secret for what a sender would do."""

    def __init__(self, operator: Operator) -> None:
        host = urlsplit(operator.outputs["WebhookUrl"])
        base = operator.cloud.http_api_url((host.hostname or "").partition(".")[0], operator.region)
        secret = operator.client("secretsmanager").get_secret_value(SecretId=operator.outputs["WebhookSecretArn"])
        self.url = f"{base.rstrip('/')}{host.path}"
        self.secret = str(secret["SecretString"])
        self.operator = operator

    def post(self, body: bytes, signature: bytes | None, delivery: str = "") -> httpx.Response:
        headers: list[tuple[bytes, bytes]] = [
            (b"Content-Type", b"application/json"),
            (b"X-GitHub-Delivery", (delivery or str(uuid4())).encode()),
        ]
        if signature is not None:
            headers.append((b"X-Hub-Signature-256", signature))
        return httpx.post(self.url, content=body, headers=headers, timeout=30)

    def signed(self, body: bytes, secret: str | None = None) -> bytes:
        return f"sha256={self.digest(body, secret)}".encode()

    def digest(self, body: bytes, secret: str | None = None) -> str:
        return hmac.new((self.secret if secret is None else secret).encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture(scope="module")
def hook(operator: Operator) -> Hook:
    return Hook(operator)


def event(number: int) -> bytes:
    return json.dumps({"action": "opened", "issue": {"id": number, "title": "It creaks"}}).encode()


SIGNATURES: dict[str, Callable[[Hook, bytes], bytes | None]] = {
    "none": lambda _hook, _body: None,
    "an empty one": lambda _hook, _body: b"",
    "the prefix alone": lambda _hook, _body: b"sha256=",
    "a wrong one": lambda _hook, _body: b"sha256=" + b"0" * 64,
    "one of an empty secret": lambda hook, body: hook.signed(body, ""),
    "one of another secret": lambda hook, body: hook.signed(body, "guessed"),
    "one without the prefix": lambda hook, body: hook.digest(body).encode(),
    "one whose prefix is in upper case": lambda hook, body: hook.signed(body).upper(),
    "one of SHA-1": lambda hook, body: f"sha1={hmac.new(hook.secret.encode(), body, 'sha1').hexdigest()}".encode(),
    "one of another body": lambda hook, body: hook.signed(body + b" "),
    "one that is cut off": lambda hook, body: hook.signed(body)[:-2],
    "one of other characters": lambda _hook, _body: "sha256=é".encode("latin-1"),
    "one of long length": lambda _hook, _body: b"sha256=" + b"0" * 4000,
}
NUMBERS = {name: 4_000_000 + number for number, name in enumerate(SIGNATURES)}


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_is_not_signed_opens_no_ticket(hook: Hook, name: str) -> None:
    number = NUMBERS[name]
    body = event(number)
    assert hook.post(body, SIGNATURES[name](hook, body)).status_code == 401
    # The same event with a signature is accepted: it was the signature.
    accepted = event(number + 1000)
    assert hook.post(accepted, hook.signed(accepted)).status_code == 202
    eventually(lambda: f"issue/{number + 1000}" in hook.operator.tickets())
    assert f"issue/{number}" not in hook.operator.tickets()


def test_a_body_that_is_too_large_is_refused(hook: Hook) -> None:
    body = json.dumps({"action": "opened", "issue": {"id": 4_100_000, "title": "x" * 300_000}}).encode()
    assert hook.post(body, hook.signed(body)).status_code in {413, 400}
    small = event(4_100_001)
    assert hook.post(small, hook.signed(small)).status_code == 202


def test_many_signatures_are_tried_quickly_and_none_fits(hook: Hook) -> None:
    body = event(4_200_000)
    many = b",".join(b"sha256=" + b"%064d" % number for number in range(100))
    assert hook.post(body, many).status_code == 401
    assert hook.post(body, hook.signed(body)).status_code == 202


def test_the_same_delivery_is_worked_on_once(hook: Hook) -> None:
    body, delivery = event(4_300_000), str(uuid4())
    answers = [hook.post(body, hook.signed(body), delivery).status_code for _ in range(3)]
    assert answers == [202, 200, 200]
