"""Web Push: an encrypted message (RFC 8291) to the push service of a browser (RFC 8030), signed by VAPID (RFC 8292)."""

import json
import time
from base64 import urlsafe_b64encode
from functools import cache, cached_property
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import urlsplit

import boto3
import http_ece
import jwt
import urllib3
from botocore.config import Config
from cryptography.hazmat.primitives.asymmetric import ec

from notices import Device
from notices.push_services import decoded

# What fails is retried by the queue, minutes later. An answer that leads elsewhere is a failure.
_http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=5), retries=False)
_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
# A notice that a browser could not be given for a day is no news.
_TTL_SECONDS = 24 * 3600
_TOKEN_SECONDS = 12 * 3600  # push services take 24 hours at most
_RENEWED_SECONDS = 3600
# Of 32 characters, which is the longest that push services take: newer messages with a topic replace older ones.
_TOPIC_LENGTH = 32
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class PushServiceError(Exception):
    """The push service did not take the message."""


class Vapid:
    """Signs requests to push services with the private key of the application.

    Args:
        secret_id: The secret of ``VapidKeys``, or its replica here.
        contact: Whom operators of push services write to.
    """

    def __init__(self, secret_id: str, contact: str) -> None:
        self._secret_id = secret_id
        self._contact = contact
        self._tokens: dict[str, tuple[float, str]] = {}

    def authorization(self, endpoint: str) -> str:
        """Return the header for a push service, whose token is used for some hours."""
        parts = urlsplit(endpoint)
        audience = f"{parts.scheme}://{parts.netloc}"
        now = time.time()
        expires, token = self._tokens.get(audience, (0.0, ""))
        if expires - now < _RENEWED_SECONDS:
            expires = now + _TOKEN_SECONDS
            claims = {"aud": audience, "exp": int(expires), "sub": self._contact}
            token = jwt.encode(claims, self._pair["private_key"], algorithm="ES256")
            self._tokens[audience] = (expires, token)
        return f"vapid t={token}, k={self._pair['public_key']}"

    @cached_property
    def _pair(self) -> dict[str, str]:
        client = boto3.client("secretsmanager", config=_CONFIG)
        pair: dict[str, str] = json.loads(client.get_secret_value(SecretId=self._secret_id)["SecretString"])
        return pair


@cache
def vapid(secret_id: str, contact: str) -> Vapid:
    """Return what signs; the secret is read when it is first used."""
    return Vapid(secret_id, contact)


def send(signer: Vapid, device: Device, topic: str, content: bytes) -> bool:
    """Send a message to a browser; False when its subscription has ended, or never was one.

    Raises:
        PushServiceError: when the push service did not take it; another try may succeed.
        urllib3.exceptions.HTTPError: when the push service could not be reached.
    """
    body = encrypt(device, content)
    if body is None:
        return False
    headers = {
        "Authorization": signer.authorization(device.token),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(_TTL_SECONDS),
        "Topic": urlsafe_b64encode(sha256(topic.encode()).digest()).decode()[:_TOPIC_LENGTH],
        "Urgency": "normal",
    }
    answer = _http.request("POST", device.token, body=body, headers=headers, redirect=False)
    if answer.status in _GONE:
        return False
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        # Not the endpoint: who has it can send, and logs are read by many.
        raise PushServiceError(f"{urlsplit(device.token).hostname} answered {answer.status}: {answer.data[:200]!r}")
    return True


def encrypt(device: Device, content: bytes) -> bytes | None:
    """Encrypt for a browser; None when its public key is no point of the curve."""
    try:
        body: bytes = http_ece.encrypt(
            content,
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=decoded(device.p256dh),
            auth_secret=decoded(device.auth),
            version="aes128gcm",
        )
    except ValueError:
        return None
    return body
