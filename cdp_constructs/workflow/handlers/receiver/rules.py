"""Which deliveries are accepted, what names them, and what they are about: no AWS."""

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from pydantic_core import from_json

from .environment import Sender

LARGEST_BODY = 256 * 1024
# A message of SQS has at most 1 MiB; the rest is for headers.
LARGEST_TEXT = 900_000
LONGEST_ID = 128
_FROM_BASE64URL = str.maketrans("-_", "+/")
TIMESTAMP = re.compile(r"[0-9]{1,12}")
# What Standard Webhooks recommends: https://github.com/standard-webhooks/standard-webhooks
OLDEST_SECONDS = 300


class RejectedError(Exception):
    """The delivery is refused; the message is the reason."""

    def __init__(self, reason: str, status: HTTPStatus = HTTPStatus.UNAUTHORIZED) -> None:
        super().__init__(reason)
        self.status = status


def delivery_id(sender: Sender, headers: Mapping[str, str], raw: bytes) -> str:
    """Return the sender's id of the delivery; without one, equal bodies are one delivery."""
    if sender.delivery_pointer:
        given = _found(sender.delivery_pointer, raw)
    else:
        given = headers.get(sender.delivery_header) if sender.delivery_header else None
    return given if given and len(given) <= LONGEST_ID and given.isprintable() else hashlib.sha256(raw).hexdigest()


def verify(
    sender: Sender,
    headers: Mapping[str, str],
    raw: bytes,
    secrets: Iterable[str],
    *,
    now: float,
    address_secret: str = "",
) -> None:
    """Check size, time and signature, or the secret in the address.

    Args:
        sender: How it signs.
        headers: By name in lower case.
        raw: The body.
        secrets: Any of them may have signed it; they are only asked for when everything else is right.
        now: Epoch seconds.
        address_secret: The last part of the address that was called.

    Raises:
        RejectedError: with what is wrong.
    """
    if len(raw) > LARGEST_BODY:
        raise RejectedError("body-too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if sender.scheme == "secret-in-address":
        if not any(hmac.compare_digest(as_bytes(address_secret), secret.encode()) for secret in secrets):
            raise RejectedError("wrong-address")
        return
    given = headers.get(sender.signature_header, "")
    if not given:
        raise RejectedError("no-signature")
    signed = _signed(sender, headers, raw, now)
    # Standard Webhooks allows several signatures, while the sender changes its secret.
    found = given.split() if sender.scheme == "standard-webhooks" else [given.strip()]
    signatures = [_meant(sender, one) for one in found]
    for secret in secrets:
        for expected in _expected(sender, secret, signed):
            if any(hmac.compare_digest(one, expected) for one in signatures):
                return
    raise RejectedError("wrong-signature")


def text_of(raw: bytes) -> str:
    """Return the body as text; what is not UTF-8 cannot be JSON either, and is escaped readably.

    Raises:
        RejectedError: when the text is too large for a message of the queue, as only binary bodies can be.
    """
    text = raw.decode(errors="backslashreplace")
    if len(json.dumps(text)) > LARGEST_TEXT:
        raise RejectedError("body-too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return text


def as_bytes(text: str) -> bytes:
    """Encode what an event calls text, whatever it is."""
    return text.encode(errors="surrogatepass")


def group_of(sender: Sender, body: str) -> str | None:
    """Return what the delivery is about as text, so that such deliveries stay in order; None when nothing is found."""
    return _found(sender.group_by, body) if sender.group_by else None


def _found(pointer: str, body: bytes | str) -> str | None:
    """Return what a JSON pointer finds, as JSON; None when it is null or there is no such thing."""
    try:
        value: Any = from_json(body, allow_inf_nan=False)
        for part in pointer.removeprefix("/").split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            value = value[int(name)] if isinstance(value, list) else value[name]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return None if value is None else json.dumps(value)


def _signed(sender: Sender, headers: Mapping[str, str], raw: bytes, now: float) -> bytes:
    """Return what the signature covers."""
    if sender.scheme != "standard-webhooks":
        return raw
    moment = headers.get(sender.timestamp_header, "")
    if not TIMESTAMP.fullmatch(moment) or abs(now - int(moment)) > OLDEST_SECONDS:
        raise RejectedError("too-old")
    return b".".join((as_bytes(headers.get(sender.delivery_header, "")), moment.encode(), raw))


def _meant(sender: Sender, given: str) -> bytes:
    """Return the bytes that a signature in the header stands for, empty when it stands for none.

    Senders write the same bytes in either case of hexadecimal digits, and base64 with or without padding.
    """
    if sender.scheme == "shared-token":
        return as_bytes(given)
    if not given.startswith(sender.signature_prefix):
        return b""
    written = given.removeprefix(sender.signature_prefix)
    with contextlib.suppress(ValueError):
        return binascii.unhexlify(written) if sender.signature_encoding == "hex" else _from_base64(written)
    return b""


def _expected(sender: Sender, secret: str, signed: bytes) -> Iterator[bytes]:
    """Yield the bytes that the header stands for if this secret is the sender's."""
    if sender.scheme == "shared-token":
        yield secret.encode()
        return
    for key in _keys(secret) if sender.scheme == "standard-webhooks" else (secret.encode(),):
        yield hmac.new(key, signed, hashlib.sha256).digest()


def _keys(secret: str) -> Iterator[bytes]:
    """Yield the keys that a Standard Webhooks secret may mean: base64, usually after ``whsec_``, or the text itself."""
    with contextlib.suppress(ValueError):
        yield _from_base64(secret.removeprefix("whsec_"))
    yield secret.encode()


def _from_base64(text: str) -> bytes:
    """Decode base64 or base64url, padded or not.

    Raises:
        ValueError: for other text.
    """
    unpadded = text.rstrip("=").translate(_FROM_BASE64URL)
    return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
