"""The rules of the receiver, for any input that a sender can make up."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_constructs.workflow.handlers.receiver.environment import Sender
from cdp_constructs.workflow.handlers.receiver.rules import RejectedError, delivery_id, group_of, verify

NOW = 1_795_000_000
GITHUB = Sender(
    scheme="hmac-sha256",
    signature_header="x-hub-signature-256",
    signature_prefix="sha256=",
    signature_encoding="hex",
    timestamp_header="",
    delivery_header="x-github-delivery",
    delivery_pointer="",
    group_by="/issue/id",
    equal_bodies_are_replays=True,
)
STANDARD = Sender(
    scheme="standard-webhooks",
    signature_header="webhook-signature",
    signature_prefix="v1,",
    signature_encoding="base64",
    timestamp_header="webhook-timestamp",
    delivery_header="webhook-id",
    delivery_pointer="",
    group_by="",
    equal_bodies_are_replays=False,
)
BACKLOG = Sender(
    scheme="secret-in-address",
    signature_header="",
    signature_prefix="",
    signature_encoding="hex",
    timestamp_header="",
    delivery_header="",
    delivery_pointer="/id",
    group_by="/content/id",
    equal_bodies_are_replays=False,
)
SHOPIFY = replace(GITHUB, signature_header="x-shopify-hmac-sha256", signature_prefix="", signature_encoding="base64")
GITLAB = replace(GITHUB, scheme="shared-token", signature_header="x-gitlab-token", signature_prefix="")
SVIX = replace(
    STANDARD, signature_header="svix-signature", timestamp_header="svix-timestamp", delivery_header="svix-id"
)
HEADERS = st.dictionaries(
    st.sampled_from(["x-hub-signature-256", "webhook-signature", "webhook-timestamp", "webhook-id"]),
    st.text(max_size=40),
)


@given(
    headers=HEADERS,
    raw=st.binary(max_size=200),
    sender=st.sampled_from([GITHUB, STANDARD, BACKLOG, SHOPIFY, GITLAB, SVIX]),
)
def test_what_is_not_signed_is_refused_with_a_reason(headers: dict[str, str], raw: bytes, sender: Sender) -> None:
    with pytest.raises(RejectedError):
        verify(sender, headers, raw, ["secret"], now=NOW)


@given(raw=st.binary(max_size=200), secret=st.text(max_size=40))
def test_what_is_signed_is_accepted_whatever_it_is(raw: bytes, secret: str) -> None:
    digest = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    verify(GITHUB, {"x-hub-signature-256": f"sha256={digest}"}, raw, ["other", secret], now=NOW)


@given(raw=st.binary(max_size=200), key=st.binary(min_size=1, max_size=40))
def test_a_standard_webhook_is_signed_with_the_key_in_its_secret(raw: bytes, key: bytes) -> None:
    mac = hmac.new(key, b".".join((b"msg", str(NOW).encode(), raw)), hashlib.sha256)
    headers = {
        "webhook-id": "msg",
        "webhook-timestamp": str(NOW),
        "webhook-signature": f"v1,{base64.b64encode(mac.digest()).decode()}",
    }
    verify(STANDARD, headers, raw, [f"whsec_{base64.b64encode(key).decode()}"], now=NOW)


@given(raw=st.binary(max_size=200), secret=st.text(max_size=40))
def test_a_signature_is_base64_where_the_sender_writes_it_so(raw: bytes, secret: str) -> None:
    digest = hmac.new(secret.encode(), raw, hashlib.sha256).digest()
    encoded = base64.b64encode(digest).decode()
    verify(SHOPIFY, {"x-shopify-hmac-sha256": encoded}, raw, [secret], now=NOW)
    with pytest.raises(RejectedError):
        verify(SHOPIFY, {"x-shopify-hmac-sha256": encoded.swapcase()}, raw, [secret], now=NOW)


WRITTEN: dict[str, tuple[Sender, Callable[[bytes], str]]] = {
    "hexadecimal in lower case": (GITHUB, lambda digest: f"sha256={digest.hex()}"),
    "hexadecimal in upper case": (GITHUB, lambda digest: f"sha256={digest.hex().upper()}"),
    "a prefix with a space": (replace(GITHUB, signature_prefix="HMAC v="), lambda digest: f"HMAC v={digest.hex()}"),
    "base64": (SHOPIFY, lambda digest: base64.b64encode(digest).decode()),
    "base64 without padding": (SHOPIFY, lambda digest: base64.b64encode(digest).decode().rstrip("=")),
    "base64url": (SHOPIFY, lambda digest: base64.urlsafe_b64encode(digest).decode()),
    "between blanks": (SHOPIFY, lambda digest: f" {base64.b64encode(digest).decode()} "),
}


@given(raw=st.binary(max_size=200), name=st.sampled_from(list(WRITTEN)))
def test_a_signature_is_compared_by_what_it_means(raw: bytes, name: str) -> None:
    sender, written = WRITTEN[name]
    digest = hmac.new(b"secret", raw, hashlib.sha256).digest()
    verify(sender, {sender.signature_header: written(digest)}, raw, ["secret"], now=NOW)
    for other in (digest[:-1], digest + b"0", bytes([digest[0] ^ 1, *digest[1:]]), b""):
        with pytest.raises(RejectedError):
            verify(sender, {sender.signature_header: written(other)}, raw, ["secret"], now=NOW)


@pytest.mark.parametrize(
    "given_signature",
    [
        "SHA256={hex}",
        "sha256= {hex}",
        "{hex}",
        "sha256={hex} sha256={hex}",
        "sha256={hex}\x00",
        "sha256=\uff10{hex}",
        "sha256={base64}",
        "sha256=\ud800",
        "sha256=é",
    ],
)
def test_what_only_looks_like_a_signature_is_refused(given_signature: str) -> None:
    digest = hmac.new(b"secret", b"{}", hashlib.sha256).digest()
    header = given_signature.format(hex=digest.hex(), base64=base64.b64encode(digest).decode())
    with pytest.raises(RejectedError):
        verify(GITHUB, {"x-hub-signature-256": header}, b"{}", ["secret"], now=NOW)


def test_a_token_is_compared_as_it_is() -> None:
    verify(GITLAB, {"x-gitlab-token": "two words"}, b"{}", ["two words"], now=NOW)
    verify(GITLAB, {"x-gitlab-token": "Secret"}, b"{}", ["former", "Secret"], now=NOW)
    for wrong in ("secret", "", "Secret2"):
        with pytest.raises(RejectedError):
            verify(GITLAB, {"x-gitlab-token": wrong}, b"{}", ["Secret"], now=NOW)


@pytest.mark.parametrize(
    "secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2VjcmV0IQ"]
)
@pytest.mark.parametrize("sender", [STANDARD, SVIX])
def test_a_secret_is_base64_with_and_without_its_prefix_under_both_names(sender: Sender, secret: str) -> None:
    key = base64.b64decode(secret.removeprefix("whsec_") + "==")
    digest = hmac.new(key, b".".join((b"msg", str(NOW).encode(), b"{}")), hashlib.sha256).digest()
    headers = {
        sender.delivery_header: "msg",
        sender.timestamp_header: str(NOW),
        # One of another key stands before it, while the sender changes its secret.
        sender.signature_header: f"v1,AAAA v1,{base64.b64encode(digest).decode().rstrip('=')}",
    }
    verify(sender, headers, b"{}", [secret], now=NOW)


@given(given_id=st.text(max_size=200), raw=st.binary(max_size=50))
def test_an_id_can_be_written_into_keys_and_logs(given_id: str, raw: bytes) -> None:
    found = delivery_id(GITHUB, {"x-github-delivery": given_id}, raw)
    assert 1 <= len(found) <= 128
    assert found.isprintable()


@given(body=st.text(max_size=100))
def test_any_body_has_a_group_or_none(body: str) -> None:
    assert group_of(GITHUB, body) is None or isinstance(group_of(GITHUB, body), str)


@pytest.mark.parametrize("number", [7, "7", 0, "", {"a": 1}, [1]])
def test_the_group_is_what_the_pointer_finds(number: object) -> None:
    assert group_of(GITHUB, json.dumps({"issue": {"id": number}})) == json.dumps(number)


@pytest.mark.parametrize("body", ["", "[]", "{", '{"issue": 1}', '{"issue": {"id": null}}', '{"issue": {"id": NaN}}'])
def test_what_the_pointer_does_not_find_is_no_group(body: str) -> None:
    assert group_of(GITHUB, body) is None


@given(raw=st.binary(max_size=200), secret=st.text(st.characters(codec="ascii"), min_size=1, max_size=40))
def test_who_knows_the_address_may_send_what_nobody_signs(raw: bytes, secret: str) -> None:
    verify(BACKLOG, {}, raw, ["former", secret], now=NOW, address_secret=secret)
    for wrong in ("", f"{secret}x", "{secret}"):
        with pytest.raises(RejectedError, match="wrong-address"):
            verify(BACKLOG, {}, raw, [f"{secret}."], now=NOW, address_secret=wrong)


@pytest.mark.parametrize(
    ("body", "same"),
    [(b'{"id": 7}', "7"), (b'{"id": "7a"}', '"7a"'), (b'{"id": null}', None), (b"[]", None), (b'{"id": "\xff"}', None)],
)
def test_an_id_in_the_body_names_the_delivery_and_without_one_the_body_does(body: bytes, same: str | None) -> None:
    assert delivery_id(BACKLOG, {"x-github-delivery": "other"}, body) == (same or hashlib.sha256(body).hexdigest())
