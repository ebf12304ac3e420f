"""Web origins: as browsers send them, or refused."""

import pytest
from aws_cdk import Token

from cdp_constructs.core.origins import check_origins
from cdp_constructs.core.validation import InvalidOptionError


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://chat.example.com", "https://chat.example.com"),
        ("https://A.jp", "https://a.jp"),
        ("HTTPS://a.jp", "https://a.jp"),
        ("https://a.jp:443", "https://a.jp"),
        ("https://a.jp:8443", "https://a.jp:8443"),
        ("https://例え.jp", "https://xn--r8jz45g.jp"),
        ("https://straße.de", "https://xn--strae-oqa.de"),
        ("https://my_app.example.com", "https://my_app.example.com"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://localhost:80", "http://localhost"),
        ("http://127.0.0.1:5173", "http://127.0.0.1:5173"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("https://[2001:DB8:0:0::1]", "https://[2001:db8::1]"),
        ("https://[::ffff:1.2.3.4]", "https://[::ffff:102:304]"),
        ("https://192.0.2.1", "https://192.0.2.1"),
        ("http://shop.localhost:8080", "http://shop.localhost:8080"),
    ],
)
def test_origin_is_written_as_browsers_send_it(written: str, sent: str) -> None:
    assert check_origins("Api", [written]) == [sent]


def test_origins_that_are_one_are_one() -> None:
    assert check_origins("Api", ["https://a.jp", "https://A.jp:443", "https://b.jp"]) == [
        "https://a.jp",
        "https://b.jp",
    ]


def test_token_is_left_as_it_is() -> None:
    token = Token.as_string({"Ref": "Origin"})
    assert check_origins("Api", [token]) == [token]


@pytest.mark.parametrize(
    ("origin", "problem"),
    [
        ("*", "wildcards"),
        # Browsers read these as addresses and send four decimal parts.
        ("https://1.2.3", "Expected 4 octets"),
        ("https://0x7f.1", "Expected 4 octets"),
        ("https://*.example.com", "wildcards"),
        ("https://a.jp/", "something stands beside"),
        ("https://a.jp/app", "something stands beside"),
        ("https://a.jp?x=1", "something stands beside"),
        ("https://a.jp#top", "something stands beside"),
        ("https://user@a.jp", "something stands beside"),
        ("https://a b.jp", "something stands beside"),
        (" https://a.jp", "contains"),
        ("https://a.jp\n", "contains"),
        ("a.jp", "something stands beside"),
        ("", "scheme is not https"),
        ("null", "something stands beside"),
        ("capacitor://localhost", "scheme is not https; allow pages of an app's own scheme by a web origin"),
        ("http://a.jp", "http is for names of this machine"),
        ("http://localhost.evil.jp", "http is for names of this machine"),
        ("https://", "no host name"),
        ("https://a..jp", "no host name"),
        ("https://a.jp:0x50", "contains"),
        ("https://a.jp:99999", "contains"),
        ("https://\u200d.jp", "contains"),
        (None, "contains None"),
        (5, "contains 5"),
    ],
)
def test_what_is_no_origin_is_refused_with_the_fix(origin: str, problem: str) -> None:
    with pytest.raises(InvalidOptionError, match=rf"Api: allowed_origins .*{problem}") as refused:
        check_origins("Api", ["https://fine.example.com", origin])
    assert "such as https://chat.example.com" in str(refused.value)


def test_list_is_not_forgotten() -> None:
    with pytest.raises(InvalidOptionError, match=r"is 'https://a.jp'. Give a list: \['https://a.jp'\]"):
        check_origins("Api", "https://a.jp")
    with pytest.raises(InvalidOptionError, match=r"allowed_origins is missing.* or give \[\] for none"):
        check_origins("Api", None)


def test_no_origin_is_said_by_an_empty_list() -> None:
    assert check_origins("Api", []) == []
