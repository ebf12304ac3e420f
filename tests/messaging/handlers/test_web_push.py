"""To which addresses messages for browsers go, what is in them, and what the answers of push services mean."""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from types import SimpleNamespace
from typing import Any

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import HTTPError, MaxRetryError

from cdp_constructs import PUSH_SERVICES
from cdp_constructs.messaging.handlers.delivery import messages, web_push
from cdp_constructs.messaging.handlers.vapid_keys.pair import make_pair
from notices import Device
from notices.push_services import decoded, is_push_service
from notices.values import LONGEST_TOKEN, check_subscription

FCM = "https://fcm.googleapis.com/fcm/send/abc:def"
BROWSER = ec.generate_private_key(ec.SECP256R1())
SECRET = b"0123456789abcdef"


def base64url(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


P256DH = base64url(BROWSER.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
AUTH = base64url(SECRET)
DEVICE = Device(device="d", platform="web_push", token=FCM, p256dh=P256DH, auth=AUTH)


@pytest.mark.parametrize(
    "endpoint",
    [
        FCM,
        "https://fcm.googleapis.com/wp/abc_d-e%20f",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAA",
        "https://web.push.apple.com/QO",
        "https://wns2-db5p.notify.windows.com/w/?token=BQYAAA%3d%3d",
        "https://fcm.googleapis.com:443/fcm/send/abc",
    ],
)
def test_endpoints_of_the_browsers_push_services_are_taken(endpoint: str) -> None:
    assert is_push_service(endpoint, PUSH_SERVICES)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/fcm/send/abc",
        "https://fcm.googleapis.com:8443/x",
        "https://fcm.googleapis.com",
        "https://FCM.googleapis.com/x",
        "https://evil.example/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evil.example/fcm.googleapis.com/",
        "https://evilpush.apple.com/x",
        "https://push.apple.com/x",
        "https://user@fcm.googleapis.com/x",
        "https://fcm.googleapis.com@evil.example/x",
        "https://evil.example\\@fcm.googleapis.com/x",
        "https://fcm.googleapis.com\\.evil.example/x",
        "https://evil.example#@fcm.googleapis.com/x",
        "https://evil.example?x=.push.apple.com/x",
        "https://fcm.googleapis.com/x\r\nHost: evil.example",
        "https://fcm.googleapis.com/x#fragment",
        "https://127.0.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://localhost/x",
        "http://localhost:9001/2018-06-01/runtime/invocation/next",
        "file:///etc/passwd",
        "//fcm.googleapis.com/x",
        "",
    ],
)
def test_every_other_address_is_refused(endpoint: str) -> None:
    assert not is_push_service(endpoint, PUSH_SERVICES)
    with pytest.raises(ValueError, match="endpoint is at no push service that is known here"):
        check_subscription(endpoint, P256DH, AUTH, PUSH_SERVICES)


def test_the_embedded_cloud_is_reached_where_the_operator_has_listed_it_only() -> None:
    local = "http://localhost:41234/_aws/web-push/abc"
    assert is_push_service(local, [*PUSH_SERVICES, "localhost"])
    assert not is_push_service("http://localhost:41234@evil.example/x", ["localhost"])
    assert not is_push_service("http://127.0.0.1:41234/x", ["localhost"])


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        ("", AUTH),
        (P256DH, ""),
        (P256DH[:-4], AUTH),
        (P256DH, AUTH[:-4]),
        (P256DH, AUTH + "AAAA"),
        (base64url(b"\x02" + b"0" * 64), AUTH),
        ("ä" * 87, AUTH),
        (P256DH.replace(P256DH[5], "+"), AUTH),
    ],
    # Keys are made anew each time; the workers must call the tests by the same names.
    ids=["no key", "no secret", "short key", "short secret", "long secret", "no point", "no ASCII", "no base64url"],
)
def test_keys_that_no_browser_makes_are_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(ValueError, match=r"p256dh is no|auth is no"):
        check_subscription(FCM, p256dh, auth, PUSH_SERVICES)


def test_a_browser_has_one_id_for_its_endpoint_whatever_its_keys() -> None:
    first = check_subscription(FCM, P256DH, AUTH, PUSH_SERVICES)
    assert first == check_subscription(FCM, P256DH, base64url(b"f" * 16), PUSH_SERVICES)
    assert first != check_subscription(FCM + "g", P256DH, AUTH, PUSH_SERVICES)
    with pytest.raises(ValueError, match="there is no Web Push"):
        check_subscription(FCM, P256DH, AUTH, None)
    with pytest.raises(ValueError, match="no push service"):
        check_subscription(FCM + "x" * LONGEST_TOKEN, P256DH, AUTH, PUSH_SERVICES)


class PushService:
    """Answers with one status, and keeps what was asked."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.asked: list[dict[str, Any]] = []

    def request(self, method: str, url: str, **options: Any) -> SimpleNamespace:
        self.asked.append({"method": method, "url": url, **options})
        return SimpleNamespace(status=self.status, data=b"why")


def signer(pair: dict[str, str]) -> web_push.Vapid:
    made = web_push.Vapid("secret", "mailto:operators@example.com")
    made.__dict__["_pair"] = pair  # as the secret has it
    return made


def sent(monkeypatch: pytest.MonkeyPatch, status: int, device: Device = DEVICE) -> tuple[bool, dict[str, Any]]:
    service = PushService(status)
    monkeypatch.setattr(web_push, "_http", service)
    taken = web_push.send(signer(make_pair()), device, "room-7", b'{"title":"Lunch"}')
    return taken, service.asked[0] if service.asked else {}


def test_a_message_is_encrypted_for_the_browser_with_topic_and_time_to_live(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, asked = sent(monkeypatch, 201)
    assert taken
    assert (asked["method"], asked["url"], asked["redirect"]) == ("POST", FCM, False)
    assert b"Lunch" not in asked["body"]
    assert http_ece.decrypt(asked["body"], private_key=BROWSER, auth_secret=SECRET) == b'{"title":"Lunch"}'
    headers = asked["headers"]
    assert (headers["TTL"], headers["Urgency"], headers["Content-Encoding"]) == ("86400", "normal", "aes128gcm")
    # Of the room, and not readable: the push service reads headers.
    assert len(headers["Topic"]) == 32
    assert "room" not in headers["Topic"]
    assert sent(monkeypatch, 201)[1]["headers"]["Topic"] == headers["Topic"]


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_has_ended_is_told_from_a_failure(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sent(monkeypatch, status)[0] is False


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 413, 429, 500, 503])
def test_every_other_answer_fails_and_names_the_host_but_not_the_endpoint(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(web_push.PushServiceError, match=f"fcm.googleapis.com answered {status}: b'why'") as failure:
        sent(monkeypatch, status)
    assert "abc:def" not in str(failure.value)


def test_a_key_that_is_no_point_of_the_curve_ends_the_subscription_and_asks_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = Device(device="d", platform="web_push", token=FCM, p256dh=base64url(b"\x04" + b"1" * 64), auth=AUTH)
    assert sent(monkeypatch, 201, broken) == (False, {})


def test_vapid_token_is_for_the_push_service_and_valid_for_less_than_a_day() -> None:
    pair = make_pair()
    vapid = signer(pair)
    scheme, _, rest = vapid.authorization(FCM).partition(" ")
    token, key = (part.partition("=")[2] for part in rest.split(", "))
    point = urlsafe_b64decode(key + "=")
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    claims = jwt.decode(token, public_key, algorithms=["ES256"], audience="https://fcm.googleapis.com")
    assert (scheme, key, claims["sub"]) == ("vapid", pair["public_key"], "mailto:operators@example.com")
    assert 3600 < claims["exp"] - time.time() < 24 * 3600
    # Used again, as push services ask for.
    assert vapid.authorization(FCM + "2") == vapid.authorization(FCM)
    assert vapid.authorization("https://web.push.apple.com/x") != vapid.authorization(FCM)


@given(title=st.text(min_size=1, max_size=100), body=st.text(min_size=1, max_size=300), topic=st.text(max_size=256))
def test_every_notice_fits_into_what_push_services_take(title: str, body: str, topic: str) -> None:
    link = "https://chat.example.com/" + "x" * 975
    notice = {"title": title, "body": body, "link": link}
    content = messages.web_push_content(messages.Message(topic, "ja", [notice], 12))
    assert len(web_push.encrypt(DEVICE, content) or b"") <= 4096
    shown = json.loads(content)
    assert (shown["topic"], shown["link"]) == (topic, link)


def test_text_that_does_not_fit_leaves_the_title() -> None:
    notice = {"title": "😀" * 100, "body": "\x01" * 300, "link": "https://chat.example.com/" + "x" * 975}
    shown = json.loads(messages.web_push_content(messages.Message("\x01" * 256, "en", [notice], 1)))
    assert (shown["title"], shown["body"]) == ("😀" * 100, "")


def test_decoding_of_what_is_no_base64url_is_empty() -> None:
    assert [decoded(text) for text in ("=", "a", "ä", "a b", "+/+/")] == [b""] * 5


def test_failures_of_the_network_are_those_that_the_channel_knows() -> None:
    assert issubclass(MaxRetryError, HTTPError)
